package fipa

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
	"portillon/internal/wire"
)

// ErrConfig is wrapped by New for a Config it cannot work with.
var ErrConfig = errors.New("fipa: unusable configuration")

// Config says which service to speak to, and with what.
type Config struct {
	// Issuer is the service's issuer identifier: https (http for a loopback
	// address alone), host, and no path, query, fragment or trailing slash.
	Issuer   string
	ClientID string
	// Scope is space-separated. With openid in it, an id_token is demanded.
	Scope string
	// Pins are the accepted public keys, "sha256/" and the base64 of the SHA-256 of a
	// SubjectPublicKeyInfo. One of them must be in a verified chain. None: no pinning.
	Pins []string
	// RootCAs are trusted instead of the system's, unless nil.
	RootCAs *x509.CertPool
	// Dial opens the TCP connections; nil: net.Dialer without multipath TCP.
	// Errors are told apart by net.DNSError, syscall.Errno and os.ErrDeadlineExceeded: a dialler
	// that knows no interface is up says ENETDOWN.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Prover signs for the tablet's key.
	Prover dpop.Prover
	// Now is the tablet's wall clock; nil: time.Now.
	Now func() time.Time
}

// Provider speaks to one service. Make it with New.
type Provider struct {
	cfg    Config
	http   *httpwire.Service
	openid bool

	// shared serves what belongs to no flow.
	shared *link

	doc atomic.Pointer[wire.Metadata]

	mu    sync.Mutex
	nonce string // the newest DPoP nonce the service gave
}

var (
	_ identity.Provider = (*Provider)(nil)
	_ identity.Surveyor = (*Provider)(nil)
)

// New checks the configuration; it does not reach for the network. It fails with
// ErrConfig.
func New(cfg Config) (*Provider, error) {
	return newProvider(cfg, wire.MaxAnswerSeconds*time.Second)
}

// newProvider is New with a bound on one request and its answer.
func newProvider(cfg Config, timeout time.Duration) (*Provider, error) {
	bad := func(format string, args ...any) (*Provider, error) {
		return nil, fmt.Errorf("%w: %w", ErrConfig, fmt.Errorf(format, args...))
	}
	service, err := httpwire.New(httpwire.Config{
		Base: cfg.Issuer, Pins: cfg.Pins, RootCAs: cfg.RootCAs, Dial: cfg.Dial, Now: cfg.Now,
		Timeout: timeout, MaxAnswer: wire.MaxAnswerBytes, DatePath: wire.MetadataPath,
		CorrelationHeader: wire.HeaderCorrelation,
	})
	if err != nil {
		return bad("issuer or pins: %w", err)
	}
	if service.Base().Path != "" {
		return bad("issuer has a path")
	}
	if cfg.ClientID == "" || cfg.Prover == nil {
		return bad("no client_id, or no prover")
	}
	p := &Provider{cfg: cfg, http: service, openid: slices.Contains(strings.Fields(cfg.Scope), "openid")}
	p.shared = newLink(p)
	return p, nil
}

// Traits: this protocol tells everything.
func (p *Provider) Traits() identity.Traits {
	return identity.Traits{TellsExpiry: true, TellsRemaining: true, Remembers: true}
}

// Check fetches the discovery document, and nothing else.
func (p *Provider) Check(ctx context.Context) (identity.Health, error) {
	doc, date, err := p.discover(ctx, p.shared)
	h := identity.Health{ServerTime: date}
	if err != nil {
		return h, err
	}
	h.Detail = p.detail(doc)
	return h, nil
}

// Survey implements identity.Surveyor: the discovery document is all that is shown before
// somebody is named, and what a service offers it tells per account.
func (p *Provider) Survey(ctx context.Context) (identity.Survey, error) {
	h, err := p.Check(ctx)
	return identity.Survey{Health: h, Protocol: "OAuth 2.0 for First-Party Applications"}, err
}

// detail is made of this package's own words: the document's never get out.
func (p *Provider) detail(doc *wire.Metadata) string {
	parts := []string{"PKCE " + wire.MethodS256}
	if len(doc.DPoPSigningAlgValuesSupported) > 0 {
		parts = append(parts, "DPoP "+dpop.Algorithm)
	}
	if p.openid {
		parts = append(parts, "id_token expected")
	}
	if peer := p.http.Peer(); peer != "" {
		parts = append(parts, peer)
	}
	return strings.Join(parts, ", ")
}

// lastNonce and learnNonce keep the newest nonce, whichever request brought it
// (RFC 9449 §8.2).
func (p *Provider) lastNonce() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nonce
}

const maxNonce = 1024

func (p *Provider) learnNonce(s string) {
	if s == "" || len(s) > maxNonce {
		return
	}
	for i := range len(s) {
		// RFC 9449 §8.1 NQCHAR.
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nonce = s
}
