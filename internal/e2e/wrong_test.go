package e2e

import (
	"strings"
	"testing"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
)

// notCode is six digits that are not the code.
func notCode(code string) string {
	if strings.HasPrefix(code, "0") {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

// TestWrongPasswordThenCode: the wrong password clears its own field and says how many
// tries are left; a wrong code, spaces and letters typed along with the right one.
func TestWrongPasswordThenCode(t *testing.T) {
	r := enter(t)
	r.identify(hugo)
	r.write("Hugo-2025!")
	r.press(hands.Return)
	r.outcome("wrong_password")
	r.see(passwordScreen(hugo, fault("error.password.wrong.remaining", 9)))
	r.press(hands.Return) // the field is empty
	r.see(passwordScreen(hugo, fault("error.password.empty", 0)))
	r.write("Hugo-2024!")
	r.press(hands.Return)
	r.outcome("wrong_password")
	prominent := func(v *login.View) { v.Password.CodeProminent = true }
	r.see(passwordScreen(hugo, prominent, fault("error.password.wrong.remaining", 8)))

	r.askCode()
	code := r.code(hugo.address, 1)
	r.see(codeScreen(hugo))
	r.press(hands.Return)
	r.see(codeScreen(hugo, fault("error.code.empty", 0)))
	r.touch(code[:3])
	r.touchKey("return")
	r.see(codeScreen(hugo, fault("error.code.short", 6)))
	for range 3 {
		r.touchKey("backspace")
	}
	r.touch(notCode(code))
	r.tap("SE CONNECTER")
	r.outcome("wrong_code")
	r.see(codeScreen(hugo, fault("error.code.wrong.remaining", 4)))
	r.write("x" + code[:3] + " é" + code[3:])
	r.press(hands.Return)
	r.connect()
	if n := len(r.mails(hugo.address)); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
}

// TestExpiredCode lets a code run out, for real, and logs in with the next one. The
// older code is then one that was superseded.
func TestExpiredCode(t *testing.T) {
	r := enter(t, func(s *settings) {
		s.serve = []string{"--code-valid", "12s", "--code-grace", "0s", "--code-resend", "1s"}
	})
	short := func(v *login.View) {
		switch {
		case v.Code != nil:
			v.Code.Minutes, v.Code.Left = 0, login.Countdown{Seconds: 12, Total: 12, Stage: login.StageRed}
			v.Code.ResendIn = 0
		case v.Password != nil:
			v.Password.CodeMinutes = 0
		}
	}
	r.touch(camille.address)
	r.tap("SE CONNECTER")
	r.on("password")
	r.see(passwordScreen(camille, short))
	r.askCode()
	first := r.code(camille.address, 1)
	r.outcome("code_expired")
	expired := func(v *login.View) {
		v.Code.ResendPrimary, v.Code.Left.Seconds, v.Code.Left.Stage = true, 0, login.StageExpired
	}
	r.see(codeScreen(camille, short, expired, fault("error.code.expired", 0)))
	r.write(first)
	r.press(hands.Return) // the service decides; it says the same
	r.outcome("code_expired")
	r.see(codeScreen(camille, short, expired, fault("error.code.expired", 0)))
	r.tap("Recevoir un nouveau code")
	r.outcome("code_sent")
	second := r.code(camille.address, 2)
	r.see(codeScreen(camille, short))
	r.write(first)
	r.press(hands.Return)
	r.outcome("code_superseded")
	r.see(codeScreen(camille, short, fault("error.code.superseded", 0)))
	r.write(second)
	r.press(hands.Return)
	r.connect()
}

// TestNearMiss: a domain that almost is the centre's; the correction is taken.
func TestNearMiss(t *testing.T) {
	r := enter(t)
	miss := strings.Replace(camille.address, "@etu.", "@etu-", 1)
	r.write(miss)
	r.press(hands.Return)
	r.see(emailScreen(miss, func(v *login.View) { v.Email.Suggestion = camille.address }))
	r.tap("Oui, corriger")
	r.on("password")
	r.see(passwordScreen(camille))
	r.write(camille.password)
	r.press(hands.Return)
	r.connect()
}

// TestUnknownAddress: nobody has this address; the student says so is how it is written.
func TestUnknownAddress(t *testing.T) {
	r := enter(t)
	const nobody = "cassandre.durand@etu.univ-uness.fr"
	r.write(nobody)
	r.press(hands.Return)
	r.outcome("account_unknown")
	unknown := func(v *login.View) { v.Email.Unknown = true; v.Error = &login.Text{Key: "error.email.unknown"} }
	r.see(emailScreen(nobody, unknown))
	r.tap("Créer mon compte")
	r.on("setup")
	r.see(login.View{Screen: login.ScreenSetup, Setup: &login.SetupView{URI: "https://portail.uness.fr"}})
	r.press(hands.Escape)
	r.on("email")
	r.see(emailScreen(nobody, unknown))
	for range nobody {
		r.press(hands.BackSpace)
	}
	r.write(claire.address)
	r.press(hands.Return)
	r.on("password")
}
