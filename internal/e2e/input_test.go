package e2e

import (
	"strings"
	"testing"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
)

// empty is pressed until nothing is left of what was typed.
func (r *room) empty(typed string) {
	r.t.Helper()
	for range typed {
		r.press(hands.BackSpace)
	}
	r.see(emailScreen(""))
}

// TestAddressesThatAreNone: each is told at once, stays to be corrected, and nothing is
// sent.
func TestAddressesThatAreNone(t *testing.T) {
	r := enter(t)
	before := len(r.requests(""))
	r.press(hands.Return)
	r.see(emailScreen("", fault("error.email.empty", 0)))
	long := strings.Repeat("azertyuiop", 30) // no address is this long; 254 characters are kept
	for _, c := range []struct{ typed, kept string }{
		{"camille", "camille"},
		{"camille.durand@", "camille.durand@"},
		{"camille@@etu.univ-uness.fr", "camille@@etu.univ-uness.fr"},
		{"camille durand@etu..fr", "camilledurand@etu..fr"}, // a space is not taken
		{"<b>@etu.univ-uness.fr", "<b>@etu.univ-uness.fr"},
		{"çà@é.fr", "çà@é.fr"},
		{long, long[:254]},
	} {
		r.write(c.typed)
		r.press(hands.Return)
		r.see(emailScreen(c.kept, fault("error.email.malformed", 0)))
		r.empty(c.kept)
	}
	for _, q := range r.requests("")[before:] {
		if q.Route == "/challenge" {
			t.Errorf("the service was asked: %+v", q)
		}
	}
	r.loginByKeys(dotted) // and one with every sign that an address may have
	r.connect()
}

// TestPasswordOfEveryCharacter types 128 characters on the on-screen keyboard: all of
// ASCII, the space, and what French keyboards have beside it.
func TestPasswordOfEveryCharacter(t *testing.T) {
	r := enter(t)
	r.identify(octave)
	r.touch(octave.password)
	r.touch("zz") // does not fit any more, and changes nothing
	r.tap("SE CONNECTER")
	r.connect()
}

// TestCodesAsPeopleTypeThem: groups with a space, letters in between, one too few, one too
// many.
func TestCodesAsPeopleTypeThem(t *testing.T) {
	r := enter(t, func(s *settings) { s.serve = []string{"--code-resend", "0s"} })
	again := func(v *login.View) { v.Code.ResendIn = 0 }
	r.identify(claire)
	r.askCode()
	code := r.code(claire.address, 1)
	r.see(codeScreen(claire, again))
	r.write(code[:5])
	r.press(hands.Return)
	r.see(codeScreen(claire, again, fault("error.code.short", 6)))
	for range 5 {
		r.press(hands.BackSpace)
	}
	r.write(code[:3] + " abc" + code[3:] + "99")
	r.press(hands.Return)
	r.connect()
}

// TestEndlessAddress: somebody leans on the keyboard. The field keeps what an address may
// have at most, says that it is none, and the right one is typed after it.
func TestEndlessAddress(t *testing.T) {
	r := enter(t)
	const most = 254 // RFC 5321 §4.5.3.1.3, without the angle brackets
	r.write(strings.Repeat("a", 10_000))
	long := strings.Repeat("a", most)
	r.press(hands.Return)
	r.see(emailScreen(long, fault("error.email.malformed", 0)))
	for range most {
		r.press(hands.BackSpace)
	}
	r.see(emailScreen(""))
	r.press(hands.Return)
	r.see(emailScreen("", fault("error.email.empty", 0)))
	r.write(camille.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(camille))
}
