package fipa

import (
	"context"
	"net/url"
	"sync"

	"golang.org/x/oauth2"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
	"portillon/internal/wire"
)

// Names of steps in errors.
const (
	opIdentify = "identify"
	opPassword = "password"
	opSendCode = "send_code"
	opCode     = "code"
)

// flow is one login under way.
type flow struct {
	p    *Provider
	link *link

	mu       sync.Mutex // Close may come while a cancelled Answer is on its way out
	verifier string     // PKCE; fresh for each Begin
	over     bool
}

// Begin implements identity.Provider.
func (p *Provider) Begin(ctx context.Context, email identity.Email) (identity.Flow, identity.Challenge, error) {
	f := &flow{p: p, link: newLink(p), verifier: oauth2.GenerateVerifier()}
	c, err := f.identify(ctx, email)
	if err != nil {
		f.Close()
		return nil, identity.Challenge{}, err
	}
	return f, c, nil
}

func (f *flow) identify(ctx context.Context, email identity.Email) (identity.Challenge, error) {
	doc, err := f.p.metadata(ctx, f.link)
	if err != nil {
		return identity.Challenge{}, err
	}
	a, err := f.link.post(ctx, call{op: opIdentify, url: doc.AuthorizationChallengeEndpoint, form: func() string {
		v := f.fields()
		v.Set(wire.FieldLoginHint, email.Address())
		v.Set(wire.FieldScope, f.p.cfg.Scope)
		v.Set(wire.FieldCodeChallenge, oauth2.S256ChallengeFromVerifier(f.verifier))
		v.Set(wire.FieldCodeChallengeMethod, wire.MethodS256)
		return v.Encode()
	}})
	if err != nil {
		return identity.Challenge{}, err
	}
	c, _, err := a.step(opIdentify)
	if err != nil {
		return identity.Challenge{}, err
	}
	if c == nil || c.Sent != nil {
		return identity.Challenge{}, a.Fail(opIdentify, identity.UnexpectedAnswer, "an answer to no question")
	}
	return *c, nil
}

// fields are those of every request to the challenge endpoint.
func (f *flow) fields() url.Values {
	v := url.Values{
		wire.FieldClientID:     {f.p.cfg.ClientID},
		wire.FieldResponseType: {wire.ResponseTypeCode},
	}
	if s := f.link.authSession; s != "" {
		v.Set(wire.FieldAuthSession, s)
	}
	return v
}

// Answer implements identity.Flow.
func (f *flow) Answer(ctx context.Context, a identity.Answer) (identity.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := call{form: func() string { return f.fields().Encode() }}
	switch a := a.(type) {
	case identity.PasswordAnswer:
		c.op, c.field, c.secret = opPassword, wire.FieldPassword, a.Password
	case identity.CodeAnswer:
		c.op, c.field, c.secret = opCode, wire.FieldOTP, a.Code
	case identity.CodeRequest:
		c.op = opSendCode
		c.form = func() string {
			v := f.fields()
			v.Set(wire.FieldOTPChannel, wire.ChannelEmail)
			return v.Encode()
		}
	}
	if f.over {
		return identity.Outcome{}, identity.Fail(c.op, identity.SessionExpired, "flow is closed")
	}
	if c.field != "" {
		// The caller may wipe its own at any time, without waiting for the network.
		empty := identity.WrongPassword
		if c.op == opCode {
			empty = identity.WrongCode
		}
		secret, err := httpwire.Keep(c.op, c.secret, empty)
		if err != nil {
			return identity.Outcome{}, err
		}
		defer secret.Close()
		c.secret = secret
		// With the connection go its buffers, and the keys that a recording would need.
		defer f.link.Close()
	}
	out, err := f.answer(ctx, c)
	if identity.KindOf(err) == identity.SessionExpired {
		f.end()
	}
	return out, err
}

func (f *flow) answer(ctx context.Context, c call) (identity.Outcome, error) {
	doc, err := f.p.metadata(ctx, f.link)
	if err != nil {
		return identity.Outcome{}, err
	}
	c.url = doc.AuthorizationChallengeEndpoint
	a, err := f.link.post(ctx, c)
	if err != nil {
		return identity.Outcome{}, err
	}
	challenge, code, err := a.step(c.op)
	switch {
	case err != nil:
		return identity.Outcome{}, err
	case c.op == opSendCode && (challenge == nil || challenge.Sent == nil):
		return identity.Outcome{}, a.Fail(c.op, identity.UnexpectedAnswer, "a code was asked for and not sent")
	case challenge != nil:
		return identity.Outcome{Challenge: challenge}, nil
	}
	s, err := f.p.exchange(ctx, f.link, doc, code, f.verifier)
	if err != nil {
		return identity.Outcome{}, err
	}
	f.end()
	return identity.Outcome{Session: s}, nil
}

// end forgets the login's state; what follows answers SessionExpired.
func (f *flow) end() {
	f.over = true
	f.verifier, f.link.authSession = "", ""
	f.link.Close()
}

// Close implements identity.Flow. It waits for an Answer under way, which the
// caller has cancelled.
func (f *flow) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
}
