package cas

import (
	"context"
	"strings"

	"portillon/internal/identity"
)

// Check looks at the first page and gives no address to it.
func (p *Provider) Check(ctx context.Context) (identity.Health, error) {
	s, err := p.Survey(ctx)
	if err == nil {
		s.Detail = s.String()
	}
	return s.Health, err
}

// Survey implements identity.Surveyor: what the first page shows. The version is there where CAS's
// theme shows it. Methods are told where identifier and password are asked for on one page; else CAS
// offers them once it knows the account.
func (p *Provider) Survey(ctx context.Context) (identity.Survey, error) {
	defer p.shared.Close()
	found := identity.Survey{Protocol: "Apereo CAS"}
	b, err := p.newBrowser(p.shared)
	if err != nil {
		return found, err
	}
	s, err := p.first(ctx, b, opDiscover, newTry())
	if s == nil {
		return found, err
	}
	found.ServerTime = s.answer.Date()
	if err != nil {
		return found, err
	}
	found.Version = identity.ParseVersion(s.page.version)
	parts := []string{"mode " + string(p.cfg.Mode), "identifier first"}
	if s.page.kind == pagePassword {
		parts[1] = "identifier and password on one page: no code"
		found.Methods = []string{"password"}
	}
	parts = append(parts, "page "+s.page.prints)
	if peer := p.http.Peer(); peer != "" {
		parts = append(parts, peer)
	}
	found.Detail = strings.Join(parts, ", ")
	return found, nil
}
