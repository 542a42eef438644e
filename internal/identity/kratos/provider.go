package kratos

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// ErrConfig is wrapped by New for a Config it cannot work with.
var ErrConfig = errors.New("kratos: unusable configuration")

// Config says which Kratos to speak to.
type Config struct {
	// Base is the address of Kratos's public API: https (http for a loopback address alone),
	// host, perhaps a path, no slash at its end.
	Base string
	// CodeValid is how long a code lives, selfservice.methods.code.config.lifespan there: Kratos
	// does not say it. More than 0.
	CodeValid time.Duration
	// NameTraits are the traits that make a full name, in order and joined by spaces; a dot
	// goes into an object ("name.first", "name.last"). None: no name is shown.
	NameTraits []string
	// Pins, RootCAs, Dial and Now are httpwire.Config's.
	Pins    []string
	RootCAs *x509.CertPool
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Now     func() time.Time
}

// Provider speaks to one Kratos. Make it with New.
type Provider struct {
	cfg  Config
	http *httpwire.Service
	// shared serves what belongs to no flow.
	shared *httpwire.Link
}

var (
	_ identity.Provider = (*Provider)(nil)
	_ identity.Surveyor = (*Provider)(nil)
)

const (
	timeout = 10 * time.Second
	// maxAnswer: a flow with every method and a dozen providers is 20 KiB.
	maxAnswer = 256 << 10
)

// New checks the configuration; it does not reach for the network. It fails with
// ErrConfig.
func New(cfg Config) (*Provider, error) {
	service, err := httpwire.New(httpwire.Config{
		Base: cfg.Base, Pins: cfg.Pins, RootCAs: cfg.RootCAs, Dial: cfg.Dial, Now: cfg.Now,
		Timeout: timeout, MaxAnswer: maxAnswer, DatePath: "/health/alive",
		CorrelationHeader: "X-Request-Id",
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if cfg.CodeValid <= 0 {
		return nil, fmt.Errorf("%w: how long a code lives is not said", ErrConfig)
	}
	return &Provider{cfg: cfg, http: service, shared: service.NewLink()}, nil
}

// Traits: a right code that is too old is told from a wrong one; how many tries remain
// is not.
func (p *Provider) Traits() identity.Traits {
	return identity.Traits{TellsExpiry: true, TellsRemaining: false, Remembers: true}
}

// Names of steps in errors.
const (
	opDiscover = "discover"
	opIdentify = "identify"
	opPassword = httpwire.OpPassword
	opSendCode = httpwire.OpSendCode
	opCode     = httpwire.OpCode
	opRenew    = "renew"
	opRevoke   = "revoke"
)

// Check opens a login flow, which Kratos forgets in its own time, and gives no
// address to it.
func (p *Provider) Check(ctx context.Context) (identity.Health, error) {
	a, err := p.open(ctx, p.shared, opDiscover)
	if a == nil {
		return identity.Health{}, err
	}
	h := identity.Health{ServerTime: a.Date()}
	if err == nil {
		h.Detail = p.detail(a)
	}
	return h, err
}

// detail is made of this package's own words: Kratos's never get out.
func (p *Provider) detail(a *answer) string {
	parts := []string{"Ory Kratos"}
	m := a.methods()
	for _, on := range []struct {
		is   bool
		name string
	}{{m.identifierFirst, "identifier first"}, {m.password, "password"}, {m.code, "code"}} {
		if on.is {
			parts = append(parts, on.name)
		}
	}
	if life := a.life(); life > 0 {
		parts = append(parts, "flows live "+life.String())
	}
	if peer := p.http.Peer(); peer != "" {
		parts = append(parts, peer)
	}
	return strings.Join(parts, ", ")
}

// open asks for a fresh login flow. Beside an error the answer is there if one came.
func (p *Provider) open(ctx context.Context, l *httpwire.Link, op string) (*answer, error) {
	raw, err := l.Send(ctx, httpwire.Request{Op: op, Method: http.MethodGet, URL: p.cfg.Base + "/self-service/login/api"})
	if err != nil {
		return nil, err
	}
	a := read(raw)
	switch err := a.usable(op); {
	case err != nil:
		return a, err
	case a.w.Error != nil && a.Status == http.StatusNotFound:
		return a, a.Fail(op, identity.Misconfigured, "no login for native clients at this address")
	case a.w.Error != nil:
		return a, a.failure(op)
	case a.Status != http.StatusOK || !a.isFlow():
		return a, a.Fail(op, identity.UnexpectedAnswer, "not a login flow")
	}
	return a, nil
}
