package login

import (
	"time"

	"portillon/internal/identity"
)

const defaultCodeLength = 6

// codeRunning: a code was sent and is still valid.
func (s State) codeRunning() bool { return s.code.sent && !s.code.expired && !s.code.spent }

// RequestCode is refused in silence while its own wait runs: the button shows it.
func (RequestCode) step(t *turn) {
	t.touch()
	onPassword, onCode := t.asking(ScreenPassword), t.asking(ScreenCode)
	if (!onPassword && !onCode) || !t.flow.mailed {
		return
	}
	if onPassword && t.codeRunning() {
		t.enterCode()
		return
	}
	if t.now.Boot < t.code.resendAt {
		return
	}
	t.forgotten = false
	t.clearError()
	t.do(AskCode{Ref: t.ask(opAskCode)})
}

func (EnterCode) step(t *turn) {
	t.touch()
	if t.asking(ScreenPassword) && t.codeRunning() {
		t.enterCode()
	}
}

func (t *turn) enterCode() {
	t.screen = ScreenCode
	t.forgotten = false
	t.shown = false
	t.clearError()
}

func (t *turn) codeSent(sent identity.SentCode) {
	length := sent.Length
	if length <= 0 {
		length = defaultCodeLength
	}
	t.code = codeState{
		sent:     true,
		deadline: t.now.Boot + sent.ValidFor,
		total:    sent.ValidFor,
		resendAt: t.now.Boot + sent.ResendAfter,
		asked:    t.now.Wall,
		length:   length,
		target:   sent.Target,
		expiries: t.code.expiries,
	}
	t.codeEpoch++
	t.codeTyped = 0
	t.enterCode()
	t.do(Outcome{Kind: "code_sent"})
}

func (e SubmitCode) step(t *turn) {
	t.touch()
	if !t.asking(ScreenCode) {
		t.drop(e.Secret)
		return
	}
	n := 0
	if e.Secret != nil {
		n = e.Secret.Runes()
	}
	switch {
	case t.code.spent:
		// What happened to this code stands on the screen already.
	case n == 0:
		t.fail("error.code.empty")
	case n < t.code.length:
		t.err = Text{Key: "error.code.short", Count: t.code.length}
	default:
		// Also past 0:00: the service has a grace of its own, and it alone decides.
		t.clearError()
		t.do(SendCode{Ref: t.ask(opCode), Secret: e.Secret})
		return
	}
	t.drop(e.Secret)
}

// codeTick lets a code run out.
func (t *turn) codeTick() {
	if t.codeRunning() && t.now.Boot >= t.code.deadline {
		t.expire()
	}
}

func (t *turn) expire() {
	if t.code.expired {
		return
	}
	t.code.expired = true
	t.code.expiries++
	t.touched = t.now.Boot // waiting for a mail is no absence
	t.do(Outcome{Kind: identity.CodeExpired.String()})
	if t.screen == ScreenCode {
		t.fail("error.code.expired")
	}
}

// codeRefused follows each of the five ways a code can be no good.
func (t *turn) codeRefused(f Failure) {
	switch f.Kind {
	case identity.CodeExpired:
		t.expire()
		t.fail("error.code.expired")
		return
	case identity.CodeUsed:
		t.code.spent = true
		t.fail("error.code.used")
	case identity.CodeSuperseded:
		t.fail("error.code.superseded")
	case identity.TooManyAttempts:
		t.code.spent = true
		t.fail("error.code.attempts")
		t.holdResend(f.RetryAfter)
	default:
		t.err = counted("error.code.wrong", f.Remaining)
		if f.Remaining == 0 {
			t.code.spent = true
			t.fail("error.code.attempts")
		}
	}
	t.codeEpoch++
	t.codeTyped = 0
}

// holdResend keeps a wait the service asked for before another code.
func (t *turn) holdResend(wait time.Duration) {
	t.code.resendAt = max(t.code.resendAt, t.now.Boot+wait)
}

// seconds rounds up, so that 0 means over.
func seconds(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return int((d + time.Second - 1) / time.Second)
}

// countdown is the code's time as shown.
func (s State) countdown() Countdown {
	left := s.code.deadline - s.now.Boot
	c := Countdown{Seconds: seconds(left), Total: seconds(s.code.total)}
	switch {
	case s.code.expired || left <= 0:
		c.Seconds, c.Stage = 0, StageExpired
	case left <= redAt:
		c.Stage = StageRed
	case left <= amberAt:
		c.Stage = StageAmber
	default:
		c.Stage = StageCalm
	}
	return c
}
