// Package faults is a proxy that fails on purpose, for tests: it stands between a tablet
// and a real service, ends the TLS of both and does to one step of a login what networks
// and servers do on a bad day. Only tests import it.
//
//	tablet ── Dial ─→ connection faults ─→ TLS ─→ answer faults ─→ service
package faults

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// Request is what a fault may look at.
type Request struct {
	Path string
	Form url.Values
}

// Fault is one way to fail. Of its members one is set, or two.
type Fault struct {
	Name string
	// Dial stands in for opening a connection; next opens it.
	Dial func(ctx context.Context, next func() (net.Conn, error)) (net.Conn, error)
	// Serve stands in for an answer; next gives the true one.
	Serve func(w http.ResponseWriter, r *http.Request, next http.Handler)
	// Certificate is shown instead of the proxy's own.
	Certificate *tls.Certificate
}

// Proxy is one way to a service. Its methods may be called from several goroutines.
type Proxy struct {
	server   *http.Server
	listener net.Listener
	own      tls.Certificate
	behind   http.Handler
	served   chan error

	mu    sync.Mutex
	fault Fault
	match func(Request) bool
	seen  []Request
	conns map[net.Conn]struct{}
}

// Start opens a way to the service at target, which roots vouch for. The proxy shows
// certificate.
func Start(target string, roots *x509.CertPool, certificate tls.Certificate) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	quiet := log.New(io.Discard, "", 0)
	p := &Proxy{listener: l, own: certificate, served: make(chan error, 1), conns: map[net.Conn]struct{}{}}
	p.behind = &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = u.Host },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		ErrorLog:  quiet,
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	tl := tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.certificate, SessionTicketsDisabled: true})
	go func() { p.served <- p.server.Serve(tl) }()
	return p, nil
}

// Close ends the proxy and every connection.
func (p *Proxy) Close() error {
	err := p.server.Close()
	p.Cut()
	if e := <-p.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// Break makes requests that match fail; with a fault of connections, all of them, and
// those that are open are cut.
func (p *Proxy) Break(f Fault, match func(Request) bool) {
	p.mu.Lock()
	p.fault, p.match = f, match
	p.mu.Unlock()
	if f.Dial != nil || f.Certificate != nil {
		p.Cut()
	}
}

// Mend lets everything through again.
func (p *Proxy) Mend() {
	f, _ := p.now()
	p.mu.Lock()
	p.fault, p.match = Fault{}, nil
	p.mu.Unlock()
	if f.Dial != nil {
		p.Cut() // those that hang
	}
}

// Cut closes every open connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close() // it is being cut
	}
	clear(p.conns)
}

// Count is how many requests that match have come, whatever became of them.
func (p *Proxy) Count(match func(Request) bool) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.seen {
		if match(r) {
			n++
		}
	}
	return n
}

func (p *Proxy) now() (Fault, func(Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, p.match
}

func (p *Proxy) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if f, _ := p.now(); f.Certificate != nil {
		return f.Certificate, nil
	}
	return &p.own, nil
}

// Dial opens a connection to the proxy, whatever the address; it is the tablet's.
func (p *Proxy) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	next := func() (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, p.listener.Addr().String())
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conns[c] = struct{}{}
		return c, nil
	}
	if f, _ := p.now(); f.Dial != nil {
		return f.Dial(ctx, next)
	}
	return next()
}

// maxBody is beyond any request of the protocol.
const maxBody = 1 << 20

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the tablet has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil {
		form = url.Values{}
	}
	req := Request{r.URL.Path, form}
	p.mu.Lock()
	p.seen = append(p.seen, req)
	f, match := p.fault, p.match
	p.mu.Unlock()
	if f.Serve != nil && match != nil && match(req) {
		f.Serve(w, r, p.behind)
		return
	}
	p.behind.ServeHTTP(w, r)
}
