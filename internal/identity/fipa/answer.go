package fipa

import (
	"net/url"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
	"portillon/internal/wire"
)

// answer is one HTTP answer. The body decides what it means; the status only
// where the body is no JSON object, or the service is busy.
type answer struct {
	*httpwire.Answer
	w  wire.Answer
	ok bool // the body is a JSON object of the protocol's types
}

func read(raw *httpwire.Answer) *answer {
	a := &answer{Answer: raw}
	if !raw.Object(&a.w) {
		a.w = wire.Answer{} // half a message is none
		return a
	}
	a.ok = len(a.w.AuthSession) <= maxAuthSession
	return a
}

// clockSkew is how far the tablet's clock may be from the service's before it
// is held to be why a proof or a token was refused.
const clockSkew = 30 * time.Second

func (a *answer) clockWrong() bool {
	d := a.Date()
	return !d.IsZero() && d.Sub(a.Now).Abs() > clockSkew
}

// object says why the answer is not one of the protocol's; nil where it is.
func (a *answer) object(op string) error {
	switch {
	case a.Busy() && !a.personal():
		e := a.Wait(op)
		e.RetryAfter = a.retryAfter()
		return e
	case a.ok:
		return nil
	}
	return a.Foreign(op)
}

// personal: the body speaks of this login, which beats a status for everybody.
func (a *answer) personal() bool {
	switch a.w.Error {
	case wire.ErrorInsufficientAuthorization, wire.ErrorInvalidSession, wire.ErrorRedirectToWeb,
		wire.ErrorInvalidGrant, wire.ErrorUseDPoPNonce:
		return true
	}
	return a.w.AuthorizationCode != ""
}

// retryAfter is the body's retry_after, else the header's.
func (a *answer) retryAfter() time.Duration {
	if s := a.w.RetryAfter; s != nil {
		return httpwire.Seconds(*s, httpwire.MaxWait)
	}
	return a.RetryAfter()
}

// step reads an answer of the challenge endpoint: a challenge, an authorization
// code, or an *identity.Error. Exactly one is set.
func (a *answer) step(op string) (*identity.Challenge, string, error) {
	if err := a.object(op); err != nil {
		return nil, "", err
	}
	w := a.w
	switch {
	case w.AuthorizationCode != "" && w.Error == "":
		return nil, w.AuthorizationCode, nil
	case w.Error == "" || w.AuthorizationCode != "":
		return nil, "", a.Fail(op, identity.UnexpectedAnswer, "neither a grant nor an error, or both")
	case w.Error != wire.ErrorInsufficientAuthorization:
		return nil, "", a.failure(op)
	}
	switch w.Suberror {
	case wire.SubCredentialsRequired:
		c, err := a.credentials(op)
		return c, "", err
	case wire.SubOTPRequired:
		c, err := a.codeSent(op)
		return c, "", err
	}
	return nil, "", a.failure(op)
}

// maxCodeValid bounds a code's life; the protocol's own bound is 10 minutes.
const maxCodeValid = 24 * time.Hour

func (a *answer) credentials(op string) (*identity.Challenge, error) {
	var c identity.Challenge
	for _, m := range a.w.Methods {
		switch m {
		case wire.MethodPassword:
			c.Password = true
		case wire.MethodEmailCode:
			c.EmailCode = true
		}
	}
	if !c.Password && !c.EmailCode {
		return nil, a.Fail(op, identity.UnexpectedAnswer, "no method known here is on offer")
	}
	if s := a.w.OTPExpiresIn; s != nil {
		c.CodeValid = httpwire.Seconds(*s, maxCodeValid)
	}
	return &c, nil
}

const (
	defaultCodeLength = 6
	maxCodeLength     = 12
)

func (a *answer) codeSent(op string) (*identity.Challenge, error) {
	w := a.w
	sent := identity.SentCode{Length: defaultCodeLength, Target: httpwire.Display(w.OTPTarget, identity.MaxEmailBytes)}
	if w.OTPLength != nil {
		sent.Length = *w.OTPLength
	}
	if sent.Length < 1 || sent.Length > maxCodeLength {
		return nil, a.Fail(op, identity.UnexpectedAnswer, "otp_length out of range")
	}
	if w.OTPExpiresIn == nil || *w.OTPExpiresIn <= 0 {
		return nil, a.Fail(op, identity.UnexpectedAnswer, "no otp_expires_in")
	}
	sent.ValidFor = httpwire.Seconds(*w.OTPExpiresIn, maxCodeValid)
	if w.OTPResendAfter != nil {
		sent.ResendAfter = httpwire.Seconds(*w.OTPResendAfter, httpwire.MaxWait)
	}
	c, err := identity.Challenge{Password: true, EmailCode: true}, error(nil)
	if len(w.Methods) > 0 {
		var offered *identity.Challenge
		if offered, err = a.credentials(op); err != nil {
			return nil, err
		}
		c = *offered
	}
	c.CodeValid, c.Sent = sent.ValidFor, &sent
	return &c, nil
}

// failure maps error and suberror to what a person can do. Words the protocol
// does not have are the service's refusal, whatever they say.
func (a *answer) failure(op string) *identity.Error {
	switch a.w.Error {
	case wire.ErrorInsufficientAuthorization:
		return a.personalFailure(op)
	case wire.ErrorInvalidSession, wire.ErrorInvalidGrant:
		return a.Fail(op, identity.SessionExpired, "session or grant no longer known")
	case wire.ErrorRedirectToWeb:
		return a.Fail(op, identity.WebRequired, "a browser is asked for")
	case wire.ErrorTemporarilyUnavailable:
		e := a.Fail(op, identity.Busy, "temporarily unavailable")
		e.RetryAfter = a.retryAfter()
		return e
	case wire.ErrorInvalidDPoPProof:
		if a.clockWrong() {
			return a.Fail(op, identity.ClockWrong, "proof refused, clocks differ")
		}
		return a.Fail(op, identity.ServiceUnavailable, "proof refused")
	case wire.ErrorUseDPoPNonce:
		return a.Fail(op, identity.ServiceUnavailable, "nonce refused twice")
	case wire.ErrorInvalidRequest, wire.ErrorInvalidClient, wire.ErrorUnauthorizedClient,
		wire.ErrorInvalidScope, wire.ErrorUnsupportedGrantType, wire.ErrorServerError:
		return a.Fail(op, identity.ServiceUnavailable, a.w.Error)
	}
	return a.Fail(op, identity.ServiceUnavailable, "an error the protocol does not have")
}

func (a *answer) personalFailure(op string) *identity.Error {
	kinds := map[string]identity.Kind{
		wire.SubAccountNotConfigured: identity.AccountNotConfigured,
		wire.SubAccountUnknown:       identity.AccountUnknown,
		wire.SubInvalidCredentials:   identity.WrongPassword,
		wire.SubInvalidOTP:           identity.WrongCode,
		wire.SubOTPExpired:           identity.CodeExpired,
		wire.SubOTPUsed:              identity.CodeUsed,
		wire.SubOTPSuperseded:        identity.CodeSuperseded,
		wire.SubTooManyAttempts:      identity.TooManyAttempts,
	}
	k, known := kinds[a.w.Suberror]
	if !known {
		return a.Fail(op, identity.UnexpectedAnswer, "a suberror the protocol does not have")
	}
	e := a.Fail(op, k, a.w.Suberror)
	// Each member goes with its suberrors alone; elsewhere it is a stray and dropped.
	if n := a.w.RemainingAttempts; n != nil && *n >= 0 && (k == identity.WrongPassword || k == identity.WrongCode) {
		e.Remaining = n
	}
	if k == identity.TooManyAttempts {
		e.RetryAfter = a.retryAfter()
	}
	if k == identity.AccountNotConfigured {
		e.SetupURI = webAddress(a.w.SetupURI)
	}
	return e
}

const maxWebAddress = 512

// webAddress lets an https address through that a screen may show and a phone may scan.
func webAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "" // nothing usable
	}
	return httpwire.Display(s, maxWebAddress)
}
