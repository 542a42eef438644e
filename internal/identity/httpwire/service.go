package httpwire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// ErrConfig is wrapped by New for a Config it cannot work with.
var ErrConfig = errors.New("unusable configuration")

// Config says which service to reach, and how.
type Config struct {
	// Base is the service's address: https (http for a loopback address alone), no user,
	// query, fragment or trailing slash. Every request goes to its host.
	Base string
	// Pins are the accepted public keys, "sha256/" and the base64 of the SHA-256 of a
	// SubjectPublicKeyInfo. One of them must be in a verified chain. None: no pinning.
	Pins []string
	// RootCAs are trusted instead of the system's, unless nil.
	RootCAs *x509.CertPool
	// Dial opens the TCP connections; nil: net.Dialer without multipath TCP.
	// Errors are told apart by net.DNSError, syscall.Errno and os.ErrDeadlineExceeded: a dialler
	// that knows no interface is up says ENETDOWN.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Now is the tablet's wall clock; nil: time.Now.
	Now func() time.Time
	// Timeout bounds one request and its answer; MaxAnswer the answer's body, in bytes.
	Timeout   time.Duration
	MaxAnswer int
	// DatePath is fetched, below Base, when a certificate is refused for its dates: the answer's
	// Date header says whose clock is wrong.
	DatePath string
	// CorrelationHeader names the answer's header that identifies a request in the
	// service's logs; "" for none.
	CorrelationHeader string
}

// Service is one service to reach. Make it with New; its methods may be called from
// several goroutines.
type Service struct {
	cfg  Config
	base *url.URL
	pins [][]byte
	seen atomic.Pointer[peer]
	// sessions holds the newest session of the one host there is.
	sessions tls.ClientSessionCache
}

// peer is what the last good handshake showed, for technicians.
type peer struct {
	version  uint16
	notAfter time.Time
}

// New checks the configuration; it does not reach for the network. It fails with
// ErrConfig.
func New(cfg Config) (*Service, error) {
	bad := func(format string, args ...any) (*Service, error) {
		return nil, fmt.Errorf("%w: %w", ErrConfig, fmt.Errorf(format, args...))
	}
	u, err := url.Parse(cfg.Base)
	if err != nil {
		return bad("address is not a URL")
	}
	if u.Host == "" || u.User != nil || cfg.Base != u.Scheme+"://"+u.Host+u.EscapedPath() || strings.HasSuffix(cfg.Base, "/") {
		return bad("address is more, or less, than scheme, host and path without a slash at its end")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return bad("address is not https")
	}
	pins, err := parsePins(cfg.Pins)
	if err != nil {
		return bad("%w", err)
	}
	if cfg.Timeout <= 0 || cfg.MaxAnswer <= 0 {
		return bad("no bound on an answer")
	}
	if cfg.Dial == nil {
		var d net.Dialer
		d.SetMultipathTCP(false)
		cfg.Dial = d.DialContext
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, base: u, pins: pins, sessions: tls.NewLRUClientSessionCache(1)}, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Now is the tablet's wall clock.
func (s *Service) Now() time.Time { return s.cfg.Now() }

// Base is the service's address, as configured.
func (s *Service) Base() *url.URL { u := *s.base; return &u }

// Peer says in a few words what the last good handshake showed; "" before one.
func (s *Service) Peer() string {
	p := s.seen.Load()
	if p == nil {
		return ""
	}
	return tls.VersionName(p.version) + ", certificate until " + p.notAfter.UTC().Format(time.DateOnly)
}

// SameOrigin reports whether raw is an address of this service's scheme, host and
// port: a tablet may reach no other.
func (s *Service) SameOrigin(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.User == nil && u.Fragment == "" && u.Scheme == s.base.Scheme &&
		strings.EqualFold(u.Hostname(), s.base.Hostname()) && port(u) == port(s.base)
}

func port(u *url.URL) string {
	if s := u.Port(); s != "" {
		return s
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}
