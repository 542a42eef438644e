package cas

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// ErrConfig is wrapped by New for a Config it cannot work with.
var ErrConfig = errors.New("cas: unusable configuration")

// Mode is what a login ends in.
type Mode string

// The modes.
const (
	ModeOAuth   Mode = "oauth"   // an access token, by authorization code and PKCE
	ModeService Mode = "service" // the address of a service with a ticket for it
)

// Config says which CAS to speak to, and for what.
type Config struct {
	// Base is the CAS's address (cas.server.prefix there): https (http for a loopback address
	// alone), host, usually the path /cas, no slash at its end.
	Base string
	Mode Mode
	// Service is the address that a ticket is for (ModeService). It is never fetched.
	Service string
	// ClientID, Scope and RedirectURI are those of the client that CAS knows (ModeOAuth), a public
	// one. The RedirectURI is never fetched, only recognised.
	ClientID, Scope, RedirectURI string
	// CodeValid is how long a code lives, cas.authn.passwordless.tokens.core.expiration there: CAS
	// does not say it. More than 0.
	CodeValid time.Duration
	// Pins, RootCAs, Dial and Now are httpwire.Config's.
	Pins    []string
	RootCAs *x509.CertPool
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Now     func() time.Time
}

// Provider speaks to one CAS. Make it with New.
type Provider struct {
	cfg  Config
	http *httpwire.Service
	end  *url.URL // where a login ends: Service, or RedirectURI
	// shared serves what belongs to no flow.
	shared *httpwire.Link
}

var (
	_ identity.Provider = (*Provider)(nil)
	_ identity.Surveyor = (*Provider)(nil)
)

const (
	timeout = 10 * time.Second
	// maxAnswer: CAS's pages are some 25 KiB; themes add to them.
	maxAnswer = 1 << 20
)

// New checks the configuration; it does not reach for the network. It fails with
// ErrConfig.
func New(cfg Config) (*Provider, error) {
	bad := func(format string, args ...any) (*Provider, error) {
		return nil, fmt.Errorf("%w: %w", ErrConfig, fmt.Errorf(format, args...))
	}
	service, err := httpwire.New(httpwire.Config{
		Base: cfg.Base, Pins: cfg.Pins, RootCAs: cfg.RootCAs, Dial: cfg.Dial, Now: cfg.Now,
		Timeout: timeout, MaxAnswer: maxAnswer, DatePath: "/login",
	})
	if err != nil {
		return bad("%w", err)
	}
	if cfg.CodeValid <= 0 {
		return bad("how long a code lives is not said")
	}
	p := &Provider{cfg: cfg, http: service, shared: service.NewLink()}
	switch cfg.Mode {
	case ModeService:
		p.end, err = destination(cfg.Service)
	case ModeOAuth:
		if p.end, err = destination(cfg.RedirectURI); err == nil && cfg.ClientID == "" {
			return bad("no client_id")
		}
	default:
		return bad("mode is neither oauth nor service")
	}
	if err != nil {
		return bad("where a login ends: %w", err)
	}
	return p, nil
}

// destination is where a login ends: an absolute address without user or fragment.
func destination(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("not an address")
	case u.Scheme == "" || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "":
		return nil, errors.New("not an absolute address without user and fragment")
	}
	return u, nil
}

// Traits: CAS says the same of a wrong code and of one that has expired, and not how many
// tries remain.
func (p *Provider) Traits() identity.Traits { return identity.Traits{Remembers: true} }

// Names of steps in errors.
const (
	opDiscover = "discover"
	opIdentify = "identify"
	opPassword = httpwire.OpPassword
	opSendCode = httpwire.OpSendCode
	opCode     = httpwire.OpCode
	opToken    = "token"
	opRenew    = "renew"
	opRevoke   = "revoke"
)

// address is one of the CAS's own, path below Base.
func (p *Provider) address(path string, query url.Values) *url.URL {
	u := p.http.Base()
	u.Path += path
	u.RawPath = ""
	u.RawQuery = query.Encode()
	return u
}

// home reports whether u is the CAS's own: its scheme, host and port, and below its path.
func (p *Provider) home(u *url.URL) bool {
	return p.http.SameOrigin(u.String()) && strings.HasPrefix(u.EscapedPath(), p.http.Base().EscapedPath()+"/") &&
		!strings.Contains(u.EscapedPath(), "/../")
}

// target reports whether u is where a login ends: p.end with more in its query.
func (p *Provider) target(u *url.URL) bool {
	if u.Scheme != p.end.Scheme || !strings.EqualFold(u.Host, p.end.Host) || u.User != nil || u.EscapedPath() != p.end.EscapedPath() {
		return false
	}
	got := u.Query()
	for name, want := range p.end.Query() {
		for i, v := range want {
			if i >= len(got[name]) || got[name][i] != v {
				return false
			}
		}
	}
	return got.Has("ticket") || got.Has("code") || got.Has("error")
}

// first fetches the page that a login begins at: without an error one that asks who it is, or
// for the password beside. Beside an error the stop is there if an answer came.
func (p *Provider) first(ctx context.Context, b *browser, op string, t try) (*stop, error) {
	s, err := b.get(ctx, op, p.start(t))
	var e *identity.Error
	var u *UnexpectedPage
	switch {
	case errors.As(err, &e) && errors.As(err, &u) && u.Reason == ReasonNoLogin && e.Kind == identity.UnexpectedAnswer:
		// So CAS answers for a service or a client that nobody has told it of, or at an address that
		// is not its.
		return s, &identity.Error{Kind: identity.Misconfigured, Op: op, Err: u, Correlation: e.Correlation}
	case err != nil:
		return s, err
	case s.target != nil && s.target.Query().Has("error"):
		return s, s.answer.Fail(op, refusedBy(s.target.Query().Get("error")), "CAS refuses this client")
	case s.page == nil:
		return s, s.surprise(op)
	case s.page.kind != pageUsername && s.page.kind != pagePassword:
		return s, s.outOfOrder(op)
	}
	return s, nil
}
