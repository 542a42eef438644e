package kratos

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// codeState is what became of the code that was asked for last.
type codeState int

const (
	codeNone    codeState = iota // none was asked for in this flow of Kratos's
	codeSent                     // it is on its way
	codeExpired                  // Kratos said it has run out
	codeSpent                    // wrong codes were given too often; a new code needs a new flow
)

// flow is one login under way. Kratos's own flow may be replaced by a fresh one on the
// way; the student sees nothing of it.
type flow struct {
	p     *Provider
	link  *httpwire.Link
	email identity.Email

	mu     sync.Mutex // Close may come while a cancelled Answer is on its way out
	id     string
	until  time.Time // when Kratos forgets the flow, by the tablet's clock; zero: unknown
	code   codeState
	offers identity.Challenge
	over   bool
}

// Begin implements identity.Provider.
func (p *Provider) Begin(ctx context.Context, email identity.Email) (identity.Flow, identity.Challenge, error) {
	f := &flow{p: p, link: p.http.NewLink(), email: email}
	if err := f.identify(ctx); err != nil {
		f.Close()
		return nil, identity.Challenge{}, err
	}
	return f, f.offers, nil
}

// identify opens a flow, says who it is for where Kratos wants to know that first, and
// learns what is on offer.
func (f *flow) identify(ctx context.Context) error {
	a, err := f.open(ctx, opIdentify)
	if err != nil {
		return err
	}
	if a.methods().identifierFirst {
		if a, err = f.post(ctx, opIdentify, url.Values{"method": {"identifier_first"}}, "", nil); err != nil {
			return err
		}
		if !a.isFlow() || a.wrong() != nil {
			return a.failure(opIdentify)
		}
	}
	m := a.methods()
	switch {
	case m.password || m.code:
	case m.other:
		return a.Fail(opIdentify, identity.WebRequired, "neither password nor code is on offer")
	default:
		return a.Fail(opIdentify, identity.UnexpectedAnswer, "nothing is on offer")
	}
	f.offers = identity.Challenge{Password: m.password, EmailCode: m.code}
	if m.code {
		f.offers.CodeValid = f.p.cfg.CodeValid
	}
	return nil
}

// early is how long before its end a flow is no longer trusted with a secret.
const early = 15 * time.Second

// open replaces Kratos's flow by a fresh one.
func (f *flow) open(ctx context.Context, op string) (*answer, error) {
	a, err := f.p.open(ctx, f.link, op)
	if err != nil {
		return nil, err
	}
	f.id, f.until = a.w.ID, time.Time{}
	if f.code == codeSent {
		f.code = codeExpired // with the flow it belonged to
	}
	if life := a.life(); life > 0 {
		f.until = a.Now.Add(life)
	}
	return a, nil
}

// stale: Kratos has forgotten the flow, or is about to.
func (f *flow) stale() bool {
	return f.id == "" || !f.until.IsZero() && f.p.http.Now().After(f.until.Add(-early))
}

// post sends fields and the identifier to the flow, and field with secret last. An
// answer without error is one of Kratos's.
func (f *flow) post(ctx context.Context, op string, fields url.Values, field string, secret *identity.Secret) (*answer, error) {
	fields.Set("identifier", f.email.Address())
	raw, err := f.link.Send(ctx, httpwire.Request{
		Op: op, Method: http.MethodPost, URL: f.p.cfg.Base + "/self-service/login?flow=" + f.id,
		Body: fields.Encode(), Field: field, Secret: secret,
	})
	if err != nil {
		return nil, err
	}
	a := read(raw)
	return a, a.usable(op)
}

// Answer implements identity.Flow.
func (f *flow) Answer(ctx context.Context, a identity.Answer) (identity.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return httpwire.Turn{
		Over: f.over, Link: f.link, Password: f.password, Code: f.checkCode, Send: f.sendCode, End: f.end,
	}.Answer(ctx, a)
}

func (f *flow) password(ctx context.Context, secret *identity.Secret) (*identity.Session, error) {
	if f.stale() {
		if _, err := f.open(ctx, opPassword); err != nil {
			return nil, err
		}
	}
	a, err := f.post(ctx, opPassword, url.Values{"method": {"password"}}, "password", secret)
	if err != nil {
		return nil, err
	}
	return f.p.grant(a, opPassword)
}

// sendCode asks for a code. It is safe to repeat, and does so once by itself where the flow
// turns out to be gone.
func (f *flow) sendCode(ctx context.Context) (*identity.Challenge, error) {
	for again := false; ; again = true {
		if f.stale() || f.code == codeSpent {
			if _, err := f.open(ctx, opSendCode); err != nil {
				return nil, err
			}
		}
		fields := url.Values{"method": {"code"}}
		if f.code == codeSent {
			fields.Set("resend", "code")
		}
		a, err := f.post(ctx, opSendCode, fields, "", nil)
		if err != nil {
			return nil, err
		}
		if a.isFlow() && a.wrong() == nil && a.w.State == stateSent {
			f.code = codeSent
			return f.sent(), nil
		}
		if err = a.failure(opSendCode); again || identity.KindOf(err) != identity.SessionExpired {
			return nil, err
		}
		f.id = ""
	}
}

const (
	codeLength = 6 // selfservice/strategy/code/strategy.go: CodeLength
	// resendAfter is this side's own patience: Kratos mails at every request.
	resendAfter = 30 * time.Second
)

func (f *flow) sent() *identity.Challenge {
	c := f.offers
	c.Sent = &identity.SentCode{Length: codeLength, ValidFor: f.p.cfg.CodeValid, ResendAfter: resendAfter}
	return &c
}

// checkCode gives a code to Kratos, which would take it for the wish to be sent one where
// none was asked for in the same flow.
func (f *flow) checkCode(ctx context.Context, secret *identity.Secret) (*identity.Session, error) {
	switch f.code {
	case codeNone:
		return nil, identity.Fail(opCode, identity.WrongCode, "no code was asked for")
	case codeExpired:
		return nil, identity.Fail(opCode, identity.CodeExpired, "the code has run out")
	case codeSpent:
		return nil, identity.Fail(opCode, identity.TooManyAttempts, "too many wrong codes; a new one is needed")
	case codeSent:
	}
	a, err := f.post(ctx, opCode, url.Values{"method": {"code"}}, "code", secret)
	if err != nil {
		return nil, err
	}
	s, err := f.p.grant(a, opCode)
	switch k := identity.KindOf(err); {
	case k == identity.TooManyAttempts:
		f.code = codeSpent
	case k == identity.SessionExpired && a.Status == http.StatusGone:
		// Kratos says the same of a flow and of a code that ran out. Either way the code is
		// of no use, and what follows needs a fresh flow.
		f.id, f.code = "", codeExpired
		err = a.Fail(opCode, identity.CodeExpired, "the code has run out")
	}
	return s, err
}

// end forgets the login's state; what follows answers SessionExpired.
func (f *flow) end() {
	f.over = true
	f.id, f.email = "", identity.Email{}
	f.link.Close()
}

// Close implements identity.Flow. It waits for an Answer under way, which the
// caller has cancelled.
func (f *flow) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
}
