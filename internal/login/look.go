package login

import "time"

// Look says what to show. It is a function of the state alone.
func Look(s State) View {
	v := View{
		Busy:          s.pending.op != opNone,
		TextPercent:   textPercents[s.textSteps%len(textPercents)],
		HighContrast:  s.textSteps >= len(textPercents),
		Idle:          s.idleWarning(),
		PasswordEpoch: s.passwordEpoch,
		CodeEpoch:     s.codeEpoch,
	}
	if s.code.sent && s.screen != ScreenConnected && s.screen != ScreenEnded {
		if c := s.countdown(); c.Stage != StageExpired && s.codeRunning() {
			v.Clock = &c
		}
	}
	switch {
	case s.help.on:
		v.Screen, v.Help = ScreenHelp, s.lookHelp()
	case s.trouble.on:
		v.Screen, v.Trouble = ScreenTrouble, s.lookTrouble()
	default:
		s.lookScreen(&v)
	}
	if v.Screen == ScreenCode {
		v.Clock = nil
	}
	return v
}

func (s State) lookScreen(v *View) {
	v.Screen = s.screen
	if s.err.Key != "" {
		e := s.err
		v.Error = &e
	}
	switch s.screen {
	case ScreenPreflight, ScreenNoncompliant:
		v.Preflight = &PreflightView{
			Checks:  s.pre.checks,
			Waiting: s.pre.done && s.pre.failed(GradeWaiting) && !s.set.Demonstration,
			GoingOn: s.pre.goAt > 0,
		}
	case ScreenEmail:
		v.Field = FieldEmail
		v.Email = &EmailView{Text: s.email, Caret: s.caret, Suggestion: s.nearMiss, Unknown: s.unknown}
	case ScreenPassword:
		v.Password = s.lookPassword(v)
	case ScreenCode:
		v.Field = FieldCode
		v.Code = s.lookCode()
	case ScreenSetup:
		v.Setup = s.lookSetup()
		if s.err.Key != errStillNone {
			v.Error = nil // it is the address's, and stands there again after «Retour»
		}
	case ScreenConnected:
		v.Connected = s.lookConnected()
	case ScreenEnded:
		v.Ended = &EndedView{Seconds: seconds(s.endedAt + endedFor - s.now.Boot)}
	case ScreenHelp, ScreenTrouble: // never underneath
	}
}

func (s State) lookPassword(v *View) *PasswordView {
	p := &PasswordView{
		Email:           s.flow.email.Address(),
		Typed:           s.passwordTyped,
		Shown:           s.shown,
		Remember:        s.remember,
		RememberOffered: s.set.RememberOffered,
		PasswordOffered: s.flow.password,
		CodeOffered:     s.flow.mailed,
		CodeMinutes:     int(s.flow.codeValid / time.Minute),
		CodeProminent:   s.wrongs >= wrongsForCode || !s.flow.password,
		CodeRunning:     v.Clock,
		ResendIn:        seconds(s.code.resendAt - s.now.Boot),
		Forgotten:       s.forgotten,
	}
	if s.flow.password && !s.forgotten {
		v.Field = FieldPassword
	}
	return p
}

func (s State) lookCode() *CodeView {
	return &CodeView{
		Length:          s.code.length,
		Typed:           s.codeTyped,
		Minutes:         int(s.code.total / time.Minute),
		Left:            s.countdown(),
		Target:          s.code.target,
		AskedHour:       s.code.asked.Hour(),
		AskedMinute:     s.code.asked.Minute(),
		ResendIn:        seconds(s.code.resendAt - s.now.Boot),
		ResendPrimary:   s.code.expired || s.code.spent,
		OfferProcedures: s.code.expiries >= expiriesForHelp,
	}
}

func (s State) lookSetup() *SetupView { return &SetupView{Email: s.email, URI: s.setupURI()} }

// setupURI is where an account is set up: as the service says, else the centre.
func (s State) setupURI() string {
	if s.flow.setupURI != "" {
		return s.flow.setupURI
	}
	return s.set.SetupURI
}

func (s State) lookConnected() *ConnectedView {
	left := seconds(s.conn.denyUntil - s.now.Boot)
	return &ConnectedView{
		Name:        s.conn.name,
		Seconds:     left,
		CanDeny:     left > 0 && s.conn.name != "" && !s.conn.handedOff,
		Opening:     s.conn.handedOff && !s.conn.interrupted,
		Interrupted: s.conn.interrupted,
	}
}

func (s State) lookTrouble() *TroubleView {
	v := &TroubleView{
		Kind:        s.trouble.failure.Kind,
		Code:        shortCode(s.trouble.failure.Kind),
		Correlation: s.trouble.failure.Correlation,
		Resends:     s.trouble.op.resends(),
		Final:       s.trouble.final,
	}
	if !s.trouble.final {
		v.RetryIn = seconds(s.trouble.retryAt - s.now.Boot)
	}
	return v
}

func (s State) idleWarning() int {
	limit := s.idleLimit()
	if limit == 0 {
		return 0
	}
	left := limit - (s.now.Boot - s.touched)
	if left > idleWarnFor {
		return 0
	}
	return seconds(left)
}

// Codes lists every log outcome that is not an identity.Kind.
func Codes() []string {
	return []string{"noncompliant", "code_sent", "granted", "connected", "ended", "not_me",
		"player_failed", "player_failed_for_good", "idle_reset", "power_off", "power_restart", "power_refused"}
}
