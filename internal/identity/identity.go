// Package identity is the port between the login and whatever proves who a
// student is. One adapter a folder below implements it (fipa, cas, kratos);
// identitytest holds the conformance suite all of them pass.
//
// The kiosk calls it, off the UI thread, with a deadline on every context. The
// login machine sees its values (Email, Challenge, Kind) and never a
// connection. Nothing here imports anything of the project.
//
// The way of one login:
//
//	Provider.Begin(email)          → Flow, Challenge
//	Flow.Answer(PasswordAnswer)    → Session            or *Error{WrongPassword}
//	Flow.Answer(CodeRequest)       → Challenge{Sent}    (a mail goes out)
//	Flow.Answer(CodeAnswer)        → Session            or *Error{WrongCode, CodeExpired, …}
//	Provider.Renew / Provider.Revoke                    for what the session needs later
package identity

import (
	"context"
	"time"
)

// Provider opens logins at one configured service. Its methods may be called
// from several goroutines.
//
// Every error is an *Error (errors.As); a done context gives Kind Canceled or
// TimedOut. No error text holds an address, a secret or a server's words.
type Provider interface {
	// Begin tells the service who wants to log in and learns by what means.
	// It is safe to repeat. Beside transport kinds it fails with
	// AccountUnknown, AccountNotConfigured, WebRequired or TooManyAttempts.
	Begin(ctx context.Context, email Email) (Flow, Challenge, error)

	// Renew exchanges the session's refresh token for a new session. The service
	// may rotate: the caller stores the result before using it, and so also where one comes with an
	// error: the service has rotated, what it says of the person could not be looked at, and the
	// old tokens are worth nothing any more. It fails with SessionExpired where the service no
	// longer knows the session.
	Renew(ctx context.Context, s *Session) (*Session, error)

	// Revoke ends the session at the service, best effort (RFC 7009).
	Revoke(ctx context.Context, s *Session) error

	// Check reaches the service without credentials (for fipa: the discovery
	// document) and reports what it saw. Preflight and doctor use it.
	Check(ctx context.Context) (Health, error)

	// Traits says what the service can tell, so that screens stay honest.
	Traits() Traits
}

// Flow is one login under way, from one Begin. Its methods must not be called
// concurrently. Close releases its connections and forgets its state; a
// closed flow answers SessionExpired.
type Flow interface {
	// Answer gives the service one answer and returns what follows: exactly one
	// of Outcome's members is set. It fails with AccountBlocked where the secret was right and the
	// account is not opened all the same, and with WebRequired where the service wants more of the person. A secret inside the answer is sent at most
	// once (and once more after RFC 9449's use_dpop_nonce) and is not wiped here:
	// that is the caller's.
	Answer(ctx context.Context, a Answer) (Outcome, error)
	Close()
}

// Outcome is what follows an accepted answer: a further challenge or a session.
type Outcome struct {
	Challenge *Challenge
	Session   *Session
}

// Answer is what a student does next: PasswordAnswer, CodeRequest or CodeAnswer.
//
//sumtype:decl
type Answer interface{ isAnswer() }

// PasswordAnswer carries the typed password.
type PasswordAnswer struct{ Password *Secret }

// CodeRequest asks the service to mail a new one-time code.
type CodeRequest struct{}

// CodeAnswer carries the typed one-time code: digits only, leading zeros kept.
type CodeAnswer struct{ Code *Secret }

func (PasswordAnswer) isAnswer() {}
func (CodeRequest) isAnswer()    {}
func (CodeAnswer) isAnswer()     {}

// Challenge is what the service wants next. It is a plain value without secrets.
type Challenge struct {
	// Password and EmailCode are the methods on offer.
	Password, EmailCode bool
	// CodeValid is how long a code will live once sent; 0 where the service
	// does not say.
	CodeValid time.Duration
	// Sent describes the code just mailed; nil where none was.
	Sent *SentCode
}

// SentCode is a one-time code on its way to a mailbox.
type SentCode struct {
	Length      int           // digits; 1 to 12, 6 by default
	ValidFor    time.Duration // from the moment of the answer; > 0
	ResendAfter time.Duration // how long until another may be asked for; 0: at once
	Target      string        // the masked address, as the service masks it; may be empty
}

// Health is what Check saw.
type Health struct {
	// ServerTime is the answer's Date header; zero where there was none.
	ServerTime time.Time
	// Detail is one line for a technician (versions, methods); never secret.
	Detail string
}

// Traits says what a service can tell.
type Traits struct {
	// TellsExpiry: a wrong code and an expired one answer differently.
	TellsExpiry bool
	// TellsRemaining: wrong answers come with the number of tries left.
	TellsRemaining bool
	// Remembers: a session can be kept and renewed after a restart.
	Remembers bool
}
