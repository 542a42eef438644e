package e2e

import (
	"bytes"
	"image"
	"testing"
	"time"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/procedure"
)

// The procedures of «Urgence examen», lived on the tablet.

// asksAbout types an address that nobody has, and opens the help, which begins there. It
// returns the screen that is under the help.
func (r *room) asksAbout(address string) login.View {
	r.t.Helper()
	r.write(address)
	r.press(hands.Return)
	r.outcome("account_unknown")
	unknown := emailScreen(address, func(v *login.View) { v.Email.Unknown = true }, fault("error.email.unknown", 0))
	r.see(unknown)
	r.tap("Aide surveillant")
	r.on("help")
	r.see(helpScreen(procedure.Address, address))
	return unknown
}

// TestProcedure1: an address that nobody has is compared with the cockpit's, corrected and
// accepted.
func TestProcedure1(t *testing.T) {
	r := enter(t)
	const typo = "camile.durand@etu.univ-uness.fr" // the local part is never guessed
	unknown := r.asksAbout(typo)
	r.tap("Non, elle est différente")
	r.see(helpScreen(procedure.Correct, typo))
	r.tap("Retour")
	r.see(helpScreen(procedure.Address, typo))
	r.press(hands.Return) // the first answer
	r.see(helpScreen(procedure.Correct, typo))
	r.tap("Corriger l’adresse")
	r.on("email")
	r.see(unknown)
	for range len(typo) - len("cami") {
		r.press(hands.BackSpace)
	}
	r.write("lle.durand@etu.univ-uness.fr")
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(camille))
	r.write(camille.password)
	r.press(hands.Return)
	r.connect()
}

// TestProcedure1Continued: the address is right and the password was wrong twice; the
// code does it.
func TestProcedure1Continued(t *testing.T) {
	r := enter(t)
	r.identify(hugo)
	var failed login.View
	for remaining := 9; remaining >= 8; remaining-- {
		r.write("Hugo-1999!")
		r.press(hands.Return)
		r.outcome("wrong_password")
		// The log is ahead of the screen: what is typed before that shows it is not sent.
		failed = passwordScreen(hugo, fault("error.password.wrong.remaining", remaining), func(v *login.View) { v.Password.CodeProminent = remaining == 8 })
		r.see(failed)
	}
	r.tap("Aide surveillant")
	r.on("help")
	r.see(helpScreen(procedure.Code, hugo.address))
	r.tap("Se connecter par code")
	r.on("password")
	r.see(failed)
	r.askCode()
	code := r.code(hugo.address, 1)
	r.see(codeScreen(hugo))
	r.write(code)
	r.press(hands.Return)
	r.connect()
}

// TestProcedures2And3: two codes expired, so the mailbox cannot be read. The help asks for
// a secondary address, counts down to the next update where one is added, and leads to the
// e-mail's field; the student signs in with the secondary address.
func TestProcedures2And3(t *testing.T) {
	r := enter(t, func(s *settings) {
		s.serve = []string{"--code-valid", "6s", "--code-grace", "0s", "--code-resend", "1s"}
	})
	primary := person{"yanis.benali@etu.univ-uness.fr", yanis.password, yanis.name}
	short := func(v *login.View) {
		if v.Password != nil {
			v.Password.CodeMinutes = 0
		}
	}
	r.touch(primary.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(primary, short))
	r.askCode()
	r.outcome("code_expired")
	expired := func(offer bool) login.View {
		return codeScreen(primary, fault("error.code.expired", 0), func(v *login.View) {
			v.Code.Minutes, v.Code.ResendIn, v.Code.ResendPrimary, v.Code.OfferProcedures = 0, 0, true, offer
			v.Code.Left = login.Countdown{Total: 6, Stage: login.StageExpired}
		})
	}
	r.see(expired(false))
	r.tap("Recevoir un nouveau code")
	r.outcome("code_sent")
	r.outcome("code_expired")
	r.see(expired(true))
	r.tap(french("code.procedures"))
	r.on("help")
	r.see(helpScreen(procedure.Secondary, primary.address))
	r.tap("Oui, il en a une")
	r.see(helpScreen(procedure.Use, primary.address))
	r.tap("Retour")
	r.see(helpScreen(procedure.Secondary, primary.address))
	opened := r.now()
	r.tap("Non, il n’en a pas")
	r.seeCountdown(primary.address, opened)
	r.tap("Saisir l’adresse secondaire")
	r.on("email")
	r.see(emailScreen(primary.address))
	for range primary.address {
		r.press(hands.BackSpace)
	}
	r.see(emailScreen(""))
	r.write(yanis.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(yanis, short))
	r.write(yanis.password)
	r.press(hands.Return)
	r.connect()
}

// now is the tablet's wall clock.
func (r *room) now() time.Time {
	r.t.Helper()
	paris, err := time.LoadLocation("Europe/Paris")
	r.must(err)
	return time.Now().In(paris)
}

// seeCountdown waits until the page of procedure 3 names the next update, and then until its
// time runs. before is a moment before the page was asked for: where an update fell between
// that and now nobody can tell whether the page was open, and both of its views are right.
func (r *room) seeCountdown(email string, before time.Time, change ...func(*login.View)) {
	r.t.Helper()
	after := r.now()
	eventually(r.t, patience, "the next update and its time", func() bool {
		now := r.now()
		last := procedure.NextSlot(now).Add(-procedure.Slot)
		for _, passed := range []bool{false, true} {
			if passed && !last.After(before) || !passed && last.After(after) {
				continue
			}
			r.mirror.show(with(updateScreen(email, now, passed), change))
			want, texts := r.mirror.picture()
			if unseen(want, r.look(), texts) == "" {
				return true
			}
		}
		return false
	})
	ring, err := r.mirror.ring()
	r.must(err)
	first := r.look()
	eventually(r.t, patience, "another second on the ring", func() bool { return !equalWithin(first, r.look(), ring) })
}

// updateScreen is the page of procedure 3 at a moment; passed: an update came while it was open.
func updateScreen(email string, now time.Time, passed bool) login.View {
	slot := procedure.NextSlot(now)
	v := helpScreen(procedure.Add, email)
	v.Help.NextSlot = &login.Countdown{Seconds: int(slot.Sub(now).Seconds()), Total: 900, Stage: login.StageCalm}
	v.Help.SlotHour, v.Help.SlotMinute = slot.Hour(), slot.Minute()
	if last := slot.Add(-procedure.Slot); passed {
		v.Help.Passed, v.Help.PassedHour, v.Help.PassedMinute = true, last.Hour(), last.Minute()
	}
	return v
}

// equalWithin: two pictures are the same in a part.
func equalWithin(a, b *image.RGBA, where image.Rectangle) bool {
	for y := where.Min.Y; y < where.Max.Y; y++ {
		from, to := a.PixOffset(where.Min.X, y), a.PixOffset(where.Max.X, y)
		if !bytes.Equal(a.Pix[from:to], b.Pix[from:to]) {
			return false
		}
	}
	return true
}

// TestHelpKeepsWhatIsTyped: the help opened in the middle of a password, walked through and
// closed; the password goes on where it stopped.
func TestHelpKeepsWhatIsTyped(t *testing.T) {
	r := enter(t)
	r.identify(camille)
	half := len(camille.password) / 2
	r.touch(camille.password[:half])
	r.tap("Aide surveillant")
	r.on("help")
	r.see(helpScreen(procedure.Address, camille.address))
	r.write("x") // no field is there to take it
	r.tap("Autre problème")
	r.see(helpScreen(procedure.Choose, camille.address))
	r.tap("Pas de téléphone utilisable")
	r.see(helpScreen(procedure.Phone, camille.address))
	r.press(hands.Escape)
	r.see(helpScreen(procedure.Choose, camille.address))
	r.press(hands.Escape)
	r.see(helpScreen(procedure.Address, camille.address))
	r.press(hands.Escape)
	r.on("password")
	r.see(passwordScreen(camille))
	r.tap("Aide surveillant")
	r.on("help")
	r.see(helpScreen(procedure.Address, camille.address))
	r.tap("Fermer l’aide")
	r.on("password")
	r.see(passwordScreen(camille))
	r.touch(camille.password[half:])
	r.press(hands.Return)
	r.connect()
	if wrong := r.count(func(e event) bool { return e.Kind == "wrong_password" }); wrong > 0 {
		t.Errorf("%d wrong passwords", wrong)
	}
}
