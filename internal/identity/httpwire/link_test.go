package httpwire

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
)

// site is a server that keeps what it was sent.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	answer http.HandlerFunc // instead of an empty object, when set
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := new(site)
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	s.mu.Lock()
	s.bodies = append(s.bodies, string(body))
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	_, _ = io.WriteString(w, "{}") // the client may have gone
}

func (s *site) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

func (s *site) config() Config {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	sum := sha256.Sum256(s.Certificate().RawSubjectPublicKeyInfo)
	return Config{
		Base: s.URL, RootCAs: roots, Pins: []string{PinPrefix + base64.StdEncoding.EncodeToString(sum[:])},
		Timeout: 10 * time.Second, MaxAnswer: 1 << 10, DatePath: "/date", CorrelationHeader: "X-Request-Id",
	}
}

func mustNew(t *testing.T, cfg Config) *Service {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func secretPost(s *site, secret *identity.Secret) Request {
	return Request{Op: "password", Method: http.MethodPost, URL: s.URL + "/login", Body: "a=b", Field: "password", Secret: secret}
}

// What arrives is what was typed, whatever the alphabet.
func TestSecretArrives(t *testing.T) {
	for _, text := range []string{"a", "é+&=%20 mot", "%41+&=;\"\\<é€😀Ωж /?#[]@!$'()*,~^`{|}", "012345"} {
		s := newSite(t)
		l := mustNew(t, s.config()).NewLink()
		if _, err := l.Send(t.Context(), secretPost(s, identitytest.Secret(t, text))); err != nil {
			t.Fatal(err)
		}
		got := s.seen()
		form, err := url.ParseQuery(got[0])
		if len(got) != 1 || err != nil || form.Get("password") != text || form.Get("a") != "b" {
			t.Errorf("%q arrived as %q, %v", text, got, err)
		}
		l.Close()
	}
}

// net/http that writes a request in two pieces must not get the placeholder out.
// TestResumption: the second connection resumes the first one's session, and is held to
// the same pins all the same.
func TestResumption(t *testing.T) {
	site := newSite(t)
	var mu sync.Mutex
	var resumed []bool
	site.answer = func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		resumed = append(resumed, r.TLS.DidResume)
		_, _ = io.WriteString(w, "{}") // the client may have gone
	}
	s, err := New(site.config())
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		l := s.NewLink()
		defer l.Close()
		_, err := l.Send(t.Context(), Request{Op: "ask", Method: http.MethodGet, URL: site.URL + "/"})
		return err
	}
	if err := errors.Join(ask(), ask()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(resumed, []bool{false, true}) {
		t.Errorf("resumed %t, want the second alone", resumed)
	}
	s.pins = [][]byte{make([]byte, sha256.Size)}
	if err := ask(); identity.KindOf(err) != identity.BadCertificate {
		t.Errorf("a resumed session without the pinned key: %v", err)
	}
}

func TestTornRequestSendsNothing(t *testing.T) {
	s := newSite(t)
	l := mustNew(t, s.config()).NewLink()
	l.transport.WriteBufferSize = 64
	_, err := l.Send(t.Context(), secretPost(s, identitytest.Secret(t, "canari")))
	if !errors.Is(err, ErrTorn) || identity.KindOf(err) != identity.UnexpectedAnswer {
		t.Errorf("got %v", err)
	}
	if got := s.seen(); len(got) != 0 {
		t.Errorf("%q arrived", got)
	}
}

// A request that was cancelled and still gets written reaches nobody.
func TestSpentBodyIsRefused(t *testing.T) {
	var s slot
	body := []byte("a=b&password=xxx")
	s.arm(body, 3, identitytest.Secret(t, "abc"))
	s.disarm()
	if _, _, err := s.take(append([]byte("POST / HTTP/1.1\r\n\r\n"), body...)); !errors.Is(err, ErrTorn) {
		t.Errorf("got %v", err)
	}
	if secret, _, err := s.take([]byte("POST / HTTP/1.1\r\n\r\na=b")); secret != nil || err != nil {
		t.Errorf("another request: %v, %v", secret, err)
	}
}

// Nothing goes to another origin, and no redirect is followed.
func TestOneOriginAlone(t *testing.T) {
	s, other := newSite(t), newSite(t)
	l := mustNew(t, s.config()).NewLink()
	r := secretPost(other, identitytest.Secret(t, "canari"))
	if _, err := l.Send(t.Context(), r); identity.KindOf(err) != identity.Misconfigured {
		t.Errorf("got %v", err)
	}
	s.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/login", http.StatusTemporaryRedirect)
	}
	a, err := l.Send(t.Context(), secretPost(s, identitytest.Secret(t, "canari")))
	if err != nil || a.Status != http.StatusTemporaryRedirect || a.Foreign("op").Kind != identity.UnexpectedAnswer {
		t.Errorf("%+v, %v", a, err)
	}
	if got := other.seen(); len(got) != 0 {
		t.Errorf("%q went elsewhere", got)
	}
	for raw, want := range map[string]bool{
		s.URL: true, s.URL + "/a?b": true, s.URL + "/#a": false, other.URL: false, "http" + s.URL[5:]: false,
		"https://u@" + s.URL[8:]: false, "/login": false, "": false, "https://[": false,
	} {
		if got := mustNew(t, s.config()).SameOrigin(raw); got != want {
			t.Errorf("%q: %v", raw, got)
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	s := newSite(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "abc-1")
		_, _ = w.Write(make([]byte, 10<<20)) // the client leaves
	}
	a, err := mustNew(t, s.config()).NewLink().Send(t.Context(), Request{Op: "check", Method: http.MethodGet, URL: s.URL})
	if err != nil || !a.TooLong || a.Object(new(struct{})) {
		t.Fatalf("%v", err)
	}
	if e := a.Foreign("check"); e.Kind != identity.UnexpectedAnswer || e.Correlation != "abc-1" {
		t.Errorf("%+v", e)
	}
}

func TestDoneContexts(t *testing.T) {
	s := newSite(t)
	l := mustNew(t, s.config()).NewLink()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Send(ctx, secretPost(s, identitytest.Secret(t, "canari"))); identity.KindOf(err) != identity.Canceled {
		t.Errorf("got %v", err)
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Base: "https://auth.example", Timeout: time.Second, MaxAnswer: 1}
	for _, base := range []string{"https://auth.example", "https://auth.example/realm", "http://127.0.0.1:8080", "http://[::1]:80", "http://localhost"} {
		cfg := good
		cfg.Base = base
		mustNew(t, cfg)
	}
	for name, spoil := range map[string]func(*Config){
		"slash":    func(c *Config) { c.Base += "/" },
		"query":    func(c *Config) { c.Base += "?a" },
		"fragment": func(c *Config) { c.Base += "#a" },
		"http":     func(c *Config) { c.Base = "http://auth.example" },
		"user":     func(c *Config) { c.Base = "https://a@auth.example" },
		"empty":    func(c *Config) { c.Base = "" },
		"bad pin":  func(c *Config) { c.Pins = []string{"sha256/AAAA"} },
		"no bound": func(c *Config) { c.MaxAnswer = 0 },
		"no time":  func(c *Config) { c.Timeout = 0 },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeep(t *testing.T) {
	for _, s := range []*identity.Secret{nil, identitytest.Secret(t, "")} {
		if c, err := Keep("code", s, identity.WrongCode); c != nil || identity.KindOf(err) != identity.WrongCode {
			t.Errorf("%v, %v", c, err)
		}
	}
	typed := identitytest.Secret(t, "012345")
	c, err := Keep("code", typed, identity.WrongCode)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	typed.Wipe()
	if c.Len() != 6 {
		t.Error("it went with its owner's")
	}
}
