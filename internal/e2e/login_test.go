package e2e

import (
	"image"
	"strings"
	"testing"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
)

// demoExam hands over to the demonstration's player.
func demoExam(s *settings) { s.centre.Player = []string{shared.portillon, "demo-player"} }

// TestLoginByTouch is the whole way on the on-screen keyboard alone: the domain's own
// key, a capital by Shift, an accent by long press, one by its layer, and symbols.
func TestLoginByTouch(t *testing.T) {
	r := enter(t, demoExam)
	local, _, _ := strings.Cut(zoe.address, "@")
	r.touch(local)
	r.see(emailScreen(local))
	r.touchKey("@etu.univ-uness.fr")
	r.see(emailScreen(zoe.address))
	r.tap("SE CONNECTER")
	r.on("password")
	r.see(passwordScreen(zoe))
	for _, c := range zoe.password {
		if c == 'é' {
			r.hold("e", 0, 4)
			continue
		}
		r.touch(string(c))
	}
	r.tap("SE CONNECTER")
	r.connect()
}

// TestLoginByHardware is the whole way on an AZERTY keyboard: the @ by AltGr, the ê by
// its dead key, Return to send.
func TestLoginByHardware(t *testing.T) {
	r := enter(t, demoExam)
	r.write(agnes.address)
	r.see(emailScreen(agnes.address))
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(agnes))
	before, after, _ := strings.Cut(agnes.password, "ê")
	r.write(before)
	r.press(hands.DeadCircumflex)
	r.write("e" + after)
	r.press(hands.Return)
	r.connect()
}

// TestLoginInPortrait and TestLoginWithLargeText: other windows, the same way.
func TestLoginInPortrait(t *testing.T) {
	r := enter(t, func(s *settings) { s.size = image.Pt(800, 1280) })
	r.identify(claire)
	r.touch(claire.password)
	r.tap("SE CONNECTER")
	r.connect()
}

func TestLoginWithLargeText(t *testing.T) {
	r := enter(t)
	large := func(percent int) func(*login.View) { return func(v *login.View) { v.TextPercent = percent } }
	for _, percent := range []int{125, 150, 175, 200} {
		r.tap("Aa")
		r.see(emailScreen("", large(percent)))
	}
	r.touch(camille.address)
	r.see(emailScreen(camille.address, large(200)))
	r.tap("SE CONNECTER")
	r.on("password")
	r.see(passwordScreen(camille, large(200)))
	r.touch(camille.password)
	r.tap("SE CONNECTER")
	r.connect()
}
