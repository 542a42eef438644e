package httpwire

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"portillon/internal/identity"
)

// errPin: the chain verifies, but holds none of the pinned keys.
var errPin = errors.New("certificate chain holds no pinned key")

// PinPrefix stands before the base64 of a pin.
const PinPrefix = "sha256/"

func parsePins(pins []string) ([][]byte, error) {
	out := make([][]byte, 0, len(pins))
	for i, pin := range pins {
		text, ok := strings.CutPrefix(pin, PinPrefix)
		sum, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("pin %d is not %q and the base64 of 32 bytes", i+1, PinPrefix)
		}
		out = append(out, sum)
	}
	return out, nil
}

// checkPins looks for a pinned key in the chains that crypto/tls has verified.
func (s *Service) checkPins(chains [][]*x509.Certificate) error {
	if len(s.pins) == 0 {
		return nil
	}
	for _, chain := range chains {
		for _, cert := range chain {
			sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
			for _, pin := range s.pins {
				if subtle.ConstantTimeCompare(sum[:], pin) == 1 {
					return nil
				}
			}
		}
	}
	return errPin
}

// tlsConfig keeps crypto/tls's own verification, at the time now gives, and adds the pins,
// which hold for a resumed session too. sessions may be nil: nothing is resumed.
func (s *Service) tlsConfig(now func() time.Time, sessions tls.ClientSessionCache) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: s.base.Hostname(),
		RootCAs:    s.cfg.RootCAs,
		NextProtos: []string{"http/1.1"},
		Time:       now,
		// A connection ends with each secret; the next one, where a whole room comes back at
		// once, then costs the service no signature (RFC 8446 §2.2).
		ClientSessionCache: sessions,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if err := s.checkPins(cs.VerifiedChains); err != nil {
				return err
			}
			s.seen.Store(&peer{version: cs.Version, notAfter: cs.PeerCertificates[0].NotAfter})
			return nil
		},
	}
}

// dialTLS opens a verified connection. Where a certificate is refused for its
// dates alone, it finds out whose clock is wrong.
func (s *Service) dialTLS(ctx context.Context, network, addr string) (net.Conn, *cork, error) {
	c, held, err := s.handshake(ctx, network, addr, s.tlsConfig(s.cfg.Now, s.sessions))
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return nil, nil, s.whoseClock(ctx, invalid.Cert)
	}
	return c, held, err
}

func (s *Service) handshake(ctx context.Context, network, addr string, config *tls.Config) (*tls.Conn, *cork, error) {
	raw, err := s.cfg.Dial(ctx, network, addr)
	if err != nil {
		return nil, nil, err
	}
	held := &cork{Conn: raw}
	c := tls.Client(held, config)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error is the one to tell
		return nil, nil, err
	}
	return c, held, nil
}

// whoseClock decides between an out-of-date certificate and a tablet whose clock is
// wrong. It fetches DatePath, over a connection verified in
// every way but for the time, which is set inside cert's validity; the answer's
// Date is the service's word. Only a sentence on the screen hangs on it, and nothing is sent.
func (s *Service) whoseClock(ctx context.Context, cert *x509.Certificate) error {
	now := s.cfg.Now()
	inside := cert.NotBefore.Add(time.Second)
	if now.After(cert.NotAfter) {
		inside = cert.NotAfter.Add(-time.Second)
	}
	config := s.tlsConfig(func() time.Time { return inside }, nil)
	var t http.Transport
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, _, err := s.handshake(ctx, network, addr, config)
		return c, err
	}
	t.DisableKeepAlives = true
	t.MaxResponseHeaderBytes = maxHeader

	clockWrong := &identity.Error{Kind: identity.ClockWrong, Err: errors.New("certificate is good at the service's time")}
	outdated := &identity.Error{Kind: identity.BadCertificate, Err: errors.New("certificate is out of date")}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.Base+s.cfg.DatePath, nil)
	if err != nil {
		return outdated
	}
	resp, err := t.RoundTrip(req)
	if kind, why := certificateKind(err); why != "" {
		return &identity.Error{Kind: kind, Err: errors.New(why)} // wrong in another way too
	}
	if err != nil {
		// No word from the service. A certificate from the future is rarer than a clock that
		// lost its battery; one that ran out is as likely as one that runs fast.
		if now.Before(cert.NotBefore) {
			return clockWrong
		}
		return outdated
	}
	_ = resp.Body.Close() // only the header counts
	a := Answer{Header: resp.Header}
	if d := a.Date(); !d.Before(cert.NotBefore) && !d.After(cert.NotAfter) {
		return clockWrong
	}
	return outdated
}
