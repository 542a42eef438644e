package login

import "time"

const (
	preflightEvery = time.Minute     // while screen 1 is untouched
	preflightAgain = 5 * time.Second // while something is waited for
)

func (t *turn) toPreflight() {
	t.screen = ScreenPreflight
	t.runPreflight()
}

func (t *turn) runPreflight() {
	t.request++
	t.pre.ref = Ref{Attempt: t.attempt, Request: t.request}
	t.pre.running = true
	t.pre.goAt, t.pre.againAt = 0, 0
	t.do(Preflight{Ref: t.pre.ref})
}

func (e Checked) step(t *turn) {
	if !t.pre.running || e.Ref != t.pre.ref {
		return
	}
	quiet := t.screen == ScreenEmail
	if !quiet || e.Done {
		t.pre.checks, t.pre.done = e.Checks, e.Done
	}
	if !e.Done {
		return
	}
	t.pre.running = false
	if !t.beforeLogin() {
		return // the login went on meanwhile
	}
	blocking, waiting := t.pre.failed(GradeBlocking), t.pre.failed(GradeWaiting)
	switch {
	case t.set.Demonstration || (!blocking && !waiting):
		t.compliant(quiet)
	case quiet && !t.untouched():
		// Somebody began to type: the login itself will tell what is wrong.
		t.pre.againAt = t.now.Boot + preflightEvery
	case blocking:
		t.screen = ScreenNoncompliant
		t.pre.againAt = t.now.Boot + preflightEvery
		t.do(Outcome{Kind: "noncompliant"})
	default:
		t.screen = ScreenPreflight
		t.pre.againAt = t.now.Boot + preflightAgain
	}
}

// beforeLogin: on screens 0 and 1.
func (t *turn) beforeLogin() bool {
	return t.screen == ScreenEmail || t.screen == ScreenPreflight || t.screen == ScreenNoncompliant
}

// compliant goes on to screen 1, after a pause in which the result can be read;
// at once where a remembered session waits.
func (t *turn) compliant(quiet bool) {
	switch {
	case quiet:
		t.pre.againAt = t.now.Boot + preflightEvery
	case t.remind:
		t.toEmail()
		t.resumeRemembered()
	default:
		t.screen = ScreenPreflight
		t.pre.goAt = t.now.Boot + preflightPause
	}
}

func (p preflightState) failed(g Grade) bool {
	for _, c := range p.checks {
		if c.Grade == g && c.Status == CheckFailed {
			return true
		}
	}
	return false
}

// preflightTick follows the clock on screens 0 and 1.
func (t *turn) preflightTick() {
	switch {
	case t.pre.goAt > 0 && t.now.Boot >= t.pre.goAt:
		t.pre.goAt = 0
		t.toEmail()
	case t.pre.againAt > 0 && t.now.Boot >= t.pre.againAt && t.untouched():
		t.runPreflight()
	}
}

// untouched: nobody has begun a login here.
func (t *turn) untouched() bool {
	switch t.screen {
	case ScreenPreflight, ScreenNoncompliant:
		return true
	case ScreenEmail:
		return t.email == "" && !t.busy() && !t.flow.open && !t.help.on && !t.trouble.on
	case ScreenPassword, ScreenCode, ScreenSetup, ScreenHelp, ScreenTrouble, ScreenConnected, ScreenEnded:
	}
	return false
}
