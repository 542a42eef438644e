package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/web"
)

// pages of a site that echoes: what it is sent, and who is signed in.
func pages() fstest.MapFS {
	return fstest.MapFS{
		"home.html": {Data: []byte(`{{define "title"}}{{t "web.skip"}}{{end}}{{define "content"}}<form method="post" action="/echo">{{csrf .}}
<input name="text" value="{{.Data}}"></form><p class="{{.Data}}">{{.Data}}|{{.User}}</p>{{end}}`)},
	}
}

type browser struct {
	t    *testing.T
	base string
	*http.Client
	now func(time.Duration)
	db  *store.DB
}

// start serves the site; name "web" makes its words its own.
func start(t *testing.T, change ...func(*web.Config)) *browser {
	t.Helper()
	db, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	b := &browser{t: t, db: db, now: func(d time.Duration) { mu.Lock(); at = at.Add(d); mu.Unlock() }}
	conf := web.Config{
		Name: "web", Pages: pages(), DB: db, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return at },
	}
	for _, f := range change {
		f(&conf)
	}
	s, err := web.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("GET /{$}", func(v *web.Visit) error { v.Identify(v.Get("who")); return v.Render("home", v.Get("text")) })
	s.Handle("POST /echo", func(v *web.Visit) error {
		v.Put("text", v.R.PostFormValue("text"))
		v.Notice(v.R.PostFormValue("text"))
		return v.Redirect("/")
	})
	s.Handle("POST /in", func(v *web.Visit) error {
		if err := v.Renew(); err != nil {
			return err
		}
		v.Put("who", "Camille")
		return v.Redirect("/")
	})
	s.Handle("POST /out", func(v *web.Visit) error {
		if err := v.End(); err != nil {
			return err
		}
		return v.Redirect("/")
	})
	s.Handle("GET /to", func(v *web.Visit) error { return v.Redirect(v.R.URL.Query().Get("to")) })
	s.Handle("GET /panic", func(*web.Visit) error { panic("secret") })
	srv := httptest.NewTLSServer(s)
	t.Cleanup(func() {
		srv.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b.base, b.Client = srv.URL, srv.Client()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Jar = jar
	return b
}

type page struct {
	*http.Response
	body string
}

func (b *browser) do(method, path string, form url.Values, edit ...func(*http.Request)) page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range edit {
		f(req)
	}
	res, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{res, string(all)}
}

func (b *browser) get(path string) page { b.t.Helper(); return b.do(http.MethodGet, path, nil) }

var hidden = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (b *browser) token() string {
	b.t.Helper()
	m := hidden.FindStringSubmatch(b.get("/").body)
	if m == nil {
		b.t.Fatal("no token in the form")
	}
	return m[1]
}

func (b *browser) post(path string, kv ...string) page {
	b.t.Helper()
	form := url.Values{"csrf": {b.token()}}
	for i := 0; i < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

func TestTextIsNeverMarkup(t *testing.T) {
	b := start(t)
	for _, hostile := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `{{.}}`, `javascript:alert(1)`} {
		p := b.post("/echo", "text", hostile)
		if p.StatusCode != http.StatusOK || strings.Contains(p.body, "<script>alert") || strings.Contains(p.body, "<img src=x") || strings.Contains(p.body, "' onmouseover") {
			t.Errorf("%q: %d %s", hostile, p.StatusCode, p.body)
		}
	}
}

func TestForgedRequestsAreRefused(t *testing.T) {
	b := start(t)
	token := b.token()
	form := func(tok string) url.Values { return url.Values{"csrf": {tok}, "text": {"x"}} }
	for name, c := range map[string]struct {
		form url.Values
		edit func(*http.Request)
	}{
		"without a token":       {url.Values{"text": {"x"}}, nil},
		"with a wrong token":    {form("AAAAAAAAAAAAAAAAAAAAAAAAAA"), nil},
		"from another site":     {form(token), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }},
		"from another port":     {form(token), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }},
		"from another origin":   {form(token), func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }},
		"without a session":     {form(token), func(r *http.Request) { r.Header.Del("Cookie"); b.Jar = nil }},
		"with the token in URL": {url.Values{"text": {"x"}}, func(r *http.Request) { r.URL.RawQuery = "csrf=" + token }},
	} {
		jar := b.Jar
		edit := func(r *http.Request) {
			if c.edit != nil {
				c.edit(r)
			}
		}
		if p := b.do(http.MethodPost, "/echo", c.form, edit); p.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", name, p.StatusCode)
		}
		b.Jar = jar
	}
	if p := b.post("/echo", "text", "x"); p.StatusCode != http.StatusOK {
		t.Errorf("a right one: %d", p.StatusCode)
	}
}

// A token planted in the browser before signing in is worth nothing after.
func TestSessionFixation(t *testing.T) {
	b := start(t)
	planted := func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "__Host-web", Value: "planted-by-somebody-else-000000000000000000"})
	}
	jar := b.Jar
	b.Jar = nil
	if p := b.do(http.MethodGet, "/", nil, planted); strings.Contains(p.Header.Get("Set-Cookie"), "planted") {
		t.Error("the service took over a token it never gave")
	}
	b.Jar = jar
	b.token()
	u, err := url.Parse(b.base)
	if err != nil {
		t.Fatal(err)
	}
	before := b.Jar.Cookies(u)[0].Value
	if p := b.post("/in"); !strings.Contains(p.body, "Camille") {
		t.Fatal("not signed in")
	}
	if after := b.Jar.Cookies(u)[0].Value; after == before {
		t.Error("the token stayed the same")
	}
	b.Jar = nil
	p := b.do(http.MethodGet, "/", nil, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "__Host-web", Value: before}) })
	if strings.Contains(p.body, "Camille") {
		t.Error("the token of before is signed in")
	}
}

func TestSessionEnds(t *testing.T) {
	for name, c := range map[string]func(*browser){
		"signed out": func(b *browser) { b.post("/out") },
		"unused":     func(b *browser) { b.now(31 * time.Minute) },
		"too old": func(b *browser) {
			for range 30 {
				b.now(25 * time.Minute)
				b.get("/")
			}
		},
	} {
		b := start(t)
		b.post("/in")
		b.now(20 * time.Minute)
		b.get("/")
		b.now(20 * time.Minute)
		if p := b.get("/"); !strings.Contains(p.body, "|Camille") {
			t.Fatalf("%s: ended early", name)
		}
		c(b)
		if p := b.get("/"); strings.Contains(p.body, "|Camille") {
			t.Errorf("%s: still signed in", name)
		}
	}
}

func TestCookieAndHeaders(t *testing.T) {
	p := start(t).get("/")
	cookie := p.Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-web=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %s", cookie, want)
		}
	}
	csp := p.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
		t.Errorf("policy %q", csp)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		if got := p.Header.Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, src := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(p.body, -1) {
		if !strings.HasPrefix(src[1], "/") && !strings.HasPrefix(src[1], "?") && !strings.HasPrefix(src[1], "#") {
			t.Errorf("the page leads elsewhere: %s", src[1])
		}
	}
}

func TestStaticFiles(t *testing.T) {
	b := start(t)
	address := regexp.MustCompile(`/static/style\.[^"]+\.css`).FindString(b.get("/").body)
	p := b.get(address)
	if p.StatusCode != http.StatusOK || !strings.Contains(p.Header.Get("Cache-Control"), "immutable") || p.Header.Get("Set-Cookie") != "" {
		t.Errorf("%s: %d %v", address, p.StatusCode, p.Header)
	}
	font := regexp.MustCompile(`Inter-Regular\.[^)]+\.ttf`).FindString(p.body)
	if q := b.get("/static/" + font); q.StatusCode != http.StatusOK || q.Header.Get("Content-Type") != "font/ttf" {
		t.Errorf("font: %d", q.StatusCode)
	}
	if q := b.get("/static/../web.go"); q.StatusCode != http.StatusNotFound {
		t.Errorf("outside: %d", q.StatusCode)
	}
}

func TestErrorsAreOnePage(t *testing.T) {
	b := start(t)
	for path, want := range map[string]int{"/nowhere": 404, "/panic": 500} {
		if p := b.get(path); p.StatusCode != want || !strings.Contains(p.body, "La page n’a pas pu être affichée") || strings.Contains(p.body, "secret") {
			t.Errorf("%s: %d %s", path, p.StatusCode, p.body)
		}
	}
	if p := b.post("/echo", "text", strings.Repeat("x", web.DefaultMaxBody)); p.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large form: %d", p.StatusCode)
	}
	if p := b.do(http.MethodPut, "/", nil); p.StatusCode < 400 {
		t.Errorf("PUT: %d", p.StatusCode)
	}
}

func TestLanguage(t *testing.T) {
	b := start(t)
	if p := b.get("/"); !strings.Contains(p.body, `<html lang="fr">`) {
		t.Error("not French by default")
	}
	if p := b.get("/?lang=en&x=1"); !strings.Contains(p.body, `<html lang="en">`) || p.Request.URL.RawQuery != "x=1" {
		t.Errorf("%s: not English, or the query was lost", p.Request.URL)
	}
	if p := b.get("/?lang=de"); !strings.Contains(p.body, `<html lang="en">`) {
		t.Error("a language that is not there changed something")
	}
}

func TestLocal(t *testing.T) {
	for in, want := range map[string]string{
		"/people?q=a":   "/people?q=a",
		"":              "/",
		"people":        "/",
		"//evil":        "/",
		"/\\evil":       "/",
		"https://evil":  "/",
		"javascript:x":  "/",
		"/..//evil":     "/evil",
		"///evil":       "/",
		"/%2fevil":      "/evil",
		"/a\r\nSet: x":  "/",
		"/\tevil":       "/",
		"http:/evil":    "/",
		"//evil@host/x": "/",
	} {
		if got := web.Local(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestLimiter(t *testing.T) {
	at := time.Unix(0, 0)
	l := web.NewLimiter(1, 3, func() time.Time { return at })
	for i := range 3 {
		if w := l.Take("a"); w != 0 {
			t.Fatalf("event %d has to wait %s", i, w)
		}
	}
	if w := l.Take("a"); w <= 0 || w > time.Second {
		t.Errorf("the fourth waits %s", w)
	}
	if w := l.Take("b"); w != 0 {
		t.Errorf("another key waits %s", w)
	}
	at = at.Add(time.Second)
	if w := l.Take("a"); w != 0 {
		t.Errorf("after a second it still waits %s", w)
	}
}

func TestFloodIsRefused(t *testing.T) {
	b := start(t)
	b.token()
	for range 200 {
		if p := b.get("/"); p.StatusCode == http.StatusTooManyRequests {
			if p.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		}
	}
	t.Error("200 requests in one second were all served")
}

// FuzzLocal: whatever is asked for, a redirect stays on the site.
func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/a/../..//b", "/%2f%2fx", "/%5cx", "?x", "/;x", "/a?b=//c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := web.Local(in)
		base, _ := url.Parse("https://site.example/dir/")
		u, err := base.Parse(out)
		if err != nil || u.Host != "site.example" || u.Scheme != "https" || strings.HasPrefix(out, "//") || !strings.HasPrefix(out, "/") {
			t.Errorf("%q: %q leads to %v (%v)", in, out, u, err)
		}
	})
}
