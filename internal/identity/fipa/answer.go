package fipa

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"portillon/internal/identity"
	"portillon/internal/wire"
)

// answer is one HTTP answer, read and bounded. The body decides what it means; the
// status only where the body is no JSON object, or the service is busy.
type answer struct {
	status int
	header http.Header
	body   []byte
	now    time.Time // by the tablet's clock

	w  wire.Answer
	ok bool // the body is a JSON object of the protocol's types
}

func (a *answer) parse() {
	if len(a.body) > wire.MaxAnswerBytes || !bytes.HasPrefix(bytes.TrimLeft(a.body, " \t\r\n"), []byte("{")) {
		return
	}
	if err := unmarshal(a.body, &a.w); err != nil {
		a.w = wire.Answer{} // half a message is none
		return
	}
	a.ok = len(a.w.AuthSession) <= maxAuthSession
}

// date is the Date header; zero where there is none.
func (a *answer) date() time.Time {
	t, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{} // absent or unreadable: the same to the caller
	}
	return t
}

// clockSkew is how far the tablet's clock may be from the service's before it
// is held to be why a proof or a token was refused.
const clockSkew = 30 * time.Second

func (a *answer) clockWrong() bool {
	d := a.date()
	return !d.IsZero() && d.Sub(a.now).Abs() > clockSkew
}

// fail makes an *identity.Error that carries the answer's correlation id.
func (a *answer) fail(op string, k identity.Kind, why string) *identity.Error {
	return &identity.Error{Kind: k, Op: op, Err: errors.New(why), Correlation: a.correlation()}
}

const maxCorrelation = 64

func (a *answer) correlation() string {
	s := a.header.Get(wire.HeaderCorrelation)
	if len(s) > maxCorrelation {
		return ""
	}
	for _, c := range []byte(s) {
		if !plain(c) || c == '*' {
			return ""
		}
	}
	return s
}

// object says why the answer is not one of the protocol's; nil where it is.
func (a *answer) object(op string) error {
	busy := a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
	switch {
	case busy && !a.personal():
		e := a.fail(op, identity.Busy, "asked to wait")
		e.RetryAfter = a.retryAfter()
		return e
	case a.ok:
		return nil
	case len(a.body) > wire.MaxAnswerBytes:
		return a.fail(op, identity.UnexpectedAnswer, "answer is too long")
	case a.status >= 300 && a.status < 400:
		return a.fail(op, identity.UnexpectedAnswer, "a redirect")
	case a.status == http.StatusNetworkAuthenticationRequired:
		return a.fail(op, identity.CaptivePortal, "the network wants a login of its own")
	case a.status >= 500:
		return a.fail(op, identity.ServiceUnavailable, "status "+strconv.Itoa(a.status))
	case a.html():
		return a.fail(op, identity.CaptivePortal, "a web page")
	}
	return a.fail(op, identity.UnexpectedAnswer, "not the protocol's JSON")
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

func (a *answer) html() bool {
	if strings.HasPrefix(strings.ToLower(a.header.Get("Content-Type")), "text/html") {
		return true
	}
	body := bytes.TrimPrefix(a.body, []byte("\uFEFF"))
	return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("<"))
}

// maxWait bounds what a service may ask a student to wait; longer is cut.
const maxWait = time.Hour

// retryAfter is the body's retry_after, else the header's seconds or date (RFC
// 9110 §10.2.3); a date counts from the service's own.
func (a *answer) retryAfter() time.Duration {
	if s := a.w.RetryAfter; s != nil {
		return seconds(*s, maxWait)
	}
	h := a.header.Get("Retry-After")
	if n, err := strconv.Atoi(h); err == nil {
		return seconds(n, maxWait)
	}
	at, err := http.ParseTime(h)
	if err != nil {
		return 0 // the service does not say
	}
	from := a.date()
	if from.IsZero() {
		from = a.now
	}
	return min(max(at.Sub(from), 0), maxWait)
}

// seconds makes a duration of a whole number, between 0 and most.
func seconds(n int, most time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	return time.Duration(min(int64(n), int64(most/time.Second))) * time.Second
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
		return nil, "", a.fail(op, identity.UnexpectedAnswer, "neither a grant nor an error, or both")
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
		return nil, a.fail(op, identity.UnexpectedAnswer, "no method known here is on offer")
	}
	if s := a.w.OTPExpiresIn; s != nil {
		c.CodeValid = seconds(*s, maxCodeValid)
	}
	return &c, nil
}

const (
	defaultCodeLength = 6
	maxCodeLength     = 12
)

func (a *answer) codeSent(op string) (*identity.Challenge, error) {
	w := a.w
	sent := identity.SentCode{Length: defaultCodeLength, Target: display(w.OTPTarget, identity.MaxEmailBytes)}
	if w.OTPLength != nil {
		sent.Length = *w.OTPLength
	}
	if sent.Length < 1 || sent.Length > maxCodeLength {
		return nil, a.fail(op, identity.UnexpectedAnswer, "otp_length out of range")
	}
	if w.OTPExpiresIn == nil || *w.OTPExpiresIn <= 0 {
		return nil, a.fail(op, identity.UnexpectedAnswer, "no otp_expires_in")
	}
	sent.ValidFor = seconds(*w.OTPExpiresIn, maxCodeValid)
	if w.OTPResendAfter != nil {
		sent.ResendAfter = seconds(*w.OTPResendAfter, maxWait)
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
		return a.fail(op, identity.SessionExpired, "session or grant no longer known")
	case wire.ErrorRedirectToWeb:
		return a.fail(op, identity.WebRequired, "a browser is asked for")
	case wire.ErrorTemporarilyUnavailable:
		e := a.fail(op, identity.Busy, "temporarily unavailable")
		e.RetryAfter = a.retryAfter()
		return e
	case wire.ErrorInvalidDPoPProof:
		if a.clockWrong() {
			return a.fail(op, identity.ClockWrong, "proof refused, clocks differ")
		}
		return a.fail(op, identity.ServiceUnavailable, "proof refused")
	case wire.ErrorUseDPoPNonce:
		return a.fail(op, identity.ServiceUnavailable, "nonce refused twice")
	case wire.ErrorInvalidRequest, wire.ErrorInvalidClient, wire.ErrorUnauthorizedClient,
		wire.ErrorInvalidScope, wire.ErrorUnsupportedGrantType, wire.ErrorServerError:
		return a.fail(op, identity.ServiceUnavailable, a.w.Error)
	}
	return a.fail(op, identity.ServiceUnavailable, "an error the protocol does not have")
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
		return a.fail(op, identity.UnexpectedAnswer, "a suberror the protocol does not have")
	}
	e := a.fail(op, k, a.w.Suberror)
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
	return display(s, maxWebAddress)
}

// display lets text through that is plain, printable and at most max bytes long:
// no control or direction characters.
func display(s string, max int) string {
	if len(s) > max || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return s
}
