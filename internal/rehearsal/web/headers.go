package web

import (
	"net"
	"net/http"
	"strings"
)

// policy is the Content-Security-Policy: everything of this site, nothing inline,
// nothing of others. formTo, where not "", is one more origin forms may lead to.
func policy(formTo string) string {
	form := "form-action 'self'"
	if formTo != "" {
		form += " " + formTo
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; " + form
}

// headers sets what every answer of the site has.
func (s *Site) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy(""))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Of no-referrer a browser makes Origin: null, which cannot be told from a forgery's.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		h.Set("Cache-Control", "no-store")
		if named(r.Host) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// named reports whether a host is a name of its own: not of this machine, whose name
// also serves plain HTTP (the mailbox).
func named(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return net.ParseIP(strings.Trim(host, "[]")) == nil && host != "localhost" && host != ""
}
