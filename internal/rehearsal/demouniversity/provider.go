// Package demouniversity plays the students' universities in a demonstration: an OpenID
// Connect provider for each, on an address that is not the portal's, with a sign-in page
// that does not look like it. Only the service's --demo starts it.
//
//	GET  /{u}/.well-known/openid-configuration
//	GET  /{u}/authorize  code flow with PKCE S256 → the sign-in page
//	POST /{u}/login      → redirect with code, state, iss (RFC 9207)
//	POST /{u}/token      code, once, with its verifier → id_token (ES256), access_token
//	GET  /{u}/userinfo   the claims again
//	GET  /jwks
//
// What it asserts is public and fictitious: the demonstration's students at their own
// university, and at every other one whoever gives a name and the public password.
package demouniversity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"portillon/internal/rehearsal/university"
)

// Password is everybody's at every demonstration university. It is public.
const Password = "Universite-2026" //nolint:gosec // printed for all to read

// Bounds of what is remembered.
const (
	requestLife = 30 * time.Minute
	codeLife    = time.Minute
	tokenLife   = 5 * time.Minute
	maxKept     = 2000
)

// Student is somebody whom a university knows under a login of its own.
type Student struct {
	University string // ID
	Login      string
	Name       string
	Address    string // what the university asserts
}

// Config is what a Provider is made of; every member but Students is needed.
type Config struct {
	Directory *university.Directory
	Students  []Student
	Client    string // client_id of the portal
	Secret    string // client_secret
	Redirect  string // prefix of its redirect URIs, to which a university's ID is added
	Base      string // https://host:port of this provider, no trailing slash
	Now       func() time.Time
}

// Provider is the universities' side. It is safe for concurrent use.
type Provider struct {
	Config
	signer jose.Signer
	public jose.JSONWebKeySet
	page   *template.Template
	origin string // of the portal, to which the sign-in page's form leads in the end

	mu       sync.Mutex
	requests map[string]request
	codes    map[string]granted
	tokens   map[string]granted
}

// request is an authorization request that waits for somebody to sign in.
type request struct {
	university, state, nonce, challenge string
	at                                  time.Time
}

// granted is what a code or an access token stands for.
type granted struct {
	request
	student Student
	at      time.Time
}

//go:embed web
var web embed.FS

// New returns a Provider with a signing key of its own, which ends with the process.
func New(c Config) (*Provider, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("demonstration university: %w", err)
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(jose.ES256), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jwk}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("demonstration university: %w", err)
	}
	page, err := template.ParseFS(web, "web/*.html")
	if err != nil {
		return nil, fmt.Errorf("demonstration university: %w", err)
	}
	to, err := url.Parse(c.Redirect)
	if err != nil {
		return nil, fmt.Errorf("demonstration university: redirect: %w", err)
	}
	return &Provider{
		Config: c, signer: signer, public: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk.Public()}}, page: page,
		origin:   to.Scheme + "://" + to.Host,
		requests: map[string]request{}, codes: map[string]granted{}, tokens: map[string]granted{},
	}, nil
}

// Clients are the portal's registrations, one with each university.
func (p *Provider) Clients() map[string]university.Client {
	out := map[string]university.Client{}
	for _, u := range p.Directory.All() {
		out[u.ID] = university.Client{Issuer: p.issuer(u.ID), ID: p.Client, Secret: p.Secret}
	}
	return out
}

func (p *Provider) issuer(id string) string { return p.Base + "/" + id }

// Handler serves all universities.
func (p *Provider) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{u}/.well-known/openid-configuration", p.of(p.discovery))
	mux.HandleFunc("GET /{u}/authorize", p.of(p.authorize))
	mux.HandleFunc("POST /{u}/login", p.of(p.login))
	mux.HandleFunc("POST /{u}/cancel", p.of(p.cancel))
	mux.HandleFunc("POST /{u}/token", p.of(p.token))
	mux.HandleFunc("GET /{u}/userinfo", p.of(p.userinfo))
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, p.public) })
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, web, "web/style.css") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' "+p.origin)
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		mux.ServeHTTP(w, r)
	})
}

type handler func(w http.ResponseWriter, r *http.Request, u university.University)

func (p *Provider) of(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, ok := p.Directory.Get(r.PathValue("u"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		h(w, r, u)
	}
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request, u university.University) {
	issuer := p.issuer(u.ID)
	reply(w, http.StatusOK, map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"userinfo_endpoint": issuer + "/userinfo", "jwks_uri": p.Base + "/jwks",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "scopes_supported": []string{"openid", "email", "profile"},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic"},
		"authorization_response_iss_parameter_supported": true,
	})
}

// authorize shows the sign-in page. What is wrong with client or redirect URI is never
// answered by a redirect (RFC 6749 §4.1.2.1).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request, u university.University) {
	q := r.URL.Query()
	if q.Get("client_id") != p.Client || q.Get("redirect_uri") != p.Redirect+u.ID {
		http.Error(w, "Site inconnu de l’université.", http.StatusBadRequest)
		return
	}
	req := request{u.ID, q.Get("state"), q.Get("nonce"), q.Get("code_challenge"), p.Now()}
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || !challengeShape.MatchString(req.challenge) ||
		!strings.Contains(" "+q.Get("scope")+" ", " openid ") {
		p.back(w, r, req, url.Values{"error": {"invalid_request"}})
		return
	}
	p.mu.Lock()
	sweep(p.requests, func(r request) bool { return p.Now().Sub(r.at) > requestLife })
	id := secret()
	p.requests[id] = req
	p.mu.Unlock()
	p.show(w, http.StatusOK, u, view{Request: id})
}

var challengeShape = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// view is the sign-in page's data.
type view struct {
	Name, Hint, Request, Login, Password string
	Hue                                  int
	Wrong                                bool
}

func (p *Provider) show(w http.ResponseWriter, status int, u university.University, v view) {
	v.Name, v.Password, v.Hint = u.Name, Password, "prenom.nom"
	for _, s := range p.Students {
		if s.University == u.ID {
			v.Hint = s.Login
			break
		}
	}
	for _, c := range u.ID {
		v.Hue = (v.Hue*31 + int(c)) % 6
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = p.page.ExecuteTemplate(w, "login.html", v) // the reader went away: nobody to tell
}

// login checks who signs in and sends the browser back.
func (p *Provider) login(w http.ResponseWriter, r *http.Request, u university.University) {
	id, name := r.PostFormValue("request"), strings.ToLower(strings.TrimSpace(r.PostFormValue("login")))
	req, ok := p.pending(id, u)
	if !ok {
		http.Error(w, "Cette page a expiré : recommencez depuis le portail.", http.StatusBadRequest)
		return
	}
	student, ok := p.student(u, name)
	if !ok || r.PostFormValue("password") != Password {
		p.show(w, http.StatusUnauthorized, u, view{Request: id, Login: name, Wrong: true})
		return
	}
	code := secret()
	p.mu.Lock()
	delete(p.requests, id)
	sweep(p.codes, func(g granted) bool { return p.Now().Sub(g.at) > codeLife })
	p.codes[code] = granted{req, student, p.Now()}
	p.mu.Unlock()
	p.back(w, r, req, url.Values{"code": {code}})
}

// cancel sends the browser back with nobody signed in.
func (p *Provider) cancel(w http.ResponseWriter, r *http.Request, u university.University) {
	req, ok := p.pending(r.PostFormValue("request"), u)
	if !ok {
		http.Error(w, "Cette page a expiré : recommencez depuis le portail.", http.StatusBadRequest)
		return
	}
	p.back(w, r, req, url.Values{"error": {"access_denied"}})
}

func (p *Provider) pending(id string, u university.University) (request, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	req, ok := p.requests[id]
	return req, ok && req.university == u.ID && p.Now().Sub(req.at) <= requestLife
}

func (p *Provider) back(w http.ResponseWriter, r *http.Request, req request, answer url.Values) {
	answer.Set("state", req.state)
	answer.Set("iss", p.issuer(req.university))
	//nolint:gosec // Redirect is the portal's registration; of the request it holds escaped values alone
	http.Redirect(w, r, p.Redirect+req.university+"?"+answer.Encode(), http.StatusSeeOther)
}

var loginShape = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

// student finds who a login is. At a university that has students of its own, those
// alone are known.
func (p *Provider) student(u university.University, login string) (Student, bool) {
	own := false
	for _, s := range p.Students {
		if s.University != u.ID {
			continue
		}
		own = true
		if s.Login == login || strings.EqualFold(s.Address, login) {
			return s, true
		}
	}
	if own || !loginShape.MatchString(login) || len(login) > 60 {
		return Student{}, false
	}
	words := strings.FieldsFunc(login, func(r rune) bool { return strings.ContainsRune("._-", r) })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return Student{u.ID, login, strings.Join(words, " "), login + "@etu." + u.Domains[0]}, true
}

// sweep forgets what is old, and everything where too much is kept all the same.
func sweep[V any](m map[string]V, old func(V) bool) {
	for k, v := range m {
		if old(v) {
			delete(m, k)
		}
	}
	if len(m) >= maxKept {
		clear(m)
	}
}

func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

var errGrant = errors.New("invalid_grant")
