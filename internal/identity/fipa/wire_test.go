package fipa

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/wire"
)

var zoe = identitytest.Account{
	Email: "zoe@univ-uness.fr", Password: "é+&=%20 mot", Name: "Zoé Martin", ExtraTime: "1/3",
}

// tabletFor is a provider for r, where zoe has an account.
func tabletFor(t *testing.T, r *reference) *Provider {
	t.Helper()
	r.fake.Add(zoe)
	return mustNew(t, r.config())
}

func begin(t *testing.T, p *Provider) identity.Flow {
	t.Helper()
	f, _, err := p.Begin(t.Context(), identitytest.Email(t, zoe.Email))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func sendPassword(t *testing.T, f identity.Flow, text string) (*identity.Session, error) {
	t.Helper()
	o, err := f.Answer(t.Context(), identity.PasswordAnswer{Password: identitytest.Secret(t, text)})
	return o.Session, err
}

func login(t *testing.T, p *Provider) *identity.Session {
	t.Helper()
	s, err := sendPassword(t, begin(t, p), zoe.Password)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The reference itself complains about redirect_uri, a stale auth_session, a proof used
// twice and a code spent twice.
func TestBytesOnTheWire(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	f := begin(t, p)
	for range 2 {
		if _, err := sendPassword(t, f, "faux"); identity.KindOf(err) != identity.WrongPassword {
			t.Fatal(err)
		}
	}
	if _, err := f.Answer(t.Context(), identity.CodeRequest{}); err != nil {
		t.Fatal(err)
	}
	code := identity.CodeAnswer{Code: identitytest.Secret(t, r.fake.Mailed(zoe.Email)[0])}
	o, err := f.Answer(t.Context(), code)
	if err != nil || o.Session.Name != zoe.Name || o.Session.ExtraTime != "1/3" || o.Session.ExpiresAt.IsZero() {
		t.Fatalf("%+v, %v", o.Session, err)
	}
	var got []string
	for _, s := range r.requests("") {
		line := s.path
		for _, field := range []string{"login_hint", "password", "otp_channel", "otp", "code", "code_verifier"} {
			if s.form.Has(field) {
				line += " " + field
			}
		}
		got = append(got, line)
	}
	want := []string{
		wire.MetadataPath, "/challenge login_hint", "/challenge password", "/challenge password",
		"/challenge otp_channel", "/challenge otp", "/token code code_verifier", "/jwks",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if sent := r.fake.Count("send_code"); sent != 1 {
		t.Errorf("%d codes sent", sent)
	}
	if strings.Contains(r.bodies(), "redirect_uri") {
		t.Error("a redirect_uri was sent")
	}
}

func TestVerifierIsFresh(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	begin(t, p)
	begin(t, p)
	reqs := r.requests("/challenge")
	if a, b := reqs[0].form.Get("code_challenge"), reqs[1].form.Get("code_challenge"); a == b {
		t.Error("two attempts share a code_challenge")
	}
}

// A nonce is learnt from any answer, and asked for at most once a request.
func TestNonces(t *testing.T) {
	r := newReference(t)
	r.nonce = "n1"
	p := tabletFor(t, r)
	f := begin(t, p)
	if n := len(r.requests("/challenge")); n != 2 {
		t.Errorf("%d requests to begin, want one and its repetition", n)
	}
	r.set(func() { r.nonce = "n2" })
	if _, err := sendPassword(t, f, zoe.Password); err != nil {
		t.Fatal(err)
	}
	all := r.requests("/challenge")
	if n := len(all); n != 4 {
		t.Errorf("%d requests, want the password twice", n)
	}
	if last := all[len(all)-1]; last.form.Get("password") != zoe.Password || last.nonce != "n2" {
		t.Error("the repetition carries something else")
	}
	if n := len(r.requests("/token")); n != 1 {
		t.Errorf("%d token requests; the nonce was known", n)
	}
}

func TestNonceIsNotAskedForTwice(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	f := begin(t, p)
	before := len(r.requests(""))
	n := 0
	r.set(func() {
		r.override = func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.Header().Set(wire.HeaderDPoPNonce, strings.Repeat("n", n))
			w.WriteHeader(400)
			_, _ = w.Write([]byte(`{"error":"use_dpop_nonce"}`)) // the client may have gone
		}
	})
	if _, err := sendPassword(t, f, zoe.Password); identity.KindOf(err) != identity.ServiceUnavailable {
		t.Errorf("got %v", err)
	}
	if n := len(r.requests("")) - before; n != 2 {
		t.Errorf("the password was sent %d times", n)
	}
}

// Whatever goes wrong after a secret went out, it does not go out again.
func TestSecretIsNotRepeated(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"dropped": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
		"busy":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"redirect": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/challenge", http.StatusTemporaryRedirect)
		},
		"nonce without one": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"error":"use_dpop_nonce"}`)) // the client may have gone
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReference(t)
			f := begin(t, tabletFor(t, r))
			before := len(r.requests(""))
			r.set(func() { r.override = answer })
			if _, err := sendPassword(t, f, zoe.Password); err == nil {
				t.Error("granted")
			}
			if n := len(r.requests("")) - before; n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestInvalidSessionEndsTheFlow(t *testing.T) {
	r := newReference(t)
	f := begin(t, tabletFor(t, r))
	r.set(func() { r.override = jsonAnswer(400, `{"error":"invalid_session","auth_session":"other"}`) })
	if _, err := sendPassword(t, f, zoe.Password); identity.KindOf(err) != identity.SessionExpired {
		t.Error(err)
	}
	n := len(r.requests(""))
	if _, err := sendPassword(t, f, zoe.Password); identity.KindOf(err) != identity.SessionExpired {
		t.Error(err)
	}
	if len(r.requests("")) != n {
		t.Error("a password went to a session that is over")
	}
}

// The newest auth_session counts, whatever kind of answer brought it.
func TestNewestAuthSession(t *testing.T) {
	r := newReference(t)
	f := begin(t, tabletFor(t, r))
	for i, body := range []string{
		`{"error":"server_error","auth_session":"s0"}`,
		`{"error":"insufficient_authorization","suberror":"invalid_credentials","auth_session":"s1"}`,
		`{"error":"insufficient_authorization","suberror":"unheard_of","auth_session":"s2"}`,
	} {
		r.set(func() { r.override = jsonAnswer(400, body) })
		if _, err := sendPassword(t, f, "x"); err == nil {
			t.Fatal("granted")
		}
		r.set(func() { r.override = jsonAnswer(400, `{"error":"server_error"}`) })
		if _, err := sendPassword(t, f, "x"); err == nil {
			t.Fatal("granted")
		}
		all := r.requests("")
		if got, want := all[len(all)-1].form.Get("auth_session"), "s"+string(rune('0'+i)); got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}

func TestTokenAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(claims, tok map[string]any)
		want  identity.Kind
	}{
		"bearer":        {func(_, tok map[string]any) { tok["token_type"] = "Bearer" }, identity.UnexpectedAnswer},
		"no id_token":   {func(_, tok map[string]any) { tok["id_token"] = "" }, identity.UnexpectedAnswer},
		"no token":      {func(_, tok map[string]any) { delete(tok, "access_token") }, identity.UnexpectedAnswer},
		"other issuer":  {func(c, _ map[string]any) { c["iss"] = "https://other.example" }, identity.UnexpectedAnswer},
		"other client":  {func(c, _ map[string]any) { c["aud"] = "another" }, identity.UnexpectedAnswer},
		"nobody":        {func(c, _ map[string]any) { delete(c, "sub") }, identity.UnexpectedAnswer},
		"run out":       {func(c, _ map[string]any) { c["exp"] = 1 }, identity.ClockWrong},
		"rubbish":       {func(_, tok map[string]any) { tok["id_token"] = "a.b.c" }, identity.UnexpectedAnswer},
		"wrong at_hash": {func(c, _ map[string]any) { c["at_hash"] = "AAAA" }, identity.UnexpectedAnswer},
		"refused":       {func(_, tok map[string]any) { tok["error"] = "invalid_grant" }, identity.SessionExpired},
		"unsigned": {func(_, tok map[string]any) {
			tok["id_token"] = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."
		}, identity.UnexpectedAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReference(t)
			r.onToken = c.spoil
			p := tabletFor(t, r)
			s, err := sendPassword(t, begin(t, p), zoe.Password)
			if s != nil || identity.KindOf(err) != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if n := len(r.requests("/token")); n != 1 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

func TestWithoutOpenID(t *testing.T) {
	r := newReference(t)
	r.onToken = func(_, tok map[string]any) { tok["id_token"] = "not even looked at" }
	r.fake.Add(zoe)
	cfg := r.config()
	cfg.Scope = "profile"
	if s := login(t, mustNew(t, cfg)); s.Name != "" || s.Subject != "" {
		t.Errorf("named %q", s.Name)
	}
	if n := len(r.requests("/jwks")); n != 0 {
		t.Errorf("jwks_uri was fetched %d times", n)
	}
}

func TestRenewForAnotherPerson(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	s := login(t, p)
	r.set(func() { r.onToken = func(c, _ map[string]any) { c["sub"] = "somebody else" } })
	if _, err := p.Renew(t.Context(), s); identity.KindOf(err) != identity.UnexpectedAnswer {
		t.Errorf("got %v", err)
	}
}

func TestRevokeOrder(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	if err := p.Revoke(t.Context(), login(t, p)); err != nil {
		t.Fatal(err)
	}
	var hints []string
	for _, s := range r.requests("/revoke") {
		hints = append(hints, s.form.Get("token_type_hint"))
	}
	if strings.Join(hints, " ") != "refresh_token access_token" {
		t.Errorf("revoked %v", hints)
	}
	r.set(func() { r.override = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) } })
	if err := p.Revoke(t.Context(), &identity.Session{AccessToken: "a"}); err != nil {
		t.Errorf("an empty 200: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	key, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	good := Config{Issuer: "https://auth.example", ClientID: "portillon", Prover: key}
	mustNew(t, good)
	for name, spoil := range map[string]func(*Config){
		"slash":     func(c *Config) { c.Issuer += "/" },
		"path":      func(c *Config) { c.Issuer += "/realm" },
		"query":     func(c *Config) { c.Issuer += "?a" },
		"http":      func(c *Config) { c.Issuer = "http://auth.example" },
		"user":      func(c *Config) { c.Issuer = "https://a@auth.example" },
		"empty":     func(c *Config) { c.Issuer = "" },
		"no client": func(c *Config) { c.ClientID = "" },
		"no prover": func(c *Config) { c.Prover = nil },
		"bad pin":   func(c *Config) { c.Pins = []string{"sha256/AAAA"} },
		"odd pin":   func(c *Config) { c.Pins = []string{"sha1/AAAA"} },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, issuer := range []string{"http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"} {
		cfg := good
		cfg.Issuer = issuer
		mustNew(t, cfg)
	}
}
