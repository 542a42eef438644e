package fipa

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/wire"
)

// seenRequest is one request as it came in.
type seenRequest struct {
	path, body string
	form       url.Values
	nonce      string // in its proof
}

// reference is a small service that speaks protocol.md strictly: identitytest.Fake
// decides who may pass, this puts it on the wire.
type reference struct {
	t    testing.TB
	fake identitytest.Fake
	srv  *httptest.Server
	sign jose.Signer
	keys jose.JSONWebKeySet

	mu       sync.Mutex
	seen     []seenRequest
	flows    map[string]*refFlow // by the newest auth_session
	grants   map[string]*refGrant
	jti      map[string]bool
	nonce    string // demanded when not empty
	serial   int
	override http.HandlerFunc                 // answers instead, when set
	onToken  func(claims, tok map[string]any) // last touch on a token answer
	metadata func(*wire.Metadata)
}

type refFlow struct {
	identity.Flow
	challenge, thumb string
}

type refGrant struct {
	s                *identity.Session
	challenge, thumb string
}

func newReference(t testing.TB) *reference {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	opts := (&jose.SignerOptions{}).WithHeader("kid", "k1")
	sign, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	r := &reference{
		t: t, sign: sign, flows: map[string]*refFlow{}, grants: map[string]*refGrant{}, jti: map[string]bool{},
		keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k1", Algorithm: "ES256", Use: "sig"}}},
	}
	r.srv = identitytest.Serve(t, r).Server
	r.fake.Add(identitytest.Account{Email: "autre@univ-uness.fr", Password: "autre"})
	return r
}

func (r *reference) roots() *x509.CertPool {
	return identitytest.Server{Server: r.srv}.Roots()
}

func (r *reference) pin() string {
	return identitytest.Server{Server: r.srv}.Pin()
}

// config is a tablet's for this service.
func (r *reference) config() Config {
	key, err := dpop.NewKey()
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := Config{Issuer: r.srv.URL, ClientID: "portillon", Scope: "openid profile", Prover: key}
	if r.srv.Certificate() != nil {
		cfg.Pins, cfg.RootCAs = []string{r.pin()}, r.roots()
	}
	return cfg
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

func (r *reference) requests(path string) (out []seenRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.seen {
		if path == "" || s.path == path {
			out = append(out, s)
		}
	}
	return out
}

func (r *reference) next(prefix string) string {
	r.serial++
	return fmt.Sprintf("%s-%d-%s", prefix, r.serial, rand.Text())
}

type refusal struct {
	status int
	answer wire.Answer
	after  string
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
		r.t.Errorf("unreadable form: %v", err)
	}
	seen := seenRequest{path: req.URL.Path, body: string(body), form: form}
	if r.override != nil {
		r.seen = append(r.seen, seen)
		r.override(w, req)
		return
	}
	w.Header().Set(wire.HeaderCorrelation, "corr.1-a_b")
	var reply any
	switch req.URL.Path {
	case wire.MetadataPath:
		reply = r.document()
	case "/jwks":
		reply = r.keys
	default:
		proof, refused := r.proof(w, req)
		seen.nonce = proof.Nonce
		if refused == nil {
			reply, refused = r.post(seen, proof.Thumbprint)
		}
		if refused != nil {
			w.WriteHeader(refused.status)
			reply = refused.answer
		}
	}
	r.seen = append(r.seen, seen)
	if err := json.NewEncoder(w).Encode(reply); err != nil {
		r.t.Errorf("answer: %v", err)
	}
}

func (r *reference) document() wire.Metadata {
	u := r.srv.URL
	doc := wire.Metadata{
		Issuer: u, AuthorizationChallengeEndpoint: u + "/challenge", TokenEndpoint: u + "/token",
		RevocationEndpoint: u + "/revoke", JWKSURI: u + "/jwks",
		CodeChallengeMethodsSupported: []string{"S256"}, DPoPSigningAlgValuesSupported: []string{"ES256"},
	}
	if r.metadata != nil {
		r.metadata(&doc)
	}
	return doc
}

func (r *reference) proof(w http.ResponseWriter, req *http.Request) (dpop.Proof, *refusal) {
	refused := func(code string) *refusal { return &refusal{400, wire.Answer{Error: code}, ""} }
	headers := req.Header.Values(wire.HeaderDPoP)
	if req.Method != http.MethodPost || len(headers) != 1 {
		r.t.Errorf("%s with %d proofs", req.Method, len(headers))
		return dpop.Proof{}, refused(wire.ErrorInvalidDPoPProof)
	}
	p, err := dpop.Verify(headers[0], dpop.Want{
		Method: req.Method, URL: r.srv.URL + req.URL.Path, Now: time.Now(), Leeway: 5 * time.Second,
	})
	if err != nil {
		return p, refused(wire.ErrorInvalidDPoPProof)
	}
	if r.jti[p.JTI] {
		r.t.Error("a proof was used twice")
	}
	r.jti[p.JTI] = true
	if r.nonce != "" {
		w.Header().Set(wire.HeaderDPoPNonce, r.nonce)
		if p.Nonce != r.nonce {
			return p, refused(wire.ErrorUseDPoPNonce)
		}
	}
	return p, nil
}

func (r *reference) post(s seenRequest, thumb string) (any, *refusal) {
	for _, forbidden := range []string{"redirect_uri", "client_secret"} {
		if s.form.Has(forbidden) {
			r.t.Errorf("%s carries %s", s.path, forbidden)
		}
	}
	if s.form.Get("client_id") != "portillon" {
		r.t.Errorf("%s: client_id %q", s.path, s.form.Get("client_id"))
	}
	switch s.path {
	case "/challenge":
		return r.challenge(s.form, thumb)
	case "/token":
		return r.token(s.form, thumb)
	case "/revoke":
		if s.form.Get("token_type_hint") == "refresh_token" {
			// Tokens that nobody will hold are revoked behind the test's back, maybe at its end.
			err := r.fake.Revoke(context.WithoutCancel(r.t.Context()), &identity.Session{RefreshToken: s.form.Get("token")})
			if err != nil {
				r.t.Error(err)
			}
		}
		return struct{}{}, nil
	}
	return nil, &refusal{404, wire.Answer{Error: wire.ErrorInvalidRequest}, ""}
}

func (r *reference) challenge(form url.Values, thumb string) (any, *refusal) {
	session := form.Get(wire.FieldAuthSession)
	fl := r.flows[session]
	delete(r.flows, session)
	switch {
	case form.Get(wire.FieldResponseType) != wire.ResponseTypeCode:
		return nil, &refusal{400, wire.Answer{Error: wire.ErrorInvalidRequest}, ""}
	case form.Has(wire.FieldLoginHint) && session == "":
		return r.identify(form, thumb)
	case fl == nil || fl.thumb != thumb:
		if session != "" {
			r.t.Error("a stale auth_session, or another tablet's, was sent")
		}
		return nil, &refusal{400, wire.Answer{Error: wire.ErrorInvalidSession}, ""}
	}
	var a identity.Answer = identity.CodeRequest{}
	switch {
	case form.Has(wire.FieldPassword):
		a = identity.PasswordAnswer{Password: identitytest.Secret(r.t, form.Get(wire.FieldPassword))}
	case form.Has(wire.FieldOTP):
		a = identity.CodeAnswer{Code: identitytest.Secret(r.t, form.Get(wire.FieldOTP))}
	}
	o, err := fl.Answer(r.t.Context(), a)
	next := r.next("session")
	r.flows[next] = fl
	switch {
	case err != nil:
		refused := inWire(err)
		refused.answer.AuthSession = next
		return nil, refused
	case o.Challenge != nil:
		c := o.Challenge
		length, valid, again := c.Sent.Length, int(c.Sent.ValidFor.Seconds()), int(c.Sent.ResendAfter.Seconds())
		return nil, &refusal{401, wire.Answer{
			Error: wire.ErrorInsufficientAuthorization, Suberror: wire.SubOTPRequired, AuthSession: next,
			OTPLength: &length, OTPExpiresIn: &valid, OTPResendAfter: &again, OTPTarget: c.Sent.Target,
		}, ""}
	}
	code := r.next("code")
	r.grants[code] = &refGrant{o.Session, fl.challenge, thumb}
	return wire.Answer{AuthorizationCode: code, AuthSession: next}, nil
}

func (r *reference) identify(form url.Values, thumb string) (any, *refusal) {
	if form.Get(wire.FieldCodeChallengeMethod) != "S256" || len(form.Get(wire.FieldCodeChallenge)) != 43 {
		r.t.Error("no S256 challenge")
	}
	f, c, err := r.fake.Begin(r.t.Context(), identitytest.Email(r.t, form.Get(wire.FieldLoginHint)))
	if err != nil {
		return nil, inWire(err)
	}
	next, valid := r.next("session"), int(c.CodeValid.Seconds())
	r.flows[next] = &refFlow{f, form.Get(wire.FieldCodeChallenge), thumb}
	return nil, &refusal{403, wire.Answer{
		Error: wire.ErrorInsufficientAuthorization, Suberror: wire.SubCredentialsRequired, AuthSession: next,
		Methods: []string{wire.MethodPassword, "passkey", wire.MethodEmailCode}, OTPExpiresIn: &valid,
	}, ""}
}

// inWire is the fake's refusal in the protocol's words.
func inWire(err error) *refusal {
	subs := map[identity.Kind]string{
		identity.WrongPassword: wire.SubInvalidCredentials, identity.WrongCode: wire.SubInvalidOTP,
		identity.CodeExpired: wire.SubOTPExpired, identity.CodeUsed: wire.SubOTPUsed,
		identity.CodeSuperseded: wire.SubOTPSuperseded, identity.TooManyAttempts: wire.SubTooManyAttempts,
		identity.AccountUnknown: wire.SubAccountUnknown, identity.AccountNotConfigured: wire.SubAccountNotConfigured,
	}
	a := wire.Answer{Error: wire.ErrorInsufficientAuthorization, Suberror: subs[identity.KindOf(err)],
		ErrorDescription: "words of the server for zoe.canari-4711@etu.univ-uness.fr"}
	if identity.KindOf(err) == identity.SessionExpired {
		a.Error, a.Suberror = wire.ErrorInvalidSession, ""
	}
	var e *identity.Error
	if errors.As(err, &e) {
		a.RemainingAttempts, a.SetupURI = e.Remaining, e.SetupURI
		if e.RetryAfter > 0 {
			n := int(e.RetryAfter.Seconds())
			a.RetryAfter = &n
		}
	}
	return &refusal{400, a, ""}
}

func (r *reference) token(form url.Values, thumb string) (any, *refusal) {
	invalid := &refusal{400, wire.Answer{Error: wire.ErrorInvalidGrant}, ""}
	var s *identity.Session
	switch form.Get("grant_type") {
	case "authorization_code":
		g := r.grants[form.Get("code")]
		if g == nil {
			r.t.Error("a token request with a code that is spent")
			return nil, invalid
		}
		delete(r.grants, form.Get("code"))
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		if g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || g.thumb != thumb {
			return nil, invalid
		}
		s = g.s
	case "refresh_token":
		fresh, err := r.fake.Renew(r.t.Context(), &identity.Session{RefreshToken: form.Get("refresh_token")})
		if err != nil {
			return nil, invalid
		}
		s = fresh
	default:
		return nil, &refusal{400, wire.Answer{Error: wire.ErrorUnsupportedGrantType}, ""}
	}
	claims := map[string]any{
		"iss": r.srv.URL, "aud": "portillon", "sub": s.Subject, "name": s.Name, wire.ClaimExtraTime: s.ExtraTime,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	tok := map[string]any{
		"access_token": s.AccessToken, "refresh_token": s.RefreshToken, "token_type": "DPoP",
		"expires_in": 3600, "auth_session": r.next("session"),
	}
	if r.onToken != nil {
		r.onToken(claims, tok)
	}
	if _, set := tok["id_token"]; !set {
		raw, err := jwt.Signed(r.sign).Claims(claims).Serialize()
		if err != nil {
			r.t.Error(err)
		}
		tok["id_token"] = raw
	}
	return tok, nil
}

func (r *reference) bodies() string {
	var b strings.Builder
	for _, s := range r.requests("") {
		b.WriteString(s.path + " " + s.body + "\n")
	}
	return b.String()
}
