package university_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"portillon/internal/rehearsal/university"
)

var (
	rouen = university.University{ID: "rouen", Name: "Rouen", Domains: []string{"univ-rouen.fr"}}
	lille = university.University{ID: "lille", Name: "Lille", Domains: []string{"univ-lille.fr"}}
)

// provider is a university that says whatever a test has it say.
type provider struct {
	*httptest.Server
	t        *testing.T
	key      jose.JSONWebKey
	token    func(form url.Values) (int, any) // the token endpoint's answer
	userinfo any
	exchange []url.Values // what the token endpoint was asked
	auth     []string
}

func newKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k, KeyID: "k", Algorithm: "ES256"}
}

func newProvider(t *testing.T, change ...func(map[string]any)) *provider {
	t.Helper()
	p := &provider{t: t, key: newKey(t)}
	say := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		doc := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"userinfo_endpoint": p.URL + "/userinfo", "jwks_uri": p.URL + "/jwks",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		}
		for _, f := range change {
			f(doc)
		}
		say(w, http.StatusOK, doc)
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.key.Public()}})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, p.userinfo) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.exchange, p.auth = append(p.exchange, r.PostForm), append(p.auth, r.Header.Get("Authorization"))
		status, body := p.token(r.PostForm)
		say(w, status, body)
	})
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	return p
}

const clientID, clientSecret = "portail", "s:e c+ret"

func (p *provider) party(now func() time.Time) *university.Party {
	clients := map[string]university.Client{
		"rouen": {Issuer: p.URL, ID: clientID, Secret: clientSecret}, "lille": {Issuer: p.URL + "/lille", ID: clientID},
	}
	return university.NewParty("https://portal.example/retour/", clients, p.Client().Transport, now)
}

// says makes the token endpoint answer with claims signed by key.
func (p *provider) says(key jose.JSONWebKey, alg jose.SignatureAlgorithm, c map[string]any) {
	p.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		p.t.Fatal(err)
	}
	p.gives(raw)
}

func (p *provider) gives(idToken string) {
	p.token = func(url.Values) (int, any) {
		return http.StatusOK, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": idToken}
	}
}

// claims are what an honest university signs.
func (p *provider) claims(a university.Attempt) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": p.URL, "aud": clientID, "sub": "s1", "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "nonce": a.Nonce,
		"email": "Prenom.Nom@etu.univ-rouen.fr", "email_verified": true, "name": " Prénom \n Nom ",
	}
}

func begin(t *testing.T, party *university.Party) (university.Attempt, url.Values) {
	t.Helper()
	a, address, err := party.Begin(t.Context(), rouen, false)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return a, u.Query()
}

func TestFinish(t *testing.T) {
	p := newProvider(t)
	party := p.party(time.Now)
	a, q := begin(t, party)
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": "https://portal.example/retour/rouen",
		"state": a.State, "nonce": a.Nonce, "code_challenge_method": "S256", "scope": "openid email profile",
	} {
		if q.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("code_challenge")) != 43 || strings.Contains(q.Encode(), a.Verifier) {
		t.Error("PKCE")
	}
	p.says(p.key, jose.ES256, p.claims(a))
	got, err := party.Finish(t.Context(), a, rouen, url.Values{"state": {a.State}, "code": {"c"}, "iss": {p.URL}})
	if want := (university.Assertion{Subject: "s1", Address: "Prenom.Nom@etu.univ-rouen.fr", Name: "Prénom Nom"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if f := p.exchange[0]; f.Get("code_verifier") != a.Verifier || f.Has("client_secret") || !strings.HasPrefix(p.auth[0], "Basic ") {
		t.Errorf("token request %v, Authorization %q", f, p.auth[0])
	}
}

// TestForged: an answer that is not the university's to this attempt is refused, and a
// code of it is not even redeemed where the answer alone shows it.
func TestForged(t *testing.T) {
	p := newProvider(t)
	party := p.party(time.Now)
	stranger := newKey(t)
	for name, c := range map[string]struct {
		answer func(a university.Attempt, q url.Values)
		claims func(c map[string]any)
		sign   func(c map[string]any)
		at     university.University
		want   error
		asked  bool
	}{
		"state":            {answer: func(_ university.Attempt, q url.Values) { q.Set("state", "x") }},
		"no state":         {answer: func(_ university.Attempt, q url.Values) { q.Del("state") }},
		"state twice":      {answer: func(a university.Attempt, q url.Values) { q.Add("state", a.State) }},
		"code twice":       {answer: func(_ university.Attempt, q url.Values) { q.Add("code", "d") }},
		"no code":          {answer: func(_ university.Attempt, q url.Values) { q.Del("code") }},
		"iss of another":   {answer: func(_ university.Attempt, q url.Values) { q.Set("iss", "https://evil.example") }},
		"another's return": {at: lille},
		"declined": {answer: func(_ university.Attempt, q url.Values) { q.Del("code"); q.Set("error", "access_denied") },
			want: university.ErrDeclined},
		"nonce":          {claims: func(c map[string]any) { c["nonce"] = "x" }, asked: true},
		"no nonce":       {claims: func(c map[string]any) { delete(c, "nonce") }, asked: true},
		"issuer":         {claims: func(c map[string]any) { c["iss"] = "https://evil.example" }, asked: true},
		"audience":       {claims: func(c map[string]any) { c["aud"] = "another" }, asked: true},
		"expired":        {claims: func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }, asked: true},
		"no expiry":      {claims: func(c map[string]any) { delete(c, "exp") }, asked: true},
		"signed by else": {sign: func(c map[string]any) { p.says(stranger, jose.ES256, c) }, asked: true},
		"signed with the secret": {sign: func(c map[string]any) {
			p.says(jose.JSONWebKey{Key: []byte(strings.Repeat(clientSecret, 4)), KeyID: "k"}, jose.HS256, c)
		}, asked: true},
		"unsigned": {sign: func(map[string]any) { p.gives("eyJhbGciOiJub25lIn0.eyJzdWIiOiJzMSJ9.") }, asked: true},
		"no token": {sign: func(map[string]any) { p.gives("") }, asked: true},
		"refused code": {sign: func(map[string]any) {
			p.token = func(url.Values) (int, any) { return 400, map[string]string{"error": "invalid_grant"} }
		}, asked: true},
		"other domain":      {claims: func(c map[string]any) { c["email"] = "a@univ-lille.fr" }, want: university.ErrAddress, asked: true},
		"domain's look":     {claims: func(c map[string]any) { c["email"] = "a@notuniv-rouen.fr" }, want: university.ErrAddress, asked: true},
		"two addresses":     {claims: func(c map[string]any) { c["email"] = "a@x.fr,b@univ-rouen.fr" }, want: university.ErrAddress, asked: true},
		"header injection":  {claims: func(c map[string]any) { c["email"] = "a\r\nBcc: b@univ-rouen.fr" }, want: university.ErrAddress, asked: true},
		"not verified":      {claims: func(c map[string]any) { c["email_verified"] = false }, want: university.ErrAddress, asked: true},
		"not verified text": {claims: func(c map[string]any) { c["email_verified"] = "false" }, want: university.ErrAddress, asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := begin(t, party)
			q := url.Values{"state": {a.State}, "code": {"c"}}
			if c.answer != nil {
				c.answer(a, q)
			}
			claims := p.claims(a)
			if c.claims != nil {
				c.claims(claims)
			}
			p.says(p.key, jose.ES256, claims)
			if c.sign != nil {
				c.sign(claims)
			}
			if c.at.ID == "" {
				c.at = rouen
			}
			if c.want == nil {
				c.want = university.ErrForged
			}
			p.exchange = nil
			got, err := party.Finish(t.Context(), a, c.at, q)
			if !errors.Is(err, c.want) || got != (university.Assertion{}) {
				t.Errorf("%+v, %v; want %v", got, err, c.want)
			}
			if asked := len(p.exchange) > 0; asked != c.asked {
				t.Errorf("code redeemed: %v, want %v", asked, c.asked)
			}
			if err != nil && (strings.Contains(err.Error(), a.State) || strings.Contains(err.Error(), "univ-")) {
				t.Errorf("the error quotes the answer: %v", err)
			}
		})
	}
}

func TestUserinfo(t *testing.T) {
	p := newProvider(t)
	party := p.party(time.Now)
	for sub, want := range map[string]error{"s1": nil, "s2": university.ErrForged} {
		a, _ := begin(t, party)
		c := p.claims(a)
		delete(c, "email")
		p.says(p.key, jose.ES256, c)
		p.userinfo = map[string]any{"sub": sub, "email": "a@univ-rouen.fr"}
		got, err := party.Finish(t.Context(), a, rouen, url.Values{"state": {a.State}, "code": {"c"}})
		if !errors.Is(err, want) || want == nil && got.Address != "a@univ-rouen.fr" {
			t.Errorf("sub %s: %+v, %v", sub, got, err)
		}
	}
}

func TestOldAttempt(t *testing.T) {
	p := newProvider(t)
	now := time.Now()
	party := p.party(func() time.Time { return now })
	a, _ := begin(t, party)
	now = now.Add(31 * time.Minute)
	_, err := party.Finish(t.Context(), a, rouen, url.Values{"state": {a.State}, "code": {"c"}})
	if !errors.Is(err, university.ErrDeclined) {
		t.Error(err)
	}
}

func TestUnavailable(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another issuer": func(d map[string]any) { d["issuer"] = "https://evil.example" },
		"no TLS":         func(d map[string]any) { d["token_endpoint"] = "http://evil.example/token" },
		"script":         func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"too large":      func(d map[string]any) { d["x"] = strings.Repeat("x", 1<<20) },
	} {
		p := newProvider(t, change)
		if _, _, err := p.party(time.Now).Begin(t.Context(), rouen, false); !errors.Is(err, university.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := newProvider(t)
	if _, _, err := p.party(time.Now).Begin(t.Context(), university.University{ID: "nowhere"}, false); !errors.Is(err, university.ErrUnavailable) {
		t.Error(err)
	}
	p.Close()
	if _, _, err := p.party(time.Now).Begin(t.Context(), rouen, false); !errors.Is(err, university.ErrUnavailable) {
		t.Error(err)
	}
}

// silent never answers; it ends when the request is given up.
type silent struct{ next http.RoundTripper }

func (s silent) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.next != nil && !strings.HasSuffix(r.URL.Path, "/token") {
		return s.next.RoundTrip(r)
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestSilentUniversity: who asks a university that does not answer is told within 15 s. The
// time is the test's own.
func TestSilentUniversity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clients := map[string]university.Client{"rouen": {Issuer: "https://op.univ-rouen.fr", ID: clientID}}
		party := university.NewParty("https://portal.example/retour/", clients, silent{}, time.Now)
		began := time.Now()
		if _, _, err := party.Begin(t.Context(), rouen, false); !errors.Is(err, university.ErrUnavailable) {
			t.Errorf("discovery: %v", err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("discovery: told after %s", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		doc := `{"issuer":"https://op.univ-rouen.fr","authorization_endpoint":"https://op.univ-rouen.fr/a","token_endpoint":"https://op.univ-rouen.fr/token","jwks_uri":"https://op.univ-rouen.fr/k"}`
		clients := map[string]university.Client{"rouen": {Issuer: "https://op.univ-rouen.fr", ID: clientID}}
		party := university.NewParty("https://portal.example/retour/", clients, silent{says(doc)}, time.Now)
		a, _, err := party.Begin(t.Context(), rouen, false)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = party.Finish(t.Context(), a, rouen, url.Values{"state": {a.State}, "code": {"c"}})
		if took := time.Since(began); !errors.Is(err, university.ErrUnavailable) || took > 15*time.Second {
			t.Errorf("token: %v after %s", err, took)
		}
	})
}

// says answers everything with a document.
type says string

func (s says) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(s))), Request: r}, nil
}

// TestAnew: the password is to be typed again only where that was asked for.
func TestAnew(t *testing.T) {
	p := newProvider(t)
	for anew, want := range map[bool]string{false: "", true: "login"} {
		_, address, err := p.party(time.Now).Begin(t.Context(), rouen, anew)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil || u.Query().Get("prompt") != want {
			t.Errorf("anew %v: prompt %q (%v)", anew, u.Query().Get("prompt"), err)
		}
	}
}
