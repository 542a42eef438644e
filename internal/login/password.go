package login

import "portillon/internal/identity"

// asking reports whether screen sc has the student's attention and no request
// is under way.
func (t *turn) asking(sc Screen) bool {
	return t.screen == sc && !t.help.on && !t.trouble.on && !t.busy()
}

func (e Typed) step(t *turn) {
	t.touch()
	n := min(max(e.N, 0), maxTypedRunes)
	switch e.Field {
	case FieldPassword:
		if t.passwordTyped != n && t.screen == ScreenPassword {
			t.clearError()
		}
		t.passwordTyped = n
	case FieldCode:
		if t.codeTyped != n && t.screen == ScreenCode && !t.code.expired && !t.code.spent {
			t.clearError()
		}
		t.codeTyped = n
	case FieldNone, FieldEmail:
	}
}

func (e SubmitPassword) step(t *turn) {
	t.touch()
	if !t.asking(ScreenPassword) || t.forgotten || !t.flow.password {
		t.drop(e.Secret)
		return
	}
	if e.Secret == nil || e.Secret.Len() == 0 {
		t.fail("error.password.empty")
		t.drop(e.Secret)
		return
	}
	t.clearError()
	t.do(SendPassword{Ref: t.ask(opPassword), Secret: e.Secret})
}

// drop wipes a secret that will not be sent.
func (t *turn) drop(s *identity.Secret) {
	if s != nil {
		t.do(WipeSecret{Secret: s})
	}
}

func (ToggleShown) step(t *turn) {
	t.touch()
	if t.screen == ScreenPassword {
		t.shown = !t.shown
	}
}

func (ToggleRemember) step(t *turn) {
	t.touch()
	if t.screen == ScreenPassword && t.set.RememberOffered && !t.busy() {
		t.remember = !t.remember
	}
}

func (OpenForgotten) step(t *turn) {
	t.touch()
	if t.asking(ScreenPassword) {
		t.forgotten = true
		t.clearError()
		t.shown = false
	}
}

// Challenged answers Begin and AskCode.
func (e Challenged) step(t *turn) {
	o, ok := t.answered(e.Ref)
	if !ok {
		return
	}
	switch o {
	case opBegin:
		t.identified(e.Challenge)
	case opAskCode, opPassword, opCode:
		// A service may follow a password with a code of its own accord.
		if e.Challenge.Sent != nil {
			t.codeSent(*e.Challenge.Sent)
		}
	case opNone, opResume, opSeal, opHandOff:
	}
}

func (t *turn) identified(c identity.Challenge) {
	if !c.Password && !c.EmailCode {
		t.do(Discard{Attempt: t.attempt})
		t.enterTrouble(opBegin, Failure{Kind: identity.WebRequired, Remaining: -1})
		return
	}
	t.flow.open, t.flow.attempt = true, t.attempt
	t.flow.password, t.flow.mailed = c.Password, c.EmailCode
	t.flow.codeValid = c.CodeValid
	t.screen = ScreenPassword
	t.touched = t.now.Boot
	if c.Sent != nil {
		t.codeSent(*c.Sent)
	}
}

func (t *turn) wrongPassword(f Failure) {
	t.passwordEpoch++
	t.passwordTyped = 0
	t.wrongs++
	t.err = counted("error.password.wrong", f.Remaining)
}

// counted picks the sentence with the tries left where the service tells them.
func counted(key string, remaining int) Text {
	if remaining < 0 {
		return Text{Key: key}
	}
	return Text{Key: key + ".remaining", Count: remaining}
}
