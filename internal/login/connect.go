package login

// Granted: the kiosk holds a session of this attempt. One that nobody waits for
// is discarded there.
func (e Granted) step(t *turn) {
	o, ok := t.answered(e.Ref)
	if !ok {
		if !t.conn.on || t.conn.attempt != e.Ref.Attempt {
			t.do(Discard{Attempt: e.Ref.Attempt})
		}
		return
	}
	switch o {
	case opPassword, opCode, opResume:
	case opNone, opBegin, opAskCode, opSeal, opHandOff:
		t.do(Discard{Attempt: e.Ref.Attempt}) // not an answer to what was asked
		return
	}
	// A resumed session was remembered once and stays so.
	remember := t.remember || o == opResume
	t.passwordEpoch++
	t.codeEpoch++
	t.passwordTyped, t.codeTyped = 0, 0
	t.shown = false
	t.clearError()
	t.conn = connState{attempt: e.Ref.Attempt, granted: true, name: e.Name}
	t.do(Outcome{Kind: "granted"})
	t.do(Seal{Ref: t.ask(opSeal), Email: t.flow.email, Remember: remember})
}

// Sealed: the session rests where it may; the student sees whose it is.
func (e Sealed) step(t *turn) {
	if o, ok := t.answered(e.Ref); !ok || o != opSeal || !t.conn.granted {
		return
	}
	t.conn.sealed, t.conn.on = true, true
	t.conn.denyUntil = t.now.Boot + denyFor
	t.screen = ScreenConnected
	t.help, t.trouble = helpState{}, troubleState{}
	t.touched = t.now.Boot
}

// NotMe wipes everything: the name on the screen is somebody else's.
func (NotMe) step(t *turn) {
	t.touch()
	if t.screen == ScreenConnected && !t.conn.handedOff && t.pending.op != opHandOff {
		t.do(Outcome{Kind: "not_me"})
		t.reset()
	}
}

func (t *turn) connectTick() {
	if t.screen == ScreenConnected && t.conn.sealed && !t.conn.handedOff && !t.conn.interrupted &&
		!t.busy() && !t.help.on && t.now.Boot >= t.conn.denyUntil {
		t.do(HandOff{Ref: t.ask(opHandOff)})
	}
	if t.screen == ScreenEnded && !t.help.on && t.now.Boot >= t.endedAt+endedFor {
		t.reset()
	}
}

func (e HandedOff) step(t *turn) {
	if o, ok := t.answered(e.Ref); !ok || o != opHandOff || !t.conn.sealed {
		return
	}
	t.conn.handedOff = true
	t.do(Outcome{Kind: "connected"})
}

// PlayerExited ends the session on 0 and starts the player again on anything
// else, maxRelaunches times.
func (e PlayerExited) step(t *turn) {
	if t.screen != ScreenConnected {
		return
	}
	if t.pending.op == opHandOff && t.conn.sealed {
		// It ended before we heard that it began.
		t.pending = pending{}
		t.conn.handedOff = true
	}
	if !t.conn.handedOff {
		return
	}
	switch {
	case e.Code == 0:
		t.do(Outcome{Kind: "ended"})
		t.do(Discard{Attempt: t.conn.attempt})
		t.conn, t.flow, t.code = connState{}, flowState{}, codeState{}
		t.email, t.caret = "", 0
		t.help = helpState{}
		t.screen, t.endedAt = ScreenEnded, t.now.Boot
	case t.conn.relaunches < maxRelaunches:
		t.conn.relaunches++
		t.do(Outcome{Kind: "player_failed"})
		t.do(Relaunch{})
	default:
		t.conn.interrupted = true
		t.do(Outcome{Kind: "player_failed_for_good"})
	}
}

// PlayerRunning: this machine was started anew behind a running exam.
func (PlayerRunning) step(t *turn) {
	if t.screen == ScreenConnected {
		return
	}
	t.pre = preflightState{}
	t.conn = connState{on: true, attempt: t.attempt, granted: true, sealed: true, handedOff: true}
	t.screen = ScreenConnected
}

// Remembered is heeded before a login has begun, and behind the help too: who reads
// it has typed nothing.
func (Remembered) step(t *turn) {
	under := *t
	under.help = helpState{}
	if !under.untouched() {
		return
	}
	t.remind = true
	if t.pre.goAt > 0 || t.screen == ScreenEmail {
		t.pre.goAt = 0
		t.toEmail()
		t.resumeRemembered()
	}
}

// startAgain is the invigilator's way on after an interruption.
func (t *turn) startAgain() {
	t.conn.interrupted = false
	t.conn.relaunches = 0
	if t.conn.handedOff {
		t.do(Relaunch{})
		return
	}
	t.do(HandOff{Ref: t.ask(opHandOff)})
}
