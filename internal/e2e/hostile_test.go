package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portillon/internal/demo"
)

// forger makes certificates: an authority of its own.
type forger struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newForger(name string) (*forger, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(48 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		return nil, err
	}
	f := &forger{key: key}
	f.cert, err = x509.ParseCertificate(der)
	return f, err
}

func (f *forger) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.cert.Raw})
}

// leaf is a server's certificate for an address, valid from and to these times from now.
func (f *forger) leaf(address string, from, to time.Duration) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: address},
		IPAddresses: []net.IP{net.ParseIP(address)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, f.cert, key.Public(), f.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, f.cert.Raw}, PrivateKey: key}, nil
}

// mood is how a hostile network behaves. The zero value passes everything on.
type mood struct {
	// certificate of the server; nil: a good one.
	certificate *tls.Certificate
	oldTLS      bool // nothing newer than TLS 1.1
	// answer instead of the service, where it returns true.
	answer func(w http.ResponseWriter, r *http.Request) bool
	// change an answer of the service's.
	change func(*http.Response) error
	// plain is said, without TLS, to whoever connects.
	plain string
	// wire is a connection made worse; nil from it: hung up at once.
	wire func(net.Conn) net.Conn
}

// hostile stands between the tablet and the service, with an authority that the tablet trusts and pins.
type hostile struct {
	trusted, unpinned, stranger *forger
	bait                        *bait
	good                        *tls.Certificate

	mu    sync.Mutex
	mood  mood
	conns map[net.Conn]bool
}

// become changes the mood; connections that stand end.
func (h *hostile) become(m mood) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mood = m
	for c := range h.conns {
		_ = c.Close() // both sides may have done so already
	}
	clear(h.conns)
}

func (h *hostile) now() mood {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mood
}

// bait is a host that nobody may connect to.
type bait struct {
	url  string // https
	host string
	hits atomic.Int64
}

func startBait(t *testing.T) (*bait, error) {
	l, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		return nil, err
	}
	b := &bait{host: l.Addr().String(), url: "https://" + l.Addr().String()}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.hits.Add(1)
			_ = c.Close()
		}
	}()
	return b, nil
}

// startHostile listens on the issuer's address, 127.0.0.1, for a service on 127.0.0.2.
func startHostile(t *testing.T, s *demo.Service) (*hostile, error) {
	h := &hostile{conns: map[net.Conn]bool{}}
	var errs [5]error
	h.trusted, errs[0] = newForger("pinned")
	h.unpinned, errs[1] = newForger("trusted, and not pinned")
	h.stranger, errs[2] = newForger("unknown")
	h.bait, errs[3] = startBait(t)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	var err error
	if h.good, err = h.trusted.leaf("127.0.0.1", -time.Hour, 24*time.Hour); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	issuer, err := url.Parse(s.Issuer)
	if err != nil {
		return nil, err
	}
	behind := *issuer
	behind.Host = net.JoinHostPort("127.0.0.2", issuer.Port())
	listener, err := net.Listen("tcp", issuer.Host)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(&behind) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}},
		ModifyResponse: func(r *http.Response) error {
			if change := h.now().change; change != nil {
				return change(r)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := &http.Server{ReadHeaderTimeout: patience, ErrorLog: quiet(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := h.now().answer; answer == nil || !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}), TLSConfig: &tls.Config{MinVersion: tls.VersionTLS10, GetConfigForClient: h.config}}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(&moody{listener, h}, "", "") }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return h, nil
}

// config is TLS as the mood has it.
func (h *hostile) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	m := h.now()
	c := &tls.Config{Certificates: []tls.Certificate{*h.good}, MinVersion: tls.VersionTLS12}
	if m.certificate != nil {
		c.Certificates[0] = *m.certificate
	}
	// Whoever is not the service has not got the keys of its earlier sessions, and resumes none.
	c.SessionTicketsDisabled = m.certificate != nil || m.oldTLS
	if m.oldTLS {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	return c, nil
}

// moody is a listener whose connections are as the mood has them.
type moody struct {
	net.Listener
	h *hostile
}

func (l *moody) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		m := l.h.now()
		if m.plain != "" {
			go speakPlainly(c, m.plain)
			continue
		}
		if m.wire != nil {
			if c = m.wire(c); c == nil {
				continue
			}
		}
		l.h.mu.Lock()
		l.h.conns[c] = true
		l.h.mu.Unlock()
		return c, nil
	}
}

// speakPlainly answers without TLS, as a portal does that takes every connection.
func speakPlainly(c net.Conn, words string) {
	_, _ = c.Read(make([]byte, 1024))
	_, _ = io.WriteString(c, words) // the tablet may have gone
	_ = c.Close()
}

// slow is a connection on which every turn takes time.
type slowConn struct {
	net.Conn
	each time.Duration
}

func (c slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	<-time.After(c.each)
	return n, err
}

// stalled is a connection that takes everything and answers nothing.
type stalled struct{ net.Conn }

func (c stalled) Write(b []byte) (int, error) { return len(b), nil }
