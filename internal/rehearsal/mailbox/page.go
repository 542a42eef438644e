package mailbox

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// shown is how many messages the page lists.
const shown = 50

//go:embed web
var web embed.FS

// policy lets the page load its own stylesheet and its own refresh script, and
// nothing from anywhere else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// codeLine is a line that is a one-time code and nothing else.
var codeLine = regexp.MustCompile(`(?m)^\d{4,12}$`)

// linkLine is a line that is a link and nothing else.
var linkLine = regexp.MustCompile(`(?m)^https://[^\s<>"]+$`)

type view struct {
	Filter   string
	Messages []item
	Open     *item
	Count    int
}

type item struct {
	Message
	Sender, Initial, At, Day, Code, Link, Preview string
}

// Handler serves the page and its API. Requests that do not come from loopback, or
// that name another host (DNS rebinding), are refused.
func (b *Box) Handler(zone *time.Location) (http.Handler, error) {
	page, err := template.ParseFS(web, "web/mailbox.html")
	if err != nil {
		return nil, fmt.Errorf("mailbox page: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/messages", b.api)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { b.list(w, r, page, zone) })
	mux.HandleFunc("GET /style.css", asset("web/style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /refresh.js", asset("web/refresh.js", "text/javascript; charset=utf-8"))
	return guard(mux), nil
}

func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if !loopback(r.RemoteAddr) || !(loopback(r.Host) || hostOnly(r.Host) == "localhost") {
			http.Error(w, "Réservé à cette machine.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hostOnly(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.Trim(hostport, "[]")
}

func loopback(hostport string) bool {
	ip := net.ParseIP(hostOnly(hostport))
	return ip != nil && ip.IsLoopback()
}

func (b *Box) api(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	messages := b.Messages(r.URL.Query().Get("to"))
	if n, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && n >= 0 && n < len(messages) {
		messages = messages[:n]
	}
	_ = json.NewEncoder(w).Encode(messages) // the client hung up: nothing to do
}

func (b *Box) list(w http.ResponseWriter, r *http.Request, page *template.Template, zone *time.Location) {
	q := r.URL.Query()
	all := b.Messages(q.Get("to"))
	v := view{Filter: q.Get("to"), Count: len(all)}
	for i, m := range all {
		if i >= shown {
			break
		}
		v.Messages = append(v.Messages, present(m, zone))
	}
	for i := range v.Messages {
		if v.Messages[i].ID == q.Get("id") {
			v.Open = &v.Messages[i]
		}
	}
	if v.Open == nil && len(v.Messages) > 0 {
		v.Open = &v.Messages[0]
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, v) // the client hung up: nothing to do
}

func present(m Message, zone *time.Location) item {
	it := item{Message: m, Code: codeLine.FindString(m.Text), Link: linkLine.FindString(m.Text), Initial: "?"}
	it.Sender, _, _ = strings.Cut(m.From, " <")
	it.Sender = strings.Trim(it.Sender, `"`)
	for _, r := range it.Sender {
		it.Initial = strings.ToUpper(string(r))
		break
	}
	at := m.ReceivedAt.In(zone)
	it.At, it.Day = at.Format("15:04:05"), at.Format("02/01/2006")
	it.Preview = strings.Join(strings.Fields(m.Text), " ")
	if runes := []rune(it.Preview); len(runes) > 90 {
		it.Preview = string(runes[:90]) + "…"
	}
	return it
}

func asset(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		b, err := web.ReadFile(name)
		if err != nil {
			http.Error(w, "introuvable", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(b) // the client hung up: nothing to do
	}
}
