package rehearsal

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"slices"
	"time"

	"portillon/internal/rehearsal/ca"
	"portillon/internal/rehearsal/demouniversity"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/portal"
	"portillon/internal/rehearsal/university"
)

// demoUniversity is the fictitious university of the demonstration's students.
func demoUniversity() university.University {
	return university.University{ID: "demonstration", Name: "Université de démonstration", Domains: []string{"univ-uness.fr"}}
}

// listenPortal opens the portal's port and sets its address, which the identity service
// tells to tablets. There is none without universities to sign in at.
func (s *Server) listenPortal(ctx context.Context, o Options) (l net.Listener, err error) {
	if o.Demo || o.Universities != "" {
		l, s.PortalURL, err = s.listenSite(ctx, o, o.PortalListen)
	}
	return l, err
}

// servePortal serves the portal and, for a demonstration, the universities.
func (s *Server) servePortal(ctx context.Context, o Options, d portal.Deps, authority *ca.Authority, l net.Listener) error {
	redirect := portal.RedirectPrefix(s.PortalURL)
	directory, err := university.France()
	if err != nil {
		return err
	}
	var clients map[string]university.Client
	transport := &http.Transport{TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	if o.Demo {
		if directory, clients, err = s.serveUniversities(ctx, o, directory, redirect, authority); err != nil {
			return err
		}
		conf, err := s.ClientTLS()
		if err != nil {
			return err
		}
		transport.TLSClientConfig = conf
	} else if directory, clients, err = university.Registrations(o.Universities, directory); err != nil {
		return err
	}
	d.URL, d.Directory = s.PortalURL, directory
	var way http.RoundTripper = transport
	if o.between != nil {
		way = o.between(way)
	}
	d.Party = university.NewParty(redirect, clients, way, o.Now)
	site, err := portal.New(d)
	if err != nil {
		return err
	}
	s.serveSite(o, authority, l, site)
	return nil
}

// serveUniversities starts the demonstration's, under the service's own name.
func (s *Server) serveUniversities(ctx context.Context, o Options, d *university.Directory, redirect string, authority *ca.Authority) (*university.Directory, map[string]university.Client, error) {
	d, err := d.With(demoUniversity())
	if err != nil {
		return nil, nil, err
	}
	students := slices.Clone(o.students)
	for _, p := range people.Demos() {
		students = append(students, demouniversity.Student{
			University: demoUniversity().ID, Login: p.Login(), Name: p.Name, Address: p.Address,
		})
	}
	l, base, err := s.listenSite(ctx, o, "")
	if err != nil {
		return nil, nil, err
	}
	s.unis, err = demouniversity.Serve(demouniversity.Config{
		Directory: d, Students: students, Client: "portail", Secret: rand.Text(), Redirect: redirect, Base: base, Now: o.Now,
	}, l, authority.Config())
	if err != nil {
		return nil, nil, err
	}
	return d, s.unis.Clients(), nil
}
