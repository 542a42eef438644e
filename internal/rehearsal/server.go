package rehearsal

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"portillon/internal/rehearsal/ca"
	"portillon/internal/rehearsal/cockpit"
	"portillon/internal/rehearsal/demouniversity"
	"portillon/internal/rehearsal/keys"
	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/mailbox"
	"portillon/internal/rehearsal/metrics"
	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/portal"
	"portillon/internal/rehearsal/store"
)

var (
	// ErrDataInUse: another service runs on the same data directory.
	ErrDataInUse = errors.New("data directory is in use by another service")
	// ErrOtherKeys: processes of one database must have the same keys and the same CA.
	ErrOtherKeys = errors.New("its keys and certificate authority are not those of the other processes on the database: copy keys/ and ca/ from one of their data directories")
)

const purgeEvery = time.Minute

// Server is a running service.
type Server struct {
	Issuer     string // https://host:port
	CockpitURL string
	PortalURL  string // "": neither a demonstration nor universities to sign in at
	MailboxURL string // "": no demonstration
	CAFile     string // the CA certificate, PEM
	CAPin      string // its public key, "sha256/BASE64", as a configuration pins it

	Addr        string // host:port where this process listens
	MetricsAddr string // host:port of the operator's door; "": none

	DB *store.DB // for tests and for commands beside the service

	http        *http.Server
	webs        []*http.Server // the sites'
	sites       []site
	unis        *demouniversity.Server // the demonstration's; else nil
	hasher      *password.Hasher
	box         *mailbox.Servers
	shutMetrics func(context.Context) error // nil: no door
	now         func() time.Time
	lock        *os.File
	stop        context.CancelFunc
	stopped     sync.WaitGroup
	serveErr    chan error
	once        sync.Once
	closeErr    error
}

// Start serves until Close. What is wrong with the options, the data directory or
// the address is an error that names it.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	if o, err = o.complete(); err != nil {
		return nil, err
	}
	s := &Server{serveErr: make(chan error, 1), now: o.Now}
	// What is told to others (ca_file) holds wherever they run.
	if o.Data, err = filepath.Abs(o.Data); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	s.lock, err = lockData(o.Data, o.Database != "")
	if err != nil {
		return nil, err
	}
	// The background work outlives ctx, which is about starting.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := s.openData(ctx, o); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", o.Listen, err)
	}
	if a, ok := listener.Addr().(*net.TCPAddr); o.Demo && ok && !a.IP.IsLoopback() {
		o.Log.Warn("the demonstration's accounts, with public passwords, can be reached from the network")
	}
	host := o.issuerHost(listener)
	ring, authority, err := s.secrets(ctx, o, host)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.Addr = listener.Addr().String()
	_, port, _ := net.SplitHostPort(s.Addr) // ours, well formed
	s.Issuer = cmp.Or(o.Issuer, "https://"+net.JoinHostPort(host, port))
	s.CAFile, s.CAPin = authority.File(), authority.Pin()
	if err := s.serve(run, o, ring, authority, listener); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return s, nil
}

func (o Options) issuerHost(l net.Listener) string {
	if name := cmp.Or(o.issuerName(), o.IssuerHost); name != "" {
		return name
	}
	host, _, _ := net.SplitHostPort(o.Listen) // checked
	if host == "" {
		host, _, _ = net.SplitHostPort(l.Addr().String())
	}
	return host
}

// serve starts mail, background work and HTTPS.
func (s *Server) serve(run context.Context, o Options, ring *keys.Ring, authority *ca.Authority, l net.Listener) error {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return err
	}
	relay := o.SMTP
	if o.Demo {
		if s.box, err = mailbox.New(o.Now).Serve(run, authority.Config(), zone); err != nil {
			return err
		}
		s.MailboxURL = s.box.URL
		if relay == nil {
			relay = &mail.SMTP{Addr: s.box.SMTPAddr, TLS: mail.TLSStart, Roots: authority.Pool()}
		}
	}
	queue := mail.NewQueue(s.DB, ring, sender(*relay, o), o.Now, o.Log)
	hasher := password.New(o.PasswordQueue)
	s.hasher = hasher
	if err := s.openMetrics(run, &o, hasher); err != nil {
		return err
	}
	portalDoor, err := s.listenPortal(run, o)
	if err != nil {
		return err
	}
	service, err := oauth.New(oauth.Deps{
		Issuer: s.Issuer, ClientID: o.ClientID, SetupURI: cmp.Or(o.SetupURI, s.PortalURL, defaultSetupURI), Zone: zone, Policy: o.Policy,
		DB: s.DB, Keys: ring, Hasher: hasher, Mails: queue, Now: o.Now, Log: o.Log,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	if err := service.Routes(mux); err != nil {
		return err
	}
	if o.Demo {
		if err := demonstrate(mux, s.MailboxURL); err != nil {
			return err
		}
	}
	if err := s.openCockpit(run, o, ring, authority, hasher, zone); err != nil {
		return err
	}
	if portalDoor != nil {
		err := s.servePortal(run, o, portal.Deps{
			Login: service, Zone: zone, DB: s.DB, Keys: ring, Hasher: hasher, Mails: queue, Now: o.Now, Log: o.Log,
		}, authority, portalDoor)
		if err != nil {
			return errors.Join(err, portalDoor.Close())
		}
	}
	s.stopped.Go(func() { queue.Run(run) })
	s.stopped.Go(func() { s.purge(run, service, o) })
	s.http = newHTTP(mux, o)
	s.http.TLSConfig = authority.Config()
	s.stopped.Go(func() {
		if err := s.http.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			s.failed(err)
		}
	})
	return nil
}

// openMetrics opens the operator's door, where one is asked for.
func (s *Server) openMetrics(ctx context.Context, o *Options, hasher *password.Hasher) (err error) {
	if o.Metrics == "" {
		return nil
	}
	o.meter = metrics.New(metrics.Sources{
		Queue: func() (q metrics.Queue) {
			q.Here, q.Promised, q.Each = hasher.State()
			return q
		},
		Mails: func(ctx context.Context) (n int, err error) {
			err = s.DB.Read(ctx, func(tx *store.Tx) error { n, err = tx.MailsWaiting(); return err })
			return n, err
		},
	})
	s.MetricsAddr, s.shutMetrics, err = o.meter.Serve(ctx, o.Metrics)
	return err
}

// openCockpit serves the cockpit.
func (s *Server) openCockpit(ctx context.Context, o Options, ring *keys.Ring, authority *ca.Authority, hasher *password.Hasher, zone *time.Location) error {
	site, err := cockpit.New(cockpit.Deps{
		DB: s.DB, Keys: ring, Hasher: hasher, Every: o.Every, Zone: zone, Now: o.Now, Log: o.Log,
	})
	if err != nil {
		return err
	}
	l, url, err := s.listenSite(ctx, o, o.CockpitListen)
	if err != nil {
		return err
	}
	s.CockpitURL = url
	s.serveSite(o, authority, l, site)
	return nil
}

// sender completes the relay's settings.
func sender(r mail.SMTP, o Options) *mail.SMTP {
	if r.From == "" {
		r.From = "ne-pas-repondre@univ-uness.fr"
	}
	if r.FromName == "" {
		r.FromName = "Compte UNESS"
	}
	r.Now = o.Now
	return &r
}

func (s *Server) purge(ctx context.Context, service *oauth.Service, o Options) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := service.Purge(ctx); err != nil && ctx.Err() == nil {
				o.Log.Error("purge", "err", err)
			}
			for _, site := range s.sites {
				if err := site.Purge(ctx); err != nil && ctx.Err() == nil {
					o.Log.Error("purge", "err", err)
				}
			}
		}
	}
}

// Failed delivers the error of a service that stopped serving by itself.
func (s *Server) Failed() <-chan error { return s.serveErr }

// Close stops: no new request, those under way finish until ctx ends, mails that
// wait stay in the database. It may be called again.
func (s *Server) Close(ctx context.Context) error {
	s.once.Do(func() {
		var errs []error
		for _, srv := range append(s.webs, s.http) {
			if srv == nil {
				continue // it never started
			}
			if err := srv.Shutdown(ctx); err != nil {
				errs = append(errs, err, srv.Close())
			}
		}
		if s.unis != nil {
			errs = append(errs, s.unis.Close(ctx))
		}
		s.stop()
		s.stopped.Wait()
		if s.shutMetrics != nil {
			errs = append(errs, s.shutMetrics(ctx))
		}
		if s.box != nil {
			errs = append(errs, s.box.Close(ctx))
		}
		if s.DB != nil {
			errs = append(errs, s.DB.Close())
		}
		s.closeErr = errors.Join(append(errs, s.lock.Close())...)
	})
	return s.closeErr
}

// ClientTLS is the TLS configuration of a client that trusts the service alone and reads
// certificates by the service's clock.
func (s *Server) ClientTLS() (*tls.Config, error) {
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, err
	}
	return clientTLS(pem, s.now)
}
