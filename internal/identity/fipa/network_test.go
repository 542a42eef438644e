package fipa

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
	"portillon/internal/identity/identitytest"
	"portillon/internal/wire"
)

// certificate makes a self-signed one for 127.0.0.1, or another host.
func certificate(t *testing.T, from, until time.Time, host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(host); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// withCertificate is a reference server that shows cert.
func withCertificate(t *testing.T, cert tls.Certificate) *reference {
	t.Helper()
	r := newReference(t)
	r.srv.Close()
	r.srv = httptest.NewUnstartedServer(r)
	r.srv.Config.ErrorLog = quiet
	r.srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	r.srv.StartTLS()
	t.Cleanup(r.srv.Close)
	return r
}

func TestCertificates(t *testing.T) {
	now := time.Now()
	at := func(d time.Duration) func() time.Time {
		return func() time.Time { return time.Now().Add(d) }
	}
	for name, c := range map[string]struct {
		from, until time.Duration
		host        string
		change      func(*Config)
		want        identity.Kind
	}{
		"good":          {-time.Hour, time.Hour, "127.0.0.1", func(*Config) {}, identity.KindUnknown},
		"expired":       {-2 * time.Hour, -time.Hour, "127.0.0.1", func(*Config) {}, identity.BadCertificate},
		"not yet valid": {time.Hour, 2 * time.Hour, "127.0.0.1", func(*Config) {}, identity.BadCertificate},
		"clock ahead":   {-time.Hour, time.Hour, "127.0.0.1", func(c *Config) { c.Now = at(90 * time.Minute) }, identity.ClockWrong},
		"clock behind":  {-time.Hour, time.Hour, "127.0.0.1", func(c *Config) { c.Now = at(-90 * time.Minute) }, identity.ClockWrong},
		"clock at zero": {-time.Hour, time.Hour, "127.0.0.1", func(c *Config) { c.Now = func() time.Time { return time.Unix(0, 0) } }, identity.ClockWrong},
		"clock ahead, wrong pin": {-time.Hour, time.Hour, "127.0.0.1", func(c *Config) {
			c.Now = at(90 * time.Minute)
			c.Pins = []string{httpwire.PinPrefix + strings.Repeat("A", 43) + "="}
		}, identity.BadCertificate},
		"wrong host": {-time.Hour, time.Hour, "auth.example", func(*Config) {}, identity.BadCertificate},
		"wrong pin": {-time.Hour, time.Hour, "127.0.0.1", func(c *Config) {
			c.Pins = []string{httpwire.PinPrefix + strings.Repeat("A", 43) + "="}
		}, identity.BadCertificate},
		"second pin": {-time.Hour, time.Hour, "127.0.0.1", func(c *Config) {
			c.Pins = append([]string{httpwire.PinPrefix + strings.Repeat("A", 43) + "="}, c.Pins...)
		}, identity.KindUnknown},
		"unknown authority": {-time.Hour, time.Hour, "127.0.0.1", func(c *Config) { c.RootCAs = x509.NewCertPool() }, identity.BadCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			r := withCertificate(t, certificate(t, now.Add(c.from), now.Add(c.until), c.host))
			r.fake.Add(zoe)
			cfg := r.config()
			c.change(&cfg)
			p := mustNew(t, cfg)
			h, err := p.Check(t.Context())
			if got := identity.KindOf(err); got != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err == nil && (h.ServerTime.IsZero() || !strings.Contains(h.Detail, "certificate until")) {
				t.Errorf("health %+v", h)
			}
			if _, _, err := p.Begin(t.Context(), identitytest.Email(t, zoe.Email)); identity.KindOf(err) != c.want {
				t.Errorf("begin: %v, want %v", err, c.want)
			}
			if n := len(r.requests("/challenge")); c.want != identity.KindUnknown && n != 0 {
				t.Errorf("%d requests over a connection that is not trusted", n)
			}
		})
	}
}

// With a good certificate, a clock an hour off shows when the service looks at the proof.
func TestClockWrongByProof(t *testing.T) {
	r := newReference(t)
	cfg := r.config()
	cfg.Now = func() time.Time { return time.Now().Add(time.Hour) }
	p := mustNew(t, cfg)
	if _, err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc := p.doc.Load()
	r.set(func() {
		r.override = jsonAnswer(400, `{"error":"invalid_dpop_proof"}`)
	})
	_, _, err := p.Begin(t.Context(), identitytest.Email(t, zoe.Email))
	if identity.KindOf(err) != identity.ClockWrong || doc == nil {
		t.Errorf("got %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	errno := func(e syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)},
			Err: os.NewSyscallError("connect", e)}
	}
	for _, c := range []struct {
		err  error
		want identity.Kind
	}{
		{errno(syscall.ENETDOWN), identity.NoNetwork},
		{errno(syscall.ENETUNREACH), identity.NoRoute},
		{errno(syscall.EHOSTUNREACH), identity.NoRoute},
		{errno(syscall.EPERM), identity.NoRoute},
		{errno(syscall.ECONNREFUSED), identity.Refused},
		{errno(syscall.ETIMEDOUT), identity.TimedOut},
		{errno(syscall.ECONNRESET), identity.ConnectionLost},
		{&net.DNSError{Err: "no such host", Name: "auth.secret.example", IsNotFound: true}, identity.NameNotFound},
		{&net.DNSError{Err: "server misbehaving", Name: "auth.secret.example"}, identity.NameNotFound},
		{&net.DNSError{Err: "i/o timeout", Name: "auth.secret.example", IsTimeout: true}, identity.TimedOut},
		{&net.OpError{Op: "dial", Err: &net.DNSError{UnwrapErr: syscall.ENETUNREACH}}, identity.NoRoute},
		{os.ErrDeadlineExceeded, identity.TimedOut},
		{context.DeadlineExceeded, identity.TimedOut},
		{io.EOF, identity.ConnectionLost},
		{errors.New("something else at 192.0.2.1"), identity.ConnectionLost},
	} {
		r := newReference(t)
		cfg := r.config()
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, c.err }
		_, err := mustNew(t, cfg).Check(t.Context())
		if identity.KindOf(err) != c.want {
			t.Errorf("%v: %v, want %v", c.err, err, c.want)
		}
		if text := err.Error(); strings.Contains(text, "192.0.2") || strings.Contains(text, "secret") {
			t.Errorf("an error says where: %s", text)
		}
	}
}

// raw is a listener that answers each connection with bytes of its own.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// plainProvider speaks http to a loopback address.
func plainProvider(t *testing.T, addr string, timeout time.Duration) *Provider {
	t.Helper()
	cfg := newReference(t).config()
	cfg.Issuer, cfg.Pins = "http://"+addr, nil
	p, err := newProvider(cfg, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBadServers(t *testing.T) {
	// answering reads the request's head, so that closing does not reset.
	answering := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			if _, err := c.Read(make([]byte, 4096)); err == nil {
				_, _ = io.WriteString(c, text) // the client may have gone
			}
		}
	}
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  identity.Kind
	}{
		"closes at once": {func(net.Conn) {}, identity.ConnectionLost},
		"not HTTP":       {answering("220 mail.example ESMTP\r\n"), identity.UnexpectedAnswer},
		"truncated":      {answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"issuer\":"), identity.ConnectionLost},
		"endless header": {answering("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), identity.UnexpectedAnswer},
		"silent": {func(c net.Conn) {
			_, _ = io.Copy(io.Discard, c) // until the client gives up
		}, identity.TimedOut},
		"slow": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
			_, _ = io.Copy(io.Discard, c) // until the client gives up
		}, identity.TimedOut},
		"10 MB":    {answering("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(" ", 10<<20)), identity.UnexpectedAnswer},
		"portal":   {answering("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Wi-Fi"), identity.CaptivePortal},
		"redirect": {answering("HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"), identity.UnexpectedAnswer},
		"not JSON": {answering("HTTP/1.1 200 OK\r\n\r\nhello"), identity.UnexpectedAnswer},
		"array":    {answering("HTTP/1.1 200 OK\r\n\r\n[1]"), identity.UnexpectedAnswer},
		"refusal":  {answering("HTTP/1.1 500 No\r\n\r\n{\"error\":\"server_error\"}"), identity.ServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 10 * time.Second
			if c.want == identity.TimedOut {
				timeout = 50 * time.Millisecond
			}
			p := plainProvider(t, raw(t, c.serve), timeout)
			_, err := p.Check(t.Context())
			if got := identity.KindOf(err); got != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// A portal that answers port 443 in plain text is told from a bad certificate.
func TestPlainTextOnTLSPort(t *testing.T) {
	cfg := newReference(t).config()
	cfg.Issuer = "https://" + raw(t, func(c net.Conn) {
		if _, err := c.Read(make([]byte, 4096)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n")
		}
	})
	if _, err := mustNew(t, cfg).Check(t.Context()); identity.KindOf(err) != identity.CaptivePortal {
		t.Errorf("got %v", err)
	}
}

func TestPlainLoopbackLogin(t *testing.T) {
	r := newReference(t)
	r.srv.Close()
	r.srv = httptest.NewServer(r)
	t.Cleanup(r.srv.Close)
	r.fake.Add(zoe)
	cfg := r.config()
	login(t, mustNew(t, cfg))
}

func TestDiscoveryDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*wire.Metadata)
		want  identity.Kind
	}{
		"good":          {func(*wire.Metadata) {}, identity.KindUnknown},
		"other issuer":  {func(m *wire.Metadata) { m.Issuer += "/" }, identity.Misconfigured},
		"no S256":       {func(m *wire.Metadata) { m.CodeChallengeMethodsSupported = []string{"plain"} }, identity.Misconfigured},
		"no ES256":      {func(m *wire.Metadata) { m.DPoPSigningAlgValuesSupported = []string{"RS256"} }, identity.Misconfigured},
		"no algs":       {func(m *wire.Metadata) { m.DPoPSigningAlgValuesSupported = nil }, identity.KindUnknown},
		"no challenge":  {func(m *wire.Metadata) { m.AuthorizationChallengeEndpoint = "" }, identity.Misconfigured},
		"other host":    {func(m *wire.Metadata) { m.TokenEndpoint = "https://other.example/token" }, identity.Misconfigured},
		"other port":    {func(m *wire.Metadata) { m.TokenEndpoint = "https://127.0.0.1:1/token" }, identity.Misconfigured},
		"http":          {func(m *wire.Metadata) { m.JWKSURI = strings.Replace(m.JWKSURI, "https", "http", 1) }, identity.Misconfigured},
		"no jwks":       {func(m *wire.Metadata) { m.JWKSURI = "" }, identity.Misconfigured},
		"no revocation": {func(m *wire.Metadata) { m.RevocationEndpoint = "" }, identity.KindUnknown},
		"relative":      {func(m *wire.Metadata) { m.TokenEndpoint = "/token" }, identity.Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReference(t)
			r.metadata = c.spoil
			_, err := mustNew(t, r.config()).Check(t.Context())
			if got := identity.KindOf(err); got != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// The document is fetched once, and again by each Check.
func TestDiscoveryIsCached(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	begin(t, p)
	begin(t, p)
	if n := len(r.requests(wire.MetadataPath)); n != 1 {
		t.Errorf("fetched %d times for two logins", n)
	}
	if _, err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.requests(wire.MetadataPath)); n != 2 {
		t.Errorf("fetched %d times", n)
	}
}
