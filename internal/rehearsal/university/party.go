package university

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

var (
	// ErrUnavailable: the university's service does not answer, or not as OpenID
	// Connect has it; trying again later may help.
	ErrUnavailable = errors.New("university's sign-in service is unavailable")
	// ErrDeclined: the university answered that nobody signed in.
	ErrDeclined = errors.New("university's sign-in was declined")
	// ErrForged: an answer that does not belong to the attempt, or was not made by the
	// university for this portal: state, issuer, signature, audience, nonce or age.
	ErrForged = errors.New("university's answer is not to be trusted")
	// ErrAddress: the university asserts no address, or one that is not its own to assert.
	ErrAddress = errors.New("university asserts no address of its own")
)

// Client is the portal's registration with a university.
type Client struct {
	Issuer string // byte for byte as the university's discovery has it
	ID     string
	Secret string // "": a public client
}

// Attempt is a sign-in under way. It is kept in the browser's session, out of the
// browser's reach, and used once.
type Attempt struct {
	University string // ID
	State      string
	Nonce      string
	Verifier   string // PKCE
	Begun      time.Time
}

// attemptLife is how long signing in at the university may take.
const attemptLife = 30 * time.Minute

// Assertion is what a university says of the person who signed in.
type Assertion struct {
	Subject string // at the university
	Address string // in the university's own domains
	Name    string // may be ""
}

// Party is the relying party. It is safe for concurrent use.
type Party struct {
	redirect string // https://host:port/path/, to which a university's ID is added
	clients  map[string]Client
	web      *http.Client
	now      func() time.Time

	mu    sync.Mutex
	known map[string]discovered
}

type discovered struct {
	provider *oidc.Provider
	at       time.Time
}

const (
	discoveryLife = time.Hour
	answerTimeout = 10 * time.Second
	maxAddress    = 254 // RFC 5321 §4.5.3.1.3
	maxName       = 100
)

// NewParty returns a relying party; redirect is the address, with a slash at its end, to
// which each university's ID is added, and clients are registrations by university ID.
// transport carries TLS roots and limits; its answers are bounded here.
func NewParty(redirect string, clients map[string]Client, transport http.RoundTripper, now func() time.Time) *Party {
	return &Party{
		redirect: redirect, clients: clients, now: now, known: map[string]discovered{},
		web: &http.Client{
			Transport: bounded{transport}, Timeout: answerTimeout,
			// Discovery, token and userinfo answer themselves or not at all.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Has reports whether the portal is registered with a university.
func (p *Party) Has(id string) bool { _, ok := p.clients[id]; return ok }

// Begin starts an attempt and returns the address of the university's sign-in page. With
// anew the university is asked to have the password typed again (Core §3.1.2.1, prompt=login):
// somebody else may still be signed in there. It fails with ErrUnavailable.
func (p *Party) Begin(ctx context.Context, u University, anew bool) (Attempt, string, error) {
	provider, err := p.provider(ctx, u)
	if err != nil {
		return Attempt{}, "", err
	}
	a := Attempt{
		University: u.ID, State: secret(), Nonce: secret(), Verifier: oauth2.GenerateVerifier(), Begun: p.now(),
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if anew {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	return a, p.config(u, provider).AuthCodeURL(a.State, options...), nil
}

// Finish takes the university's answer to an attempt: the query of the redirect. u is
// the university whose redirect URI it came to. It fails with one of this package's
// errors; none of them quotes the answer.
func (p *Party) Finish(ctx context.Context, a Attempt, u University, answer url.Values) (Assertion, error) {
	if err := p.belongs(a, u, answer); err != nil {
		return Assertion{}, err
	}
	provider, err := p.provider(ctx, u)
	if err != nil {
		return Assertion{}, err
	}
	ctx = oidc.ClientContext(ctx, p.web)
	token, err := p.config(u, provider).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode != "" {
			return Assertion{}, fmt.Errorf("%w: token: %s", ErrForged, printable(refused.ErrorCode))
		}
		return Assertion{}, fmt.Errorf("%w: token", ErrUnavailable) // the cause may quote the answer
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Assertion{}, fmt.Errorf("%w: no id_token", ErrForged)
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: p.clients[u.ID].ID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return Assertion{}, fmt.Errorf("%w: id_token does not verify", ErrForged)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return Assertion{}, fmt.Errorf("%w: nonce", ErrForged)
	}
	return p.assertion(ctx, provider, u, id, token)
}

// belongs checks that an answer is one to the attempt, and what it says.
func (p *Party) belongs(a Attempt, u University, answer url.Values) error {
	issuer := p.clients[u.ID].Issuer
	for _, values := range answer {
		if len(values) != 1 { // RFC 6749 §3.1
			return fmt.Errorf("%w: a parameter is repeated", ErrForged)
		}
	}
	switch {
	case a.State == "" || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1:
		return fmt.Errorf("%w: state", ErrForged)
	case a.University != u.ID:
		return fmt.Errorf("%w: another university's redirect URI", ErrForged)
	case answer.Has("iss") && answer.Get("iss") != issuer:
		return fmt.Errorf("%w: iss", ErrForged)
	case p.now().Sub(a.Begun) > attemptLife:
		return fmt.Errorf("%w: attempt is too old", ErrDeclined)
	case answer.Has("error"):
		return fmt.Errorf("%w: %s", ErrDeclined, printable(answer.Get("error")))
	case answer.Get("code") == "":
		return fmt.Errorf("%w: no code", ErrForged)
	}
	return nil
}

// claims are what is read of an id_token or of userinfo.
type claims struct {
	Subject    string `json:"sub"`
	Address    string `json:"email"`
	Verified   any    `json:"email_verified"` // a boolean; some say "false"
	Name       string `json:"name"`
	GivenName  string `json:"given_name"`
	FamilyName string `json:"family_name"`
}

// assertion reads the address from the id_token or, where it has none, from userinfo
// (Core §5.3), whose sub must be the same.
func (p *Party) assertion(ctx context.Context, provider *oidc.Provider, u University, id *oidc.IDToken, token *oauth2.Token) (Assertion, error) {
	var c claims
	if err := id.Claims(&c); err != nil {
		return Assertion{}, fmt.Errorf("%w: claims", ErrForged)
	}
	if c.Address == "" && provider.UserInfoEndpoint() != "" {
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return Assertion{}, fmt.Errorf("%w: userinfo", ErrUnavailable)
		}
		if err := info.Claims(&c); err != nil || c.Subject != id.Subject {
			return Assertion{}, fmt.Errorf("%w: userinfo of somebody else", ErrForged)
		}
	}
	if !plausible(c.Address) || c.Verified == false || c.Verified == "false" || !u.Speaks(c.Address) {
		return Assertion{}, ErrAddress
	}
	return Assertion{Subject: id.Subject, Address: c.Address, Name: c.name()}, nil
}

func (c claims) name() string {
	name := strings.Join(strings.Fields(c.Name), " ")
	if name == "" {
		name = strings.Join(strings.Fields(c.GivenName+" "+c.FamilyName), " ")
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, name)
	if r := []rune(name); len(r) > maxName {
		name = string(r[:maxName])
	}
	return name
}

// plausible: one that can be mailed to without harm. Whether it is good shows when the
// mail arrives.
func plausible(address string) bool {
	local, domain, ok := strings.Cut(address, "@")
	return ok && local != "" && domain != "" && len(address) <= maxAddress && utf8.ValidString(address) &&
		!strings.ContainsFunc(address, func(r rune) bool {
			return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune("<>\",;:\\()[]", r)
		}) && !strings.Contains(domain, "@")
}

// provider discovers a university, again after an hour. The client of the context is
// what later fetches the keys too.
func (p *Party) provider(ctx context.Context, u University) (*oidc.Provider, error) {
	p.mu.Lock()
	have, ok := p.known[u.ID]
	p.mu.Unlock()
	if ok && p.now().Sub(have.at) < discoveryLife {
		return have.provider, nil
	}
	client, ok := p.clients[u.ID]
	if !ok {
		return nil, fmt.Errorf("%w: not registered with %s", ErrUnavailable, u.ID)
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.web), client.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: discovery of %s", ErrUnavailable, u.ID) // the cause may quote the answer
	}
	if e := provider.Endpoint(); !secure(e.AuthURL) || !secure(e.TokenURL) {
		return nil, fmt.Errorf("%w: %s offers endpoints without TLS", ErrUnavailable, u.ID)
	}
	p.mu.Lock()
	p.known[u.ID] = discovered{provider, p.now()}
	p.mu.Unlock()
	return provider, nil
}

func secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

func (p *Party) config(u University, provider *oidc.Provider) *oauth2.Config {
	c := p.clients[u.ID]
	endpoint := provider.Endpoint()
	// Auto-detection would send the code twice where the first is refused.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if c.Secret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: c.ID, ClientSecret: c.Secret, Endpoint: endpoint, RedirectURL: p.redirect + u.ID,
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}
}

// secret draws 256 bits.
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// printable keeps of a code that a university sends what RFC 6749 §5.2 allows, shortened.
func printable(code string) string {
	code = strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' && r != '"' && r != '\\' {
			return r
		}
		return -1
	}, code)
	return code[:min(40, len(code))]
}
