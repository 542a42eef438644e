package login

import (
	"fmt"
	"time"

	"portillon/internal/identity"
)

// Failed answers any request. What is about the person becomes the error line
// beside the field; the rest becomes the trouble screen.
func (e Failed) step(t *turn) {
	o, ok := t.answered(e.Ref)
	if !ok {
		return
	}
	t.do(Outcome{Kind: e.Failure.Kind.String()})
	f := e.Failure
	switch o {
	case opResume, opBegin:
		t.beginFailed(o, f)
	case opAskCode:
		t.askCodeFailed(f)
	case opPassword:
		t.passwordFailed(f)
	case opCode:
		t.codeFailed(f)
	case opHandOff:
		t.conn.interrupted = true
	case opNone, opSeal:
	}
}

func (t *turn) beginFailed(o op, f Failure) {
	if o == opResume && !worthWaiting(f.Kind) {
		// What was remembered is of no use, and no waiting mends it: the ordinary way.
		if !t.flow.email.IsZero() {
			t.begin()
		}
		return
	}
	switch f.Kind {
	case identity.AccountUnknown:
		t.screen = ScreenEmail
		t.unknown = true
		t.fail("error.email.unknown")
	case identity.AccountBlocked:
		t.screen = ScreenEmail
		t.fail("error.account.blocked")
	case identity.AccountNotConfigured:
		t.flow.setupURI = f.SetupURI
		t.clearError()
		if t.screen == ScreenSetup {
			t.fail(errStillNone)
		}
		t.screen = ScreenSetup
		t.touched = t.now.Boot
	case identity.TooManyAttempts:
		t.screen = ScreenEmail
		t.fail("error.attempts")
		t.waiting(f.RetryAfter)
	case identity.SessionExpired:
		t.screen = ScreenEmail
		t.fail("error.session.expired")
	default:
		t.enterTrouble(o, f)
	}
}

func (t *turn) passwordFailed(f Failure) {
	switch f.Kind {
	case identity.WrongPassword:
		t.wrongPassword(f)
	case identity.TooManyAttempts:
		t.fail("error.attempts")
		t.waiting(f.RetryAfter)
		t.wrongs = max(t.wrongs, wrongsForCode)
	case identity.AccountBlocked:
		t.fail("error.password.blocked")
		if t.flow.mailed { // a password that is too old is no hindrance to a code
			t.fail("error.password.blocked.code")
			t.wrongs = max(t.wrongs, wrongsForCode)
		}
	default:
		t.flowFailed(opPassword, f)
	}
}

func (t *turn) askCodeFailed(f Failure) {
	if f.Kind == identity.TooManyAttempts {
		t.fail("error.attempts")
		t.waiting(f.RetryAfter)
		t.holdResend(f.RetryAfter)
		return
	}
	t.flowFailed(opAskCode, f)
}

func (t *turn) codeFailed(f Failure) {
	switch f.Kind {
	case identity.WrongCode, identity.CodeExpired, identity.CodeUsed, identity.CodeSuperseded, identity.TooManyAttempts:
		t.codeRefused(f)
	case identity.AccountBlocked:
		t.fail("error.account.blocked")
	default:
		t.flowFailed(opCode, f)
	}
}

// flowFailed: the login at the service is gone (start again, e-mail kept) or
// something stands in the way to it.
func (t *turn) flowFailed(o op, f Failure) {
	switch f.Kind {
	case identity.SessionExpired:
		t.closeFlow()
		t.screen = ScreenEmail
		t.fail("error.session.expired")
	case identity.AccountUnknown, identity.AccountNotConfigured:
		t.closeFlow()
		t.screen = ScreenEmail
		t.beginFailed(o, f)
	default:
		t.enterTrouble(o, f)
	}
}

// waiting turns the error line into the one that says how long.
func (t *turn) waiting(wait time.Duration) {
	if wait > 0 {
		t.err = Text{Key: t.err.Key + ".wait", Count: seconds(wait)}
	}
}

// resends reports whether a request may be repeated without being asked: only
// what carries no secret and sends no mail.
func (o op) resends() bool { return o == opBegin || o == opResume }

// worthWaiting: the way to the service, or its load, is what failed.
func worthWaiting(k identity.Kind) bool {
	switch k {
	case identity.Busy, identity.NoNetwork, identity.NoRoute, identity.NameNotFound, identity.Refused, identity.TimedOut,
		identity.ConnectionLost, identity.CaptivePortal, identity.BadCertificate, identity.ClockWrong:
		return true
	default:
		return false
	}
}

// isFinal: no waiting helps.
func isFinal(k identity.Kind) bool {
	return k == identity.WebRequired || k == identity.Misconfigured
}

func (t *turn) enterTrouble(o op, f Failure) {
	wait := f.RetryAfter
	switch {
	case wait > 0:
	case o.resends():
		wait = min(max(f.Backoff, time.Second), max(t.set.RetryMost, maxRetryWait))
	default:
		wait = readingTime
	}
	again := t.trouble.retried
	t.trouble = troubleState{on: true, failure: f, op: o, final: isFinal(f.Kind)}
	if !t.trouble.final {
		t.trouble.retryAt = t.now.Boot + wait
	}
	if !again { // a tablet that retries by itself is not one that somebody uses
		t.touched = t.now.Boot
	}
}

// leaveTrouble goes on: the request again where that is safe, otherwise back to
// the field, where what was typed still stands.
func (t *turn) leaveTrouble() {
	o, final := t.trouble.op, t.trouble.final
	t.trouble = troubleState{}
	if final || !o.resends() {
		t.touched = t.now.Boot
		t.notSent(o)
		return
	}
	t.trouble.retried = true
	if o == opResume {
		t.do(Resume{Ref: t.ask(opResume), Email: t.flow.email})
		return
	}
	t.begin()
}

// notSent says, beside the field, that what is typed there has still to be sent.
func (t *turn) notSent(o op) {
	switch o {
	case opPassword:
		t.fail("error.password.unsent")
	case opCode:
		if t.codeRunning() { // else what stands there says more
			t.fail("error.code.unsent")
		}
	case opAskCode:
		t.fail("error.code.unasked")
	case opNone, opResume, opBegin, opSeal, opHandOff:
	}
}

func (t *turn) troubleTick() {
	if t.trouble.on && !t.trouble.final && !t.busy() && t.now.Boot >= t.trouble.retryAt {
		t.leaveTrouble()
	}
}

func (RetryNow) step(t *turn) {
	t.touch()
	switch {
	case t.help.on:
	case t.trouble.on:
		t.leaveTrouble()
		t.trouble.retried = false
	case t.screen == ScreenPreflight || t.screen == ScreenNoncompliant:
		if !t.pre.running {
			t.runPreflight()
		}
	case t.screen == ScreenConnected && t.conn.interrupted && !t.busy():
		t.startAgain()
	}
}

// shortCode is what is read out on the phone: N for the way there, S for the
// service.
func shortCode(k identity.Kind) string {
	for i, n := range [...]identity.Kind{identity.NoNetwork, identity.NoRoute, identity.NameNotFound, identity.Refused,
		identity.TimedOut, identity.ConnectionLost, identity.CaptivePortal, identity.BadCertificate, identity.ClockWrong} {
		if k == n {
			return fmt.Sprintf("N%d", i+1)
		}
	}
	for i, n := range [...]identity.Kind{identity.Busy, identity.ServiceUnavailable, identity.UnexpectedAnswer,
		identity.Misconfigured, identity.WebRequired, identity.TooManyAttempts} {
		if k == n {
			return fmt.Sprintf("S%d", i+1)
		}
	}
	return "S9"
}
