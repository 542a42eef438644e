package e2e

import (
	"testing"

	"portillon/internal/e2e/hands"
)

// TestOnTheWire looks at every request of a login with a wrong password, a code, a wrong
// code, and the right one.
func TestOnTheWire(t *testing.T) {
	r := enter(t, func(s *settings) { s.wire = true })
	r.identify(hugo)
	r.write("Hugo-2025!")
	r.press(hands.Return)
	r.outcome("wrong_password")
	r.see(passwordScreen(hugo, fault("error.password.wrong.remaining", 9)))
	r.askCode()
	code := r.code(hugo.address, 1)
	r.see(codeScreen(hugo))
	r.write(notCode(code))
	r.press(hands.Return)
	r.outcome("wrong_code")
	r.see(codeScreen(hugo, fault("error.code.wrong.remaining", 4)))
	r.write(code)
	r.press(hands.Return)
	r.connect()

	all := r.wire.exchanges()
	if n := len(r.wire.to("/token")); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
	checkNonces(t, all)
	checkSessions(t, all)
	sends, checks := 0, 0
	for _, e := range r.wire.to("/challenge") {
		if e.form.Has("otp_channel") {
			sends++
		}
		if e.form.Has("otp") {
			checks++
			if e.form.Has("otp_channel") {
				t.Error("a code is asked for where one is checked")
			}
		}
	}
	if sends != 1 || checks != 2 {
		t.Errorf("%d codes asked for and %d checked, want 1 and 2", sends, checks)
	}
	if n := len(r.mails(hugo.address)); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
	for _, e := range all {
		if e.form.Has("redirect_uri") {
			t.Errorf("redirect_uri in %s", e.fields())
		}
	}
}

// checkNonces: each nonce is answered by the same request once more, with another proof,
// and that is the only request ever made twice.
func checkNonces(t *testing.T, all []exchange) {
	t.Helper()
	asked := 0
	for i, e := range all {
		if e.path != "/challenge" && e.path != "/token" {
			continue
		}
		if e.proof == "" {
			t.Errorf("no proof with %s", e.fields())
		}
		again := i > 0 && all[i-1].path == e.path && all[i-1].form.Encode() == e.form.Encode()
		wanted := i > 0 && all[i-1].answer["error"] == "use_dpop_nonce"
		if wanted {
			asked++
		}
		if again != wanted {
			t.Errorf("%s: made twice: %v, a nonce was asked for: %v", e.fields(), again, wanted)
		}
		if again && all[i-1].proof == e.proof {
			t.Errorf("%s: the same proof twice", e.fields())
		}
	}
	if asked > 1 {
		t.Errorf("%d nonces were asked for, want at most one: each answer brings the next", asked)
	}
}

// checkSessions: the newest auth_session is sent, always, and none before there is one.
func checkSessions(t *testing.T, all []exchange) {
	t.Helper()
	newest := ""
	for _, e := range all {
		if e.path != "/challenge" {
			continue
		}
		if got := e.form.Get("auth_session"); got != newest {
			t.Errorf("%s: the auth_session is not the newest one", e.fields())
		}
		if e.session != "" {
			newest = e.session
		}
	}
	if newest == "" {
		t.Error("the service never gave an auth_session: nothing was shown")
	}
}
