// Package web is what the cockpit's and the portal's pages share: sessions, protection
// against forged requests, headers, words, layout, errors and limits. The packages of
// the two sites call it; it knows neither of them, and no account.
//
//	browser ─ Site.ServeHTTP ─ headers ─ /static/…
//	                         └ session ─ ?lang= ─ forged request? ─ Handler(*Visit) error
//	                                                                 ├ Visit.Render  page in the layout
//	                                                                 ├ Visit.Redirect
//	                                                                 └ error → the one error page
//
// A site is made of New(Config), Site.Handle for each pattern of net/http.ServeMux, and
// a listener with HTTPS. Its words are assets/i18n/SET.fr.json and SET.en.json beside
// web's own; its pages are html/template files that define "title" and "content", and
// may define "nav". What a page may use:
//
//	{{t "key"}}  {{say "key" .Count "name" .Value}}   words, escaped like any value
//	{{csrf .}}                                        the hidden field every form of a POST needs
//	{{asset "x.js"}}                                  the address of a static file
//	.Data                                             what Render was given
//	{{number 12006}}                                  with the language's thousands
//	.Lang .Path .Section .User .Notices               see Frame
//	what Config.Funcs adds
//
// What holds for every site: French unless the reader chose English; no script, style,
// font or request from or to anywhere else (Content-Security-Policy); cookies __Host-,
// HttpOnly, Secure, SameSite; a POST needs the session's token and must come from the
// site itself; nothing is cached but static files; pages work without JavaScript.
package web
