package kratos

import (
	"context"
	"net/http"
	"strings"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// Survey implements identity.Surveyor: it opens a login flow, which Kratos forgets in its own
// time, and asks for the version, which Kratos may keep to itself.
func (p *Provider) Survey(ctx context.Context) (identity.Survey, error) {
	s := identity.Survey{Protocol: "Ory Kratos"}
	a, err := p.open(ctx, p.shared, opDiscover)
	if a == nil {
		return s, err
	}
	s.ServerTime = a.Date()
	if err != nil {
		return s, err
	}
	m := a.methods()
	s.Methods = []string{} // it told: none is an answer too
	for _, on := range []struct {
		is   bool
		name string
	}{{m.identifierFirst, "identifier first"}, {m.password, "password"}, {m.code, "email_code"}} {
		if on.is {
			s.Methods = append(s.Methods, on.name)
		}
	}
	if life := a.life(); life > 0 {
		s.Detail = "flows live " + life.String()
	}
	if peer := p.http.Peer(); peer != "" {
		s.Detail = strings.TrimPrefix(s.Detail+", "+peer, ", ")
	}
	s.Version = p.version(ctx)
	return s, nil
}

// version is what GET /version shows; "" where it shows none.
func (p *Provider) version(ctx context.Context) string {
	a, err := p.shared.Send(ctx, httpwire.Request{Op: opDiscover, Method: http.MethodGet, URL: p.cfg.Base + "/version"})
	var v struct {
		Version string `json:"version"`
	}
	if err != nil || a.Status != http.StatusOK || !a.Object(&v) {
		return ""
	}
	return identity.ParseVersion(v.Version)
}
