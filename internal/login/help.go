package login

import (
	"slices"
	"time"

	"portillon/internal/identity"
	"portillon/internal/procedure"
)

// helpState is the help on top of a screen, which it leaves as it is.
type helpState struct {
	on   bool
	step procedure.ID
	// trail are the pages «Retour» goes back through; none is in it twice, so it is
	// never longer than the tree. It is replaced, never written to: states share it.
	trail []procedure.ID
	aside asideState
}

func (OpenHelp) step(t *turn) {
	t.touch()
	if t.help.on {
		return
	}
	t.help = helpState{on: true}
	t.helpAt(procedure.Start(t.situation()))
}

// situation is what this tablet knows of what went wrong.
func (s State) situation() procedure.Situation {
	out := procedure.Situation{
		Typed:          s.email != "",
		Unknown:        s.unknown,
		NoPassword:     s.screen == ScreenSetup,
		WrongPasswords: s.wrongs,
		ExpiredCodes:   s.code.expiries,
		CodeSent:       s.code.sent,
		Broken:         s.screen == ScreenNoncompliant || s.conn.interrupted,
		Unreachable:    s.screen == ScreenPreflight && s.pre.done && s.pre.failed(GradeWaiting),
	}
	if s.trouble.on {
		broken := ofTheTablet(s.trouble.failure.Kind)
		out.Broken, out.Unreachable = broken, !broken
	}
	return out
}

// ofTheTablet: another tablet would do.
func ofTheTablet(k identity.Kind) bool {
	return k == identity.Misconfigured || k == identity.ClockWrong
}

func (e HelpTo) step(t *turn) {
	t.touch()
	if _, known := procedure.Find(e.Step); !t.help.on || !known || e.Step == t.help.step {
		return
	}
	t.help.aside = asideState{}
	trail := append(slices.Clone(t.help.trail), t.help.step)
	t.help.trail = slices.DeleteFunc(trail, func(seen procedure.ID) bool { return seen == e.Step })
	t.helpAt(e.Step)
}

func (t *turn) helpAt(step procedure.ID) {
	t.help.step = step
	if step == procedure.Add && t.addSince.IsZero() {
		t.addSince = t.now.Wall
	}
}

// helpBack goes to the page before, and from the first one out of the help.
func (t *turn) helpBack() {
	if t.asideBack() {
		return
	}
	n := len(t.help.trail)
	if n == 0 {
		t.closeHelp()
		return
	}
	t.help.step, t.help.trail = t.help.trail[n-1], t.help.trail[:n-1:n-1]
}

func (t *turn) closeHelp() {
	t.help = helpState{}
	switch {
	case t.screen == ScreenConnected && !t.conn.handedOff:
		t.conn.denyUntil = t.now.Boot + denyFor // the name was out of sight
	case t.screen == ScreenEnded:
		t.endedAt = t.now.Boot // and so was this
	}
}

// CloseHelp leaves the help from whatever page. To type another address is to go
// where «Modifier» goes; while a request is under way that waits for its answer.
func (e CloseHelp) step(t *turn) {
	t.touch()
	if !t.help.on {
		return
	}
	t.closeHelp()
	if e.Goal != procedure.GoalAddress || t.trouble.on || t.busy() {
		return
	}
	switch t.screen {
	case ScreenPassword, ScreenCode:
		t.screen = ScreenEmail
		t.shown, t.forgotten = false, false
		t.clearError()
	case ScreenSetup:
		t.leaveSetup()
	case ScreenPreflight, ScreenNoncompliant, ScreenEmail, ScreenHelp, ScreenTrouble, ScreenConnected, ScreenEnded:
	}
}

func (s State) lookHelp() *HelpView {
	v := &HelpView{Step: s.help.step, Email: s.email, SetupURI: s.setupURI()}
	s.lookAside(v)
	if s.help.step == procedure.Add {
		slot := procedure.NextSlot(s.now.Wall)
		v.NextSlot = &Countdown{Seconds: seconds(slot.Sub(s.now.Wall)), Total: int(procedure.Slot / time.Second), Stage: StageCalm}
		v.SlotHour, v.SlotMinute = slot.Hour(), slot.Minute()
		if last := slot.Add(-procedure.Slot); !s.addSince.IsZero() && last.After(s.addSince) {
			v.Passed, v.PassedHour, v.PassedMinute = true, last.Hour(), last.Minute()
		}
	}
	return v
}
