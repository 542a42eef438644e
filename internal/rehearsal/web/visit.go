package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"portillon/internal/words"
)

// langCookie keeps the reader's language; it says nothing else about them.
const langCookie = "__Host-lang"

// Visit is one request and its answer. It is not to be kept.
type Visit struct {
	W http.ResponseWriter
	R *http.Request

	site    *Site
	words   *words.Words
	user    any
	limit   int64 // of the body, in bytes
	session bool  // whether one was loaded
}

func (s *Site) visit(w http.ResponseWriter, r *http.Request) *Visit {
	lang := words.Languages()[0]
	if c, err := r.Cookie(langCookie); err == nil && s.words[c.Value] != nil {
		lang = c.Value
	}
	return &Visit{W: w, R: r, site: s, words: s.words[lang]}
}

// Context is the request's.
func (v *Visit) Context() context.Context { return v.R.Context() }

// Now is the service's time.
func (v *Visit) Now() time.Time { return v.site.Now() }

// Lang is "fr" or "en".
func (v *Visit) Lang() string { return v.words.Language() }

// T is the sentence of key in the reader's language.
func (v *Visit) T(key string) string { return v.words.T(key) }

// Say is the sentence of key in the plural form of count, quoting args.
func (v *Visit) Say(key string, count int, args map[string]string) string {
	return v.words.Say(key, count, args)
}

// Identify tells pages, the error page too, who is signed in: Frame.User, for "nav".
func (v *Visit) Identify(user any) { v.user = user }

// AllowFormTo lets a form of the page rendered next lead, by redirects too, to another
// origin, "https://host:port". Browsers hold the answer to a form against the policy of
// the page the form was on.
func (v *Visit) AllowFormTo(origin string) {
	v.W.Header().Set("Content-Security-Policy", policy(origin))
}

// Form is what a form sent, without what stood in the address.
func (v *Visit) Form() url.Values {
	return v.R.PostForm //nolint:forbidigo // a field of the request; the rule is about http.PostForm
}

// File is the file a form sent in a field; none is an empty one. The form is a
// multipart one, and the pattern's maxBody bounds it.
func (v *Visit) File(field string) ([]byte, error) {
	f, _, err := v.R.FormFile(field)
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// Download sends a file to be kept.
func (v *Visit) Download(name, kind string, content []byte) error {
	h := v.W.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	_, _ = v.W.Write(content) // the reader went away: nobody to tell
	return nil
}

// Frame is what the layout and every page see.
type Frame struct {
	Lang, Other   string   // the page's language, and the one offered
	Path          string   // of the request
	Site          string   // Config.Name
	Section       string   // the path's first part
	User          any      // who is signed in, as Identify had it, or nil
	Notices       []string // what was just done, to be said once
	Data          any      // the page's own
	v             *Visit
	OtherLanguage string // the address of this page in the other language
}

// Render writes page, which is NAME of NAME.html, with status 200.
func (v *Visit) Render(page string, data any) error {
	return v.RenderStatus(http.StatusOK, page, data)
}

// RenderStatus is Render with another status: 422 for a form with mistakes. Nothing is
// written where the template fails.
func (v *Visit) RenderStatus(status int, page string, data any) error {
	t := v.site.pages[v.Lang()][page]
	if t == nil {
		return &Error{Status: http.StatusInternalServerError, Key: "web.error.server", Err: errNoPage}
	}
	f := Frame{Lang: v.Lang(), Path: v.R.URL.Path, Site: v.site.Name, User: v.user, Data: data, v: v}
	f.Section, _, _ = strings.Cut(strings.TrimPrefix(f.Path, "/"), "/")
	f.Other = "en"
	if f.Lang == "en" {
		f.Other = "fr"
	}
	q := v.R.URL.Query()
	q.Set("lang", f.Other)
	f.OtherLanguage = "?" + q.Encode()
	f.Notices = v.popNotices()
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout", f); err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", f.Lang)
	v.W.WriteHeader(status)
	_, _ = v.W.Write(out.Bytes()) // the reader went away: nobody to tell
	return nil
}

// Redirect sends the reader to a path of this site by GET (303). Anything but a local
// path, "/x?y", leads to "/".
func (v *Visit) Redirect(to string) error {
	http.Redirect(v.W, v.R, Local(to), http.StatusSeeOther)
	return nil
}

// Local makes a path of this site of what may come from outside: "/" of anything that
// could lead elsewhere ("//host", "/\host", "https:…").
func Local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(u.Path, "/") || strings.HasPrefix(path.Clean(u.Path), "//") ||
		strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return (&url.URL{Path: path.Clean(u.Path), RawQuery: u.RawQuery}).String()
}

// chooseLanguage keeps the language a link asks for and comes back without it.
func (v *Visit) chooseLanguage() (done bool) {
	if v.R.Method != http.MethodGet || !v.R.URL.Query().Has("lang") {
		return false
	}
	q := v.R.URL.Query()
	if lang := q.Get("lang"); v.site.words[lang] != nil {
		http.SetCookie(v.W, &http.Cookie{
			Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600,
			Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	q.Del("lang")
	_ = v.Redirect((&url.URL{Path: v.R.URL.Path, RawQuery: q.Encode()}).String()) // never fails
	return true
}
