package cas

import (
	"context"
	"net/http"

	"golang.org/x/oauth2"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// Renew implements identity.Provider: a fresh ticket for the service, or a fresh access
// token, by CAS's own session. A refresh token, where CAS has given one, is used first.
func (p *Provider) Renew(ctx context.Context, old *identity.Session) (*identity.Session, error) {
	if old == nil || old.Cookie == "" && old.RefreshToken == "" {
		return nil, identity.Fail(opRenew, identity.SessionExpired, "nothing to renew it by")
	}
	if old.RefreshToken != "" && p.cfg.Mode == ModeOAuth {
		return p.refresh(ctx, old)
	}
	l := p.http.NewLink()
	defer l.Close()
	b, err := p.newBrowser(l)
	if err != nil {
		return nil, err
	}
	b.resume(old.Cookie)
	t := newTry()
	s, err := b.get(ctx, opRenew, p.start(t))
	switch {
	case err != nil:
		return nil, err
	case s.target == nil:
		return nil, s.answer.Fail(opRenew, identity.SessionExpired, "CAS asks who it is")
	}
	fresh, err := p.grant(ctx, opRenew, b, t, s)
	if err != nil {
		return nil, err
	}
	if fresh.Subject != old.Subject {
		return nil, s.answer.Fail(opRenew, identity.UnexpectedAnswer, "session of another person")
	}
	fresh.Cookie = renewedCookies(old.Cookie, s.cookies)
	fresh.GrantedAt = old.GrantedAt
	return fresh, nil
}

// renewedCookies are the session's, with the values that CAS has given them since. What
// else an answer sets is not the session's.
func renewedCookies(kept string, set []*http.Cookie) string {
	now := parseCookies(kept)
	for _, c := range now {
		for _, fresh := range set {
			if fresh.Name == c.Name && fresh.Value != "" && fresh.MaxAge >= 0 {
				c.Value = fresh.Value
			}
		}
	}
	return keepsake(now)
}

func parseCookies(kept string) []*http.Cookie {
	return (&http.Request{Header: http.Header{"Cookie": {kept}}}).Cookies()
}

// resume puts a session's cookies back, for all of the CAS.
func (b *browser) resume(kept string) {
	set := parseCookies(kept)
	for _, c := range set {
		c.Path = "/"
	}
	b.jar.SetCookies(b.p.http.Base(), set)
}

func (p *Provider) refresh(ctx context.Context, old *identity.Session) (*identity.Session, error) {
	defer p.shared.Close()
	tok, err := p.oauth().TokenSource(p.client(ctx, p.shared, opRenew), &oauth2.Token{RefreshToken: old.RefreshToken}).Token()
	if err != nil {
		return nil, tokenError(ctx, opRenew, err)
	}
	s := *old
	if err := p.take(&s, tok); err != nil {
		return nil, err
	}
	return &s, nil
}

// Revoke implements identity.Provider: it ends CAS's session, and with it all that was
// given in its name.
func (p *Provider) Revoke(ctx context.Context, s *identity.Session) error {
	if s == nil || s.Cookie == "" {
		return nil
	}
	l := p.http.NewLink()
	defer l.Close()
	b, err := p.newBrowser(l)
	if err != nil {
		return err
	}
	b.resume(s.Cookie)
	a, err := b.send(ctx, httpwire.Request{Op: opRevoke, Method: http.MethodGet}, p.address("/logout", nil))
	switch {
	case err != nil:
		return err
	case a.Busy():
		return a.Wait(opRevoke)
	case a.Status >= 400:
		return a.Fail(opRevoke, identity.ServiceUnavailable, "no end of the session")
	}
	return nil // a page of farewell, or a redirect to one
}
