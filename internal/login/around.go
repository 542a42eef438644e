package login

import "time"

// touch feeds the idle timer; every event from the screens calls it.
func (t *turn) touch() { t.touched = t.now.Boot }

// Touched also ends «Épreuve terminée».
func (Touched) step(t *turn) {
	t.touch()
	if t.screen == ScreenEnded && !t.help.on {
		t.reset()
	}
}

// textPercents are the sizes «Aa» steps through, first in ordinary and then in
// high contrast.
var textPercents = [...]int{100, 125, 150, 175, 200}

func (StepText) step(t *turn) {
	t.touch()
	t.textSteps = (t.textSteps + 1) % (2 * len(textPercents))
}

// Back leaves what is on top first: a page of the help, trouble, the explanation,
// then the screen. While a secret is on its way it waits for the answer, which comes
// within the request's deadline.
func (Back) step(t *turn) {
	t.touch()
	switch {
	case t.help.on:
		t.helpBack()
	case t.trouble.on:
		t.backFromTrouble()
	case t.screen == ScreenEmail:
		t.cancelBegin()
	case t.screen == ScreenSetup:
		t.leaveSetup()
	case t.busy():
	case t.screen == ScreenPassword && t.forgotten:
		t.forgotten = false
	case t.screen == ScreenPassword:
		t.screen = ScreenEmail
		t.shown = false
		t.clearError()
	case t.screen == ScreenCode:
		t.screen = ScreenPassword
		t.clearError()
	case t.screen == ScreenEnded:
		t.reset()
	}
}

func (t *turn) backFromTrouble() {
	o := t.trouble.op
	t.trouble = troubleState{}
	if o.resends() {
		t.screen = ScreenEmail
		t.cancelBegin()
	}
	t.notSent(o)
}

// cancelBegin gives up on a request that identified somebody.
func (t *turn) cancelBegin() {
	t.nearMiss = ""
	if t.pending.op == opBegin || t.pending.op == opResume {
		t.do(Discard{Attempt: t.attempt})
		t.pending = pending{}
	}
}

// Tick moves the clock and whatever waits for it. Boot time never goes back;
// a wall clock may.
func (e Tick) step(t *turn) {
	t.now.Wall = e.At.Wall
	if e.At.Boot > t.now.Boot {
		t.now.Boot = e.At.Boot
	}
	t.codeTick()
	t.preflightTick()
	t.asideTick()
	t.troubleTick()
	t.connectTick()
	t.idleTick()
}

// Due is the Boot time of the next Tick that moves a student on: from screen 0 to 1, to the
// exam, to another try, or past the end of a code. 0: nothing waits for a moment of its own.
// A Tick a second would do; it comes up to a second late.
func (s State) Due() time.Duration {
	var due time.Duration
	wait := func(waits bool, at time.Duration) {
		if waits && at > s.now.Boot && (due == 0 || at < due) {
			due = at
		}
	}
	wait(s.pre.goAt > 0, s.pre.goAt)
	wait(s.codeRunning(), s.code.deadline)
	wait(s.trouble.on && !s.trouble.final, s.trouble.retryAt)
	wait(s.screen == ScreenConnected && s.conn.sealed && !s.conn.handedOff && !s.conn.interrupted, s.conn.denyUntil)
	return due
}

// idleLimit is how long this screen may stay untouched; 0: for ever.
func (s State) idleLimit() time.Duration {
	if s.pending.op != opNone || s.codeRunning() {
		return 0
	}
	if (s.help.on || s.trouble.on) && s.screen != ScreenPreflight && s.screen != ScreenNoncompliant && !s.conn.on {
		return longIdle
	}
	return s.screenIdle()
}

func (s State) screenIdle() time.Duration {
	switch s.screen {
	case ScreenEmail:
		if s.email == "" && !s.flow.open {
			return 0
		}
		return s.set.IdleReset
	case ScreenPassword:
		return s.set.IdleReset
	case ScreenCode, ScreenSetup:
		return longIdle
	case ScreenConnected:
		if s.conn.handedOff {
			return 0 // an exam is never ended by a clock
		}
		return longIdle
	case ScreenPreflight, ScreenNoncompliant, ScreenHelp, ScreenTrouble, ScreenEnded:
	}
	return 0
}

func (t *turn) idleTick() {
	limit := t.idleLimit()
	if limit > 0 && t.now.Boot-t.touched >= limit {
		t.do(Outcome{Kind: "idle_reset"})
		t.reset()
	}
}
