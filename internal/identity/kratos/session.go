package kratos

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

const (
	tokenType = "Bearer"
	maxToken  = 4 << 10
	maxName   = 256
)

// grant makes a session of Kratos's, or says why there is none.
func (p *Provider) grant(a *answer, op string) (*identity.Session, error) {
	w := a.w
	if w.SessionToken == "" || w.Error != nil {
		return nil, a.failure(op)
	}
	if a.Status != http.StatusOK || len(w.SessionToken) > maxToken || w.Session == nil || !w.Session.Active {
		return nil, a.Fail(op, identity.UnexpectedAnswer, "a token without a session")
	}
	who := w.Session.Identity
	if who == nil || who.ID == "" {
		// Kratos names nobody while a second factor is missing.
		return nil, a.Fail(op, identity.WebRequired, "a second factor is asked for")
	}
	return &identity.Session{
		AccessToken: w.SessionToken, TokenType: tokenType, ExpiresAt: when(w.Session.ExpiresAt),
		Subject: who.ID, Name: p.name(who.Traits), GrantedAt: a.Now,
	}, nil
}

// name joins the configured traits; "" where none is text.
func (p *Provider) name(traits map[string]any) string {
	var parts []string
	for _, path := range p.cfg.NameTraits {
		if s := trait(traits, path); s != "" {
			parts = append(parts, s)
		}
	}
	return httpwire.Display(strings.Join(parts, " "), maxName)
}

func trait(traits map[string]any, path string) string {
	name, rest, deeper := strings.Cut(path, ".")
	if deeper {
		inner, _ := traits[name].(map[string]any)
		return trait(inner, rest)
	}
	s, _ := traits[name].(string)
	return strings.TrimSpace(s)
}

// header carries a session's token.
func header(s *identity.Session) http.Header {
	h := http.Header{}
	h.Set("X-Session-Token", s.AccessToken)
	return h
}

// Renew implements identity.Provider. Kratos lets nobody but an administrator prolong a
// session, so this asks whether it is still good and until when; the token stays.
func (p *Provider) Renew(ctx context.Context, old *identity.Session) (*identity.Session, error) {
	if old == nil || old.AccessToken == "" {
		return nil, identity.Fail(opRenew, identity.SessionExpired, "no session token")
	}
	raw, err := p.shared.Send(ctx, httpwire.Request{
		Op: opRenew, Method: http.MethodGet, URL: p.cfg.Base + "/sessions/whoami", Header: header(old),
	})
	if err != nil {
		return nil, err
	}
	a := read(raw)
	if err := a.usable(opRenew); err != nil {
		return nil, err
	}
	var now session // whoami's answer is the session itself
	switch {
	case a.Status == http.StatusUnauthorized && a.w.Error != nil:
		return nil, a.Fail(opRenew, identity.SessionExpired, "session no longer known")
	case a.w.Error != nil:
		return nil, a.failure(opRenew)
	case a.Status != http.StatusOK || !raw.Object(&now) || now.Identity == nil || now.Identity.ID == "":
		return nil, a.Fail(opRenew, identity.UnexpectedAnswer, "not a session")
	case !now.Active:
		return nil, a.Fail(opRenew, identity.SessionExpired, "session is over")
	case now.Identity.ID != old.Subject:
		return nil, a.Fail(opRenew, identity.UnexpectedAnswer, "session of another person")
	}
	s := *old
	s.ExpiresAt = when(now.ExpiresAt)
	return &s, nil
}

// Revoke implements identity.Provider. A session that Kratos no longer knows is over
// already.
func (p *Provider) Revoke(ctx context.Context, s *identity.Session) error {
	if s == nil || s.AccessToken == "" {
		return nil
	}
	defer p.shared.Close()
	token, err := json.Marshal(map[string]string{"session_token": s.AccessToken})
	if err != nil {
		return identity.Fail(opRevoke, identity.UnexpectedAnswer, "token is not text")
	}
	raw, err := p.shared.Send(ctx, httpwire.Request{
		Op: opRevoke, Method: http.MethodDelete, URL: p.cfg.Base + "/self-service/logout/api",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: string(token),
	})
	if err != nil {
		return err
	}
	a := read(raw)
	switch {
	case a.Status == http.StatusNoContent:
		return nil
	case a.Status == http.StatusForbidden && a.w.Error != nil:
		return nil // unknown to Kratos
	}
	if err := a.usable(opRevoke); err != nil {
		return err
	}
	return a.failure(opRevoke)
}
