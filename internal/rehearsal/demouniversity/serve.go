package demouniversity

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Server is a Provider behind an HTTPS listener.
type Server struct {
	*Provider
	http *http.Server
}

// Serve makes a Provider of c and serves it on l, which is at c.Base, until Close.
func Serve(c Config, l net.Listener, conf *tls.Config) (*Server, error) {
	p, err := New(c)
	if err != nil {
		return nil, errors.Join(err, l.Close())
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
