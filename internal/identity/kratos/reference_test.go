package kratos

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
	"portillon/internal/identity/identitytest"
)

//go:embed testdata
var recorded embed.FS

// fixture is an answer that Kratos 1.3.1 gave.
func fixture(t testing.TB, name string) *httpwire.Answer {
	t.Helper()
	status, header, body := identitytest.Recorded(t, recorded, "testdata/1.3.1/"+name+".http")
	return &httpwire.Answer{Status: status, Header: header, Body: bytes.TrimSpace(body), Now: noon}
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// seenRequest is one request as it came in.
type seenRequest struct {
	line, body string
	form       url.Values
}

// reference behaves as Kratos 1.3.1 does, and answers with what was recorded from it.
type reference struct {
	t   testing.TB
	srv identitytest.Server

	mu       sync.Mutex
	seen     []seenRequest
	accounts []identitytest.Account
	flows    map[string]*refFlow
	sessions map[string]identitytest.Account
	mails    map[string][]string
	ahead    time.Duration
	first    string           // the fixture of a fresh flow
	override http.HandlerFunc // answers instead, when set
}

type refFlow struct {
	sent   string // to whom
	code   string
	sentAt time.Time
	tries  int
	ends   time.Time
}

const (
	refCodeLife = 3 * time.Minute
	refFlowLife = time.Hour
)

func newReference(t testing.TB) *reference {
	t.Helper()
	r := &reference{t: t, flows: map[string]*refFlow{}, sessions: map[string]identitytest.Account{},
		mails: map[string][]string{}, first: "flow-identifier-first"}
	r.srv = identitytest.Serve(t, r)
	return r
}

func (r *reference) config() Config {
	return Config{
		Base: r.srv.URL, CodeValid: refCodeLife, NameTraits: []string{"name"}, RootCAs: r.srv.Roots(),
		Pins: []string{r.srv.Pin()},
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

func (r *reference) lines() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.seen {
		out = append(out, s.line)
	}
	return out
}

// now wants r.mu held.
func (r *reference) now() time.Time { return time.Now().Add(r.ahead) }

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
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
		form = nil
	}
	seen := seenRequest{line: req.Method + " " + req.URL.Path, body: string(body), form: form}
	for _, f := range []string{"method", "resend", "password", "code"} {
		if form.Has(f) {
			seen.line += " " + f
			if f == "method" {
				seen.line += "=" + form.Get(f)
			}
		}
	}
	r.seen = append(r.seen, seen)
	for _, h := range []string{"Cookie", "Origin"} {
		if req.Header.Get(h) != "" {
			r.t.Errorf("%s is sent; Kratos refuses that of a native client", h)
		}
	}
	if r.override != nil {
		r.override(w, req)
		return
	}
	switch req.URL.Path {
	case "/self-service/login/api":
		id := newID()
		r.flows[id] = &refFlow{ends: r.now().Add(refFlowLife)}
		r.answer(w, r.first, id, nil)
	case "/self-service/login":
		r.login(w, req, form)
	case "/sessions/whoami":
		token := req.Header.Get("X-Session-Token")
		if a, ok := r.sessions[token]; ok {
			r.answer(w, "whoami", newID(), func(m map[string]any) { r.describe(m, a) })
			return
		}
		r.answer(w, "whoami-unknown", "", nil)
	case "/self-service/logout/api":
		var m map[string]string
		if err := json.Unmarshal(body, &m); err != nil || req.Header.Get("Content-Type") != "application/json" {
			r.t.Error("logout takes JSON alone")
		}
		delete(r.sessions, m["session_token"])
		w.WriteHeader(http.StatusNoContent)
	default:
		r.answer(w, "not-found", "", nil)
	}
}

// answer writes a recorded answer with another flow's id, and a last touch.
func (r *reference) answer(w http.ResponseWriter, name, id string, touch func(map[string]any)) {
	a := fixture(r.t, name)
	var m map[string]any
	if json.Unmarshal(a.Body, &m) == nil {
		if id != "" {
			m["id"] = id
		}
		if touch != nil {
			touch(m)
		}
		var err error
		if a.Body, err = json.Marshal(m); err != nil {
			r.t.Error(err)
		}
	}
	w.Header().Set("Content-Type", a.Header.Get("Content-Type"))
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the client may have gone
}

func (r *reference) describe(session map[string]any, a identitytest.Account) {
	session["identity"] = map[string]any{"id": "id of " + a.Email, "traits": map[string]any{"email": a.Email, "name": a.Name}}
}

func (r *reference) find(identifier string) (identitytest.Account, bool) {
	for _, a := range r.accounts {
		if identifier != "" && (a.Email == identifier || a.Secondary == identifier) {
			return a, true
		}
	}
	return identitytest.Account{}, false
}

func (r *reference) login(w http.ResponseWriter, req *http.Request, form url.Values) {
	id := req.URL.Query().Get("flow")
	f := r.flows[id]
	if f == nil {
		r.answer(w, "flow-unknown", "", nil)
		return
	}
	if r.now().After(f.ends) {
		r.answer(w, "flow-expired", "", nil)
		return
	}
	a, known := r.find(form.Get("identifier"))
	switch method := form.Get("method"); {
	case method == "identifier_first" && known:
		r.answer(w, "identified", id, nil)
	case method == "identifier_first":
		r.answer(w, "unknown-account", id, nil)
	case method == "password" && known && form.Get("password") == a.Password:
		r.grant(w, a)
	case method == "password":
		r.answer(w, "wrong-password", id, nil)
	case method == "code" && !known:
		r.answer(w, "unknown-account-code", id, nil)
	case method == "code":
		r.code(w, id, f, a, form)
	default:
		r.t.Errorf("method %q", method)
	}
}

func (r *reference) code(w http.ResponseWriter, id string, f *refFlow, a identitytest.Account, form url.Values) {
	to := form.Get("identifier")
	if f.sent == "" || form.Get("resend") == "code" {
		if form.Has("code") && f.sent == "" {
			r.t.Error("a code for a flow that sent none: Kratos mails one")
		}
		f.sent, f.code, f.sentAt = to, fmt.Sprintf("%06d", 7919*(len(r.seen)+13)%1e6), r.now()
		r.mails[to] = append(r.mails[to], f.code)
		r.answer(w, "code-sent", id, nil)
		return
	}
	f.tries++
	switch {
	case f.tries > 5:
		r.answer(w, "too-many-codes", id, nil)
	case form.Get("code") != f.code:
		r.answer(w, "wrong-code", id, nil)
	case r.now().After(f.sentAt.Add(refCodeLife)):
		r.answer(w, "code-expired", "", nil)
	default:
		r.grant(w, a)
	}
}

func (r *reference) grant(w http.ResponseWriter, a identitytest.Account) {
	token := "ory_st_" + rand.Text()
	r.sessions[token] = a
	r.answer(w, "granted", "", func(m map[string]any) {
		m["session_token"] = token
		r.describe(m["session"].(map[string]any), a)
	})
}

// service is the reference behind a network that can be cut.
func service(t *testing.T) *identitytest.Service {
	r := newReference(t)
	var net identitytest.Network
	cfg := r.config()
	cfg.Dial = net.Dial
	return &identitytest.Service{
		Provider: mustNew(t, cfg),
		Add: func(_ testing.TB, a identitytest.Account) {
			r.set(func() { r.accounts = append(r.accounts, a) })
		},
		Codes: func(_ testing.TB, to string, _ int) []string {
			r.mu.Lock()
			defer r.mu.Unlock()
			return append([]string(nil), r.mails[to]...)
		},
		Expire:      func(testing.TB) { r.set(func() { r.ahead += refCodeLife + time.Second }) },
		AllowResend: func(testing.TB) { r.set(func() { r.ahead += resendAfter }) },
		Down: func(_ testing.TB, down bool) {
			net.Cut(down)
			if down {
				r.srv.CloseClientConnections()
			}
		},
	}
}

// cannot is what Kratos does not do, here and in truth.
var cannot = map[identitytest.Ability]string{
	identitytest.ForgetTablet:   "Kratos knows no tablets",
	identitytest.LimitAttempts:  "Kratos counts wrong codes, but no wrong passwords",
	identitytest.NoAccountYet:   "Kratos offers such an account its code, and says no more",
	identitytest.TellSuperseded: "Kratos calls a replaced code invalid",
}

func TestConformance(t *testing.T) {
	identitytest.Run(t, identitytest.Harness{Start: service, Cannot: cannot})
}

var zoe = identitytest.Account{Email: "zoe@univ-uness.fr", Password: "123456é+&=%20", Name: "Zoé Martin"}

// tabletFor is a provider for r, where zoe has an account.
func tabletFor(t *testing.T, r *reference) *Provider {
	t.Helper()
	r.accounts = append(r.accounts, zoe)
	return mustNew(t, r.config())
}

func send(t *testing.T, f identity.Flow) *identity.SentCode {
	t.Helper()
	o, err := f.Answer(t.Context(), identity.CodeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return o.Challenge.Sent
}

func refuses(t *testing.T, err error, want identity.Kind) {
	t.Helper()
	if got := identity.KindOf(err); got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	if err != nil && (strings.Contains(err.Error(), "zoe") || strings.Contains(err.Error(), "ory_st")) {
		t.Errorf("an error says who: %v", err)
	}
}
