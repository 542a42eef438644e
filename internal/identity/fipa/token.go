package fipa

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
	"portillon/internal/wire"
)

// Names of steps in errors.
const (
	opToken  = "token"
	opRenew  = "renew"
	opRevoke = "revoke"
)

// oauth is x/oauth2 set up for one request: the client is this package's, the
// style of authentication is fixed, because finding it out posts a code twice.
func (p *Provider) oauth(doc *wire.Metadata) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.cfg.ClientID,
		Endpoint: oauth2.Endpoint{TokenURL: doc.TokenEndpoint, AuthStyle: oauth2.AuthStyleInParams},
	}
}

func (l *link) context(ctx context.Context, op string) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, l.client(op))
}

// exchange turns an authorization code into a session. It sends the code once.
func (p *Provider) exchange(ctx context.Context, l *link, doc *wire.Metadata, code, verifier string) (*identity.Session, error) {
	tok, err := p.oauth(doc).Exchange(l.context(ctx, opToken), code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, p.tokenError(ctx, opToken, err)
	}
	s, err := p.granted(ctx, l, doc, tok)
	if err != nil {
		p.drop(ctx, tok)
		return nil, err
	}
	return s, nil
}

// granted is the session of a first token answer.
func (p *Provider) granted(ctx context.Context, l *link, doc *wire.Metadata, tok *oauth2.Token) (*identity.Session, error) {
	s, err := p.session(opToken, tok)
	if err != nil || !p.openid {
		return s, err
	}
	raw, _ := tok.Extra("id_token").(string)
	if raw == "" {
		return nil, identity.Fail(opToken, identity.UnexpectedAnswer, "no id_token")
	}
	return s, p.identify(ctx, l, doc, opToken, raw, s)
}

// drop revokes tokens that nobody will hold. The student is told of the failure at once and
// not of this one: it is best effort, as every revocation.
func (p *Provider) drop(ctx context.Context, tok *oauth2.Token) {
	s := &identity.Session{AccessToken: tok.AccessToken, RefreshToken: tok.RefreshToken}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropLimit)
		defer cancel()
		defer s.Wipe()
		_ = p.Revoke(ctx, s) // nobody is left to tell
	}()
}

// dropLimit bounds the revocation of tokens that were refused.
const dropLimit = 10 * time.Second

// Renew implements identity.Provider.
func (p *Provider) Renew(ctx context.Context, old *identity.Session) (*identity.Session, error) {
	if old == nil || old.RefreshToken == "" {
		return nil, identity.Fail(opRenew, identity.SessionExpired, "no refresh token")
	}
	doc, err := p.metadata(ctx, p.shared)
	if err != nil {
		return nil, err
	}
	tok, err := p.oauth(doc).TokenSource(p.shared.context(ctx, opRenew),
		&oauth2.Token{RefreshToken: old.RefreshToken}).Token()
	if err != nil {
		return nil, p.tokenError(ctx, opRenew, err)
	}
	s, err := p.again(ctx, doc, tok, old)
	if identity.KindOf(err) == identity.UnexpectedAnswer { // they are not what was asked for
		p.drop(ctx, tok)
		return nil, err
	}
	return s, err
}

// again is the session of a renewal. With an error of the way to the keys it is still the
// tokens that the old ones were exchanged for.
func (p *Provider) again(ctx context.Context, doc *wire.Metadata, tok *oauth2.Token, old *identity.Session) (*identity.Session, error) {
	s, err := p.session(opRenew, tok)
	if err != nil {
		return nil, err
	}
	s.Subject, s.Name, s.ExtraTime, s.GrantedAt = old.Subject, old.Name, old.ExtraTime, old.GrantedAt
	// A renewal may leave the id_token out, but not change who it is about (OpenID
	// Connect Core §12.2).
	raw, _ := tok.Extra("id_token").(string)
	if !p.openid || raw == "" {
		return s, nil
	}
	if err := p.identify(ctx, p.shared, doc, opRenew, raw, s); err != nil {
		return s, err
	}
	if s.Subject != old.Subject {
		return nil, identity.Fail(opRenew, identity.UnexpectedAnswer, "renewed for another person")
	}
	return s, nil
}

// tokenError finds this package's own error in what x/oauth2 and net/http wrapped
// around it. Theirs quote the answer.
func (p *Provider) tokenError(ctx context.Context, op string, err error) error {
	var e *identity.Error
	if errors.As(err, &e) {
		return e
	}
	if ctx.Err() != nil {
		return httpwire.NetworkError(ctx, op, ctx.Err())
	}
	return identity.Fail(op, identity.UnexpectedAnswer, "not a token answer")
}

// session takes the tokens over. A token that is not bound to the tablet's key is
// refused (RFC 9449 §5).
func (p *Provider) session(op string, tok *oauth2.Token) (*identity.Session, error) {
	if !strings.EqualFold(tok.TokenType, wire.TokenTypeDPoP) {
		return nil, identity.Fail(op, identity.UnexpectedAnswer, "token is not bound to the tablet")
	}
	now := p.http.Now()
	s := &identity.Session{
		AccessToken: tok.AccessToken, RefreshToken: tok.RefreshToken,
		TokenType: wire.TokenTypeDPoP, GrantedAt: now,
	}
	if tok.ExpiresIn > 0 {
		s.ExpiresAt = now.Add(httpwire.Seconds(int(tok.ExpiresIn), maxTokenLife))
	}
	return s, nil
}

const (
	maxTokenLife = 7 * 24 * 60 * 60 * 1e9 // a week; an exam is hours
	maxName      = 256
	maxExtraTime = 8
)

// identify verifies the id_token and takes from it who the session is about.
func (p *Provider) identify(ctx context.Context, l *link, doc *wire.Metadata, op, raw string, s *identity.Session) error {
	keys := &keySet{KeySet: oidc.NewRemoteKeySet(oidc.ClientContext(ctx, l.client(op)), doc.JWKSURI)}
	verifier := oidc.NewVerifier(p.cfg.Issuer, keys, &oidc.Config{
		ClientID:             p.cfg.ClientID,
		SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256, oidc.PS256, oidc.EdDSA},
		Now:                  p.http.Now,
	})
	tok, err := verifier.Verify(ctx, raw)
	if err != nil {
		return p.idTokenError(ctx, op, errors.Join(err, keys.err))
	}
	if tok.AccessTokenHash != "" {
		if err := tok.VerifyAccessToken(s.AccessToken); err != nil {
			return identity.Fail(op, identity.UnexpectedAnswer, "id_token is for another access token")
		}
	}
	var claims map[string]any
	if err := tok.Claims(&claims); err != nil || tok.Subject == "" {
		return identity.Fail(op, identity.UnexpectedAnswer, "id_token names nobody")
	}
	name, _ := claims["name"].(string)
	extra, _ := claims[wire.ClaimExtraTime].(string)
	s.Subject, s.Name, s.ExtraTime = tok.Subject, httpwire.Display(name, maxName), httpwire.Display(extra, maxExtraTime)
	return nil
}

// keySet notes why a signature could not be checked: the verifier's own error says it in words
// alone, and a broken connection would pass for a bad signature.
type keySet struct {
	oidc.KeySet
	err error
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	k.err = err
	return payload, err
}

func (p *Provider) idTokenError(ctx context.Context, op string, err error) error {
	var e *identity.Error
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &e):
		return e
	case ctx.Err() != nil:
		return httpwire.NetworkError(ctx, op, ctx.Err())
	case errors.As(err, &expired):
		// The service made it a moment ago.
		return identity.Fail(op, identity.ClockWrong, "a fresh id_token has run out by this clock")
	}
	return identity.Fail(op, identity.UnexpectedAnswer, "id_token does not verify")
}

// Revoke implements identity.Provider: the refresh token first, because it makes
// others. Both are tried; the first failure is told.
func (p *Provider) Revoke(ctx context.Context, s *identity.Session) error {
	if s == nil {
		return nil
	}
	doc, err := p.metadata(ctx, p.shared)
	if err != nil {
		return err
	}
	if doc.RevocationEndpoint == "" {
		return identity.Fail(opRevoke, identity.Misconfigured, "the service names no revocation_endpoint")
	}
	defer p.shared.Close()
	first := p.revoke(ctx, doc, s.RefreshToken, "refresh_token")
	second := p.revoke(ctx, doc, s.AccessToken, "access_token")
	if first != nil {
		return first
	}
	return second
}

func (p *Provider) revoke(ctx context.Context, doc *wire.Metadata, token, hint string) error {
	if token == "" {
		return nil
	}
	form := url.Values{wire.FieldClientID: {p.cfg.ClientID}, "token": {token}, "token_type_hint": {hint}}
	a, err := p.shared.post(ctx, call{op: opRevoke, url: doc.RevocationEndpoint, form: form.Encode})
	if err != nil {
		return err
	}
	// RFC 7009 §2.2: the status says it all, and the body is ignored.
	if a.Status == 200 && a.w.Error == "" {
		return nil
	}
	if err := a.object(opRevoke); err != nil {
		return err
	}
	return a.failure(opRevoke)
}
