package cas

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portillon/internal/identity/httpwire"
	"portillon/internal/identity/identitytest"
)

//go:embed testdata
var recorded embed.FS

// fixture is an answer that Apereo CAS 7.2.0 gave.
func fixture(t testing.TB, name string) *httpwire.Answer {
	t.Helper()
	status, header, body := identitytest.Recorded(t, recorded, "testdata/7.2.0/"+name+".http")
	return &httpwire.Answer{Status: status, Header: header, Body: body, Now: time.Now()}
}

// combined is the page of a CAS that asks for identifier and password at once: the same
// form, with nothing filled in.
const combined = "password"

// reference behaves as CAS 7.2.0 does, and answers with what was recorded from it.
type reference struct {
	t   testing.TB
	srv identitytest.Server

	mu       sync.Mutex
	seen     []string // "METHOD path field=…", without values but those of selection
	accounts []identitytest.Account
	flows    map[string]*refFlow // by execution
	codes    map[string]refCode  // by address
	sessions map[string]identitytest.Account
	tickets  map[string]identitytest.Account // codes and access tokens too
	mails    map[string][]string
	ahead    time.Duration
	combined bool             // no page asks for the identifier alone
	override http.HandlerFunc // answers instead, when set and when it writes
}

type refFlow struct {
	back url.URL // where to when it is granted
	who  string
}

type refCode struct {
	digits string
	at     time.Time
}

const refCodeLife = 3 * time.Minute

func newReference(t testing.TB) *reference {
	t.Helper()
	r := &reference{t: t, flows: map[string]*refFlow{}, codes: map[string]refCode{}, mails: map[string][]string{},
		sessions: map[string]identitytest.Account{}, tickets: map[string]identitytest.Account{}}
	r.srv = identitytest.Serve(t, r)
	return r
}

const (
	service  = "https://evaluation.example/login/index.php?a=b"
	callback = "https://portillon.example/callback"
)

func (r *reference) config(m Mode) Config {
	return Config{
		Base: r.srv.URL + "/cas", Mode: m, Service: service, ClientID: "portillon", Scope: "openid profile", RedirectURI: callback,
		CodeValid: refCodeLife, RootCAs: r.srv.Roots(), Pins: []string{r.srv.Pin()},
	}
}

func mustNew(t testing.TB, cfg Config) *Provider {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *reference) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *reference) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.seen...)
}

func (r *reference) posts(field string) (n int) {
	for _, l := range r.lines() {
		if strings.HasPrefix(l, "POST") && strings.Contains(l, field) {
			n++
		}
	}
	return n
}

// now wants r.mu held.
func (r *reference) now() time.Time { return time.Now().Add(r.ahead) }

var executionValue = regexp.MustCompile(`(name="execution" value=")[^"]*`)

// page shows a recorded page of a flow.
func (r *reference) page(w http.ResponseWriter, name string, f *refFlow) {
	a := fixture(r.t, name)
	key := rand.Text()
	r.flows[key] = f
	for h, v := range a.Header {
		w.Header()[h] = v
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(executionValue.ReplaceAll(a.Body, []byte("${1}"+key))) // the client may have gone
}

func (r *reference) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the client has gone
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		r.t.Error("not a form")
	}
	line := req.Method + " " + strings.TrimPrefix(req.URL.Path, "/cas")
	for _, f := range []string{"username", "password", "token"} {
		if form.Has(f) {
			line += " " + f
		}
	}
	r.seen = append(r.seen, strings.TrimSpace(line+" "+form.Get("selection")))
	if ua := req.UserAgent(); ua != "portillon" {
		r.t.Errorf("User-Agent %q", ua)
	}
	if r.override != nil {
		sniff := &sniffer{ResponseWriter: w}
		if r.override(sniff, req); sniff.wrote {
			return
		}
	}
	switch req.URL.Path {
	case "/cas/login":
		r.login(w, req, form)
	case "/cas/oauth2.0/authorize":
		r.authorize(w, req)
	case "/cas/oauth2.0/accessToken":
		r.token(w, form)
	case "/cas/oauth2.0/profile":
		r.profile(w, req)
	case "/cas/logout":
		delete(r.sessions, r.tgc(req))
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>bye")
	default:
		http.NotFound(w, req)
	}
}

type sniffer struct {
	http.ResponseWriter
	wrote bool
}

func (s *sniffer) WriteHeader(n int) { s.wrote = true; s.ResponseWriter.WriteHeader(n) }
func (s *sniffer) Write(b []byte) (int, error) {
	s.wrote = true
	return s.ResponseWriter.Write(b)
}

func (r *reference) tgc(req *http.Request) string {
	c, err := req.Cookie("TGC")
	if err != nil {
		return ""
	}
	return c.Value
}

// authorize is where the login of an OAuth client begins and ends.
func (r *reference) authorize(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	if q.Get("client_id") != "portillon" || q.Get("redirect_uri") != callback || q.Get("code_challenge_method") != "S256" {
		r.t.Errorf("authorize %v", q)
	}
	http.SetCookie(w, &http.Cookie{Name: "DISSESSIONOauthOidcServerSupport", Value: rand.Text(), Path: "/cas/", Secure: true})
	if a, in := r.sessions[r.tgc(req)]; in {
		code := "OC-" + rand.Text()
		r.tickets[code+q.Get("code_challenge")] = a
		http.Redirect(w, req, callback+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
		return
	}
	http.Redirect(w, req, "/cas/login?"+url.Values{"service": {r.srv.URL + req.URL.String()}}.Encode(), http.StatusFound)
}

func (r *reference) token(w http.ResponseWriter, form url.Values) {
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	key := form.Get("code") + base64.RawURLEncoding.EncodeToString(sum[:])
	a, good := r.tickets[key]
	delete(r.tickets, key)
	w.Header().Set("Content-Type", "application/json")
	if !good || form.Get("client_id") != "portillon" || form.Has("client_secret") {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	token := "AT-" + rand.Text()
	r.tickets[token] = a
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":28800,"scope":"openid profile"}`, token)
}

func (r *reference) profile(w http.ResponseWriter, req *http.Request) {
	a, good := r.tickets[strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")]
	if !good {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may have gone
		"id": a.Email, "attributes": map[string]any{"displayName": []string{a.Name}}, "client_id": "portillon",
	})
}

func (r *reference) find(address string) (identitytest.Account, bool) {
	for _, a := range r.accounts {
		if address != "" && (a.Email == address || a.Secondary == address) {
			return a, true
		}
	}
	return identitytest.Account{}, false
}

func (r *reference) login(w http.ResponseWriter, req *http.Request, form url.Values) {
	if req.Method == http.MethodGet {
		f := &refFlow{}
		if back, err := url.Parse(req.URL.Query().Get("service")); err == nil {
			f.back = *back
		}
		switch _, in := r.sessions[r.tgc(req)]; {
		case in:
			r.leave(w, req, f)
		case r.combined:
			r.page(w, combined, f)
		default:
			r.page(w, "who", f)
		}
		return
	}
	f := r.flows[form.Get("execution")]
	if f == nil {
		a := fixture(r.t, "stale")
		w.Header().Set("Content-Type", a.Header.Get("Content-Type"))
		w.WriteHeader(a.Status)
		_, _ = w.Write(a.Body)
		return
	}
	r.step(w, req, f, form)
}

func (r *reference) step(w http.ResponseWriter, req *http.Request, f *refFlow, form url.Values) {
	if !form.Has("_eventId") && !form.Has("_eventId_submit") {
		r.t.Error("no event")
	}
	who, token := form.Get("username"), form.Get("token")
	switch {
	case form.Has("password"):
		a, known := r.find(who)
		switch {
		case known && a.Password != "" && form.Get("password") == a.Password:
			r.grant(w, req, f, a)
		case r.combined:
			r.page(w, combined, f)
		default:
			r.page(w, "wrong-password", f)
		}
	case form.Has("selection"):
		if form.Get("selection") == "PASSWORD" {
			r.page(w, "password", f)
			return
		}
		r.send(w, f)
	case form.Has("token"):
		c := r.codes[f.who]
		a, _ := r.find(f.who)
		if c.digits == "" || token != c.digits || r.now().After(c.at.Add(refCodeLife)) {
			r.page(w, "wrong-token", f)
			return
		}
		delete(r.codes, f.who)
		r.grant(w, req, f, a)
	default:
		a, known := r.find(who)
		f = &refFlow{back: f.back, who: who}
		switch {
		case !known:
			r.page(w, "unknown", f)
		case a.Password == "":
			r.send(w, f)
		default:
			r.page(w, "menu", f)
		}
	}
}

func (r *reference) send(w http.ResponseWriter, f *refFlow) {
	digits := fmt.Sprintf("%06d", 7919*(len(r.seen)+13)%1e6)
	r.codes[f.who] = refCode{digits, r.now()}
	r.mails[f.who] = append(r.mails[f.who], digits)
	r.page(w, "token", f)
}

func (r *reference) grant(w http.ResponseWriter, req *http.Request, f *refFlow, a identitytest.Account) {
	tgc := "TGC-" + rand.Text()
	r.sessions[tgc] = a
	http.SetCookie(w, &http.Cookie{Name: "TGC", Value: tgc, Path: "/cas/", Secure: true, HttpOnly: true})
	r.leave(w, req, f)
}

func (r *reference) leave(w http.ResponseWriter, req *http.Request, f *refFlow) {
	to := f.back
	q := to.Query()
	q.Set("ticket", "ST-"+rand.Text())
	to.RawQuery = q.Encode()
	http.Redirect(w, req, to.String(), http.StatusFound)
}
