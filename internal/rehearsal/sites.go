package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"portillon/internal/rehearsal/ca"
)

// Uploads take longer than a login's requests, and come from few.
const siteReadTimeout = time.Minute

// router is a handler that names the pattern a request matches, for the log.
type router interface {
	http.Handler
	Handler(*http.Request) (http.Handler, string)
}

// site is what is served beside the protocol: the cockpit, the portal. Each has a port,
// and with it an origin, of its own: a page of one reads nothing of the other.
type site interface {
	router
	Purge(context.Context) error
}

// listenSite opens a site's port and says its address. listen is HOST:PORT; "": any free
// port where the protocol is.
func (s *Server) listenSite(ctx context.Context, o Options, listen string) (net.Listener, string, error) {
	if listen == "" {
		host, _, _ := net.SplitHostPort(o.Listen) // checked
		listen = net.JoinHostPort(host, "0")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, "", fmt.Errorf("listen %s: %w", listen, err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // ours, well formed
	return l, "https://" + net.JoinHostPort(o.issuerHost(l), port), nil
}

// serveSite serves a site on its port until Close.
func (s *Server) serveSite(o Options, authority *ca.Authority, l net.Listener, site site) {
	srv := newHTTP(site, o)
	srv.ReadTimeout, srv.WriteTimeout = siteReadTimeout, siteReadTimeout
	srv.TLSConfig = authority.Config()
	s.webs, s.sites = append(s.webs, srv), append(s.sites, site)
	s.stopped.Go(func() {
		if err := srv.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			s.failed(err)
		}
	})
}

// failed reports the first error of a server that stopped by itself.
func (s *Server) failed(err error) {
	select {
	case s.serveErr <- err:
	default:
	}
}
