package identity

import (
	"errors"
	"fmt"
	"time"
)

// Kind sorts every failure of a Provider into what a student or an invigilator
// can do about it. The set is closed; screens hold one sentence for each.
type Kind int

// The kinds. The first group is about the person, the second about the
// service, the third about the way to it.
const (
	KindUnknown Kind = iota // the zero value; never returned on purpose

	WrongPassword        // Remaining may be set
	WrongCode            // Remaining may be set
	CodeExpired          //
	CodeUsed             //
	CodeSuperseded       // a newer mail was sent
	TooManyAttempts      // RetryAfter may be set
	AccountUnknown       // only a known tablet is told
	AccountNotConfigured // SetupURI may be set; only a known tablet is told
	AccountBlocked       // who it is was proven, and the account is locked, disabled, or its password too old
	SessionExpired       // the flow or session is no longer known: start again

	WebRequired        // the service insists on a browser; there is none
	ServiceUnavailable // the service refused or failed; Correlation may be set
	Busy               // 429 or 503; RetryAfter may be set
	UnexpectedAnswer   // not the protocol: garbage, too long, a redirect
	Misconfigured      // this tablet's configuration and the service disagree

	NoNetwork      // no usable interface
	NoRoute        // network or host unreachable
	NameNotFound   // the resolver does not know the host
	Refused        // nothing listens there
	TimedOut       // no answer in time
	ConnectionLost // the connection broke in the middle
	CaptivePortal  // some other page answered instead
	BadCertificate // not trusted, wrong host, wrong pin
	ClockWrong     // the certificate is fine, the tablet's clock is not
	Canceled       // the caller no longer wants it
)

var kindNames = [...]string{
	KindUnknown: "unknown", WrongPassword: "wrong_password", WrongCode: "wrong_code",
	CodeExpired: "code_expired", CodeUsed: "code_used", CodeSuperseded: "code_superseded",
	TooManyAttempts: "too_many_attempts", AccountUnknown: "account_unknown",
	AccountNotConfigured: "account_not_configured", AccountBlocked: "account_blocked", SessionExpired: "session_expired",
	WebRequired: "web_required", ServiceUnavailable: "service_unavailable", Busy: "busy",
	UnexpectedAnswer: "unexpected_answer", Misconfigured: "misconfigured",
	NoNetwork: "no_network", NoRoute: "no_route", NameNotFound: "name_not_found",
	Refused: "refused", TimedOut: "timed_out", ConnectionLost: "connection_lost",
	CaptivePortal: "captive_portal", BadCertificate: "bad_certificate",
	ClockWrong: "clock_wrong", Canceled: "canceled",
}

// String is the kind's stable name: the "kind" of an outcome line in the log
// and the stem of its translation key.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Kinds lists every kind but the zero one, in order; tests and translations
// iterate over it.
func Kinds() []Kind {
	out := make([]Kind, 0, len(kindNames)-1)
	for k := KindUnknown + 1; int(k) < len(kindNames); k++ {
		out = append(out, k)
	}
	return out
}

// Error is the one error type that leaves a Provider.
type Error struct {
	Kind Kind
	// Remaining is the number of tries left; nil where the service does not say.
	Remaining *int
	// RetryAfter is how long the service asks to wait; 0 where it does not say.
	RetryAfter time.Duration
	// SetupURI is where the account is set up (AccountNotConfigured).
	SetupURI string
	// Correlation identifies the request in the service's logs: at most 64
	// characters of [A-Za-z0-9._-], anything else is dropped by the adapter.
	Correlation string
	// Op names the step that failed: "discover", "identify", "password",
	// "send_code", "code", "token", "renew", "revoke".
	Op string
	// Err is the cause, without personal data; may be nil.
	Err error
}

func (e *Error) Error() string {
	s := e.Kind.String()
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the Kind of the first *Error in err's chain; KindUnknown for none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindUnknown
}

// Fail builds an *Error. The cause is formatted like fmt.Errorf and must not
// hold personal data.
func Fail(op string, k Kind, format string, args ...any) *Error {
	e := &Error{Kind: k, Op: op}
	if format != "" {
		e.Err = fmt.Errorf(format, args...)
	}
	return e
}
