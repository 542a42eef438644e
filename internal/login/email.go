package login

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"portillon/internal/identity"
	"portillon/internal/procedure"
)

func (t *turn) toEmail() {
	t.screen = ScreenEmail
	t.touched = t.now.Boot
	t.pre.againAt = t.now.Boot + preflightEvery
}

// typing reports whether keys belong to the e-mail field now.
func (t *turn) typing() bool {
	return t.screen == ScreenEmail && !t.help.on && !t.trouble.on && !t.busy()
}

// edited follows every change of the address: what was said about the old one
// no longer holds.
func (t *turn) edited(text string, caret int) {
	t.email, t.caret = text, caret
	t.nearMiss, t.refused, t.unknown = "", "", false
	t.clearError()
}

func (t *turn) insert(s string) {
	t.touch()
	if !t.typing() {
		return
	}
	s = strings.Map(func(r rune) rune {
		if !typeable(r) {
			return -1
		}
		return r
	}, s)
	runes := []rune(t.email)
	if s == "" || len(runes)+utf8.RuneCountInString(s) > maxEmailRunes {
		return
	}
	added := utf8.RuneCountInString(s)
	t.edited(string(runes[:t.caret])+s+string(runes[t.caret:]), t.caret+added)
}

// typeable leaves out what no address holds and what would deceive the eye:
// white space, control characters, direction marks.
func typeable(r rune) bool {
	return r != utf8.RuneError && unicode.IsGraphic(r) && !unicode.IsSpace(r)
}

func (e Key) step(t *turn)    { t.insert(string(e.Rune)) }
func (e Insert) step(t *turn) { t.insert(e.Text) }

func (e Domain) step(t *turn) {
	t.touch()
	if !t.typing() {
		return
	}
	local, _, _ := strings.Cut(t.email, "@")
	whole := local + "@" + e.Text
	if n := utf8.RuneCountInString(whole); n <= maxEmailRunes {
		t.edited(whole, n)
	}
}

func (Backspace) step(t *turn) { t.remove(-1) }
func (Delete) step(t *turn)    { t.remove(0) }

// remove deletes the character at caret+offset.
func (t *turn) remove(offset int) {
	t.touch()
	at, runes := t.caret+offset, []rune(t.email)
	if !t.typing() || at < 0 || at >= len(runes) {
		return
	}
	t.edited(string(runes[:at])+string(runes[at+1:]), at)
}

func (e CaretTo) step(t *turn) {
	t.touch()
	if t.typing() {
		t.caret = min(max(e.Pos, 0), utf8.RuneCountInString(t.email))
	}
}

func (SubmitEmail) step(t *turn) {
	t.touch()
	if !t.typing() {
		return
	}
	if t.nearMiss != "" {
		// Return at the question is its first button; one held down, or pressed
		// twice, has not read it.
		if t.now.Boot-t.askedAt >= readFor {
			t.acceptNearMiss()
		}
		return
	}
	if t.refused != t.email {
		// Also of what is malformed: a forgotten ".fr" is the nearest miss of all.
		if near, ok := procedure.NearMiss(strings.TrimSpace(t.email), t.set.Domains); ok {
			t.nearMiss, t.askedAt = near, t.now.Boot
			t.clearError()
			return
		}
	}
	t.submitTyped()
}

// submitTyped sends the address as it stands, or says what is wrong with it.
func (t *turn) submitTyped() {
	address, err := identity.ParseEmail(t.email)
	switch {
	case errors.Is(err, identity.ErrEmailEmpty):
		t.fail("error.email.empty")
	case err != nil:
		t.fail("error.email.malformed")
	default:
		t.identify(address)
	}
}

func (AcceptSuggestion) step(t *turn) {
	t.touch()
	if t.typing() && t.nearMiss != "" {
		t.acceptNearMiss()
	}
}

func (t *turn) acceptNearMiss() {
	near := t.nearMiss
	t.edited(near, utf8.RuneCountInString(near))
	if address, err := identity.ParseEmail(near); err == nil {
		t.identify(address)
	}
}

func (RefuseSuggestion) step(t *turn) {
	t.touch()
	if !t.typing() || t.nearMiss == "" {
		return
	}
	t.nearMiss, t.refused = "", t.email
	t.submitTyped()
}

// identify takes an address to the service, or back to its open login.
func (t *turn) identify(address identity.Email) {
	t.nearMiss, t.unknown = "", false
	t.clearError()
	if t.flow.open && t.flow.email == address {
		t.screen = ScreenPassword
		return
	}
	if t.flow.email != address {
		t.forgetTyped()
	}
	t.closeFlow()
	t.flow.email = address
	t.attempt++
	if t.set.RememberOffered {
		t.do(Resume{Ref: t.ask(opResume), Email: address})
		return
	}
	t.begin()
}

func (t *turn) begin() {
	t.do(Begin{Ref: t.ask(opBegin), Email: t.flow.email})
}

// closeFlow ends the login open at the service, if there is one.
func (t *turn) closeFlow() {
	if t.flow.open || t.busy() {
		t.do(Discard{Attempt: t.attempt})
	}
	t.pending = pending{}
	t.flow = flowState{email: t.flow.email}
	// A refused send is the account's, not the flow's: its wait outlives this.
	t.code = codeState{resendAt: t.code.resendAt, expiries: t.code.expiries}
}

// forgetTyped: another address, so another person's secrets and counts.
func (t *turn) forgetTyped() {
	t.passwordEpoch++
	t.codeEpoch++
	t.passwordTyped, t.codeTyped, t.wrongs = 0, 0, 0
	t.shown, t.remember, t.forgotten = false, false, false
	t.code = codeState{}
}

func (t *turn) resumeRemembered() {
	t.remind = false
	t.attempt++
	t.do(Resume{Ref: t.ask(opResume)})
}

func (e NotRemembered) step(t *turn) {
	if _, ok := t.answered(e.Ref); !ok || t.flow.email.IsZero() {
		return
	}
	t.begin()
}

func (OpenSetup) step(t *turn) {
	t.touch()
	if t.typing() && t.unknown {
		t.screen = ScreenSetup
	}
}

// errStillNone: «J’ai terminé», and the service has no password of this account yet.
const errStillNone = "error.setup.still"

func (t *turn) leaveSetup() {
	t.screen = ScreenEmail
	if t.err.Key == errStillNone {
		t.clearError()
	}
	t.cancelBegin()
}

// SetupDone tries the same address again.
func (SetupDone) step(t *turn) {
	t.touch()
	if t.screen != ScreenSetup || t.help.on || t.busy() {
		return
	}
	if address, err := identity.ParseEmail(t.email); err == nil {
		t.identify(address)
	}
}
