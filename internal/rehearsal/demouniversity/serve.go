package demouniversity

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Server is a Provider behind an HTTPS listener on loopback.
type Server struct {
	*Provider
	http *http.Server
}

// Serve makes a Provider of c, whose Base it sets, and serves it on a port of its own
// under host, a name of this machine that the TLS certificate has.
func Serve(ctx context.Context, c Config, host string, conf *tls.Config) (*Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("demonstration university: %w", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // ours, well formed
	c.Base = "https://" + net.JoinHostPort(host, port)
	p, err := New(c)
	if err != nil {
		_ = l.Close() // the first error says more
		return nil, err
	}
	s := &Server{Provider: p, http: &http.Server{
		Handler: p.Handler(), TLSConfig: conf, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // it quotes what clients send
	}}
	// Returns when Close is called, with an error that says so.
	go func() { _ = s.http.ServeTLS(l, "", "") }()
	return s, nil
}

// Close stops serving; what is under way may finish until ctx ends.
func (s *Server) Close(ctx context.Context) error { return s.http.Shutdown(ctx) }
