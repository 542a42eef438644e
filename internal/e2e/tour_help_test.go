package e2e

import (
	"image"
	"testing"
	"time"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/procedure"
	"portillon/internal/words"
)

// helpPages takes every page of the help, from the one that asks what is the matter,
// and ends there. In view is any page of the help.
func (v *tour) helpPages(email string) {
	v.tap(v.say("help.others"))
	v.see(v.help(procedure.Choose, email))
	v.take("help-choose")
	for _, way := range [][]procedure.ID{
		{procedure.Address, procedure.Correct}, {procedure.Code}, {procedure.Secondary, procedure.Use, procedure.UseCode},
		{procedure.Secondary, procedure.Add}, {procedure.Account}, {procedure.Phone}, {procedure.Tablet}, {procedure.Call},
	} {
		from := procedure.Choose
		for _, id := range way {
			before := v.now()
			v.answer(from, id)
			v.seePage(id, email, before)
			if !v.taken[id] {
				v.taken[id] = true
				v.take("help-" + string(id))
			}
			from = id
		}
		for range way {
			v.press(hands.Escape)
		}
		v.see(v.help(procedure.Choose, email))
	}
}

// help is the view of a page as this tour's tablet draws it.
func (v *tour) help(id procedure.ID, email string) login.View {
	w := helpScreen(id, email)
	w.Help.MayPower = true // the help was opened on the first screen
	w.HighContrast = v.contrast
	return w
}

// seePage waits for a page that was asked for after before, whichever update comes next on it.
func (v *tour) seePage(id procedure.ID, email string, before time.Time) {
	v.t.Helper()
	if id != procedure.Add {
		v.see(v.help(id, email))
		return
	}
	v.seeCountdown(email, before, func(w *login.View) { w.HighContrast = v.contrast })
}

// answer touches the answer of one page that leads to another.
func (v *tour) answer(from, to procedure.ID) {
	v.t.Helper()
	p, _ := procedure.Find(from)
	for _, a := range p.Answers {
		if a.To == to {
			v.tap(v.say(a.Label))
			return
		}
	}
	v.t.Fatalf("no answer of %s leads to %s", from, to)
}

// say is a sentence in the tablet's language.
func (v *tour) say(key string) string {
	v.t.Helper()
	lang := v.set.centre.Language
	if lang == "" {
		lang = "fr"
	}
	w, err := words.New(lang)
	v.must(err)
	return w.T(key)
}

// TestTourSamples takes the main screens upright, in English and in high contrast.
func TestTourSamples(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*settings)
		contrast bool
	}{
		"portrait": {func(s *settings) { s.size = image.Pt(800, 1280) }, false},
		"english":  {func(s *settings) { s.centre.Language = "en" }, false},
		"contrast": {func(*settings) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			v := newTour(t, prepare(t, c.change), name+"-")
			v.contrast = c.contrast
			v.samples()
			v.check()
		})
	}
}

func (v *tour) samples() {
	drawn := func(w login.View) login.View {
		w.HighContrast = v.contrast
		return w
	}
	v.switchOn()
	v.on("email")
	v.see(emailScreen(""))
	if v.contrast {
		for _, percent := range []int{125, 150, 175, 200, 100} { // «Aa» goes through the sizes first
			v.tap(v.say("action.text"))
			v.see(emailScreen("", func(w *login.View) { w.TextPercent, w.HighContrast = percent, percent == 100 }))
		}
	}
	v.see(drawn(emailScreen("")))
	v.take("email")
	v.write("cassandre.durand@etu.univ-uness.fr")
	v.press(hands.Return)
	unknown := emailScreen("cassandre.durand@etu.univ-uness.fr", func(w *login.View) { w.Email.Unknown = true }, fault("error.email.unknown", 0))
	v.see(drawn(unknown))
	v.take("email-unknown")
	v.tap(v.say("action.help"))
	v.on("help")
	v.see(v.help(procedure.Address, unknown.Email.Text))
	v.helpPages(unknown.Email.Text)
	v.tap(v.say("help.close"))
	v.on("email")
	v.see(drawn(unknown))
	for range unknown.Email.Text {
		v.press(hands.BackSpace)
	}
	v.see(drawn(emailScreen("")))
	v.write(camille.address)
	v.press(hands.Return)
	v.on("password")
	v.see(drawn(passwordScreen(camille)))
	v.take("password")
	v.tap(v.say("action.code.request"))
	v.on("code")
	v.take("code")
}

// TestTourLarge is a code asked for with text at 200 %: the card takes two pages, the second of
// which has the keyboard's room.
func TestTourLarge(t *testing.T) {
	v := newTour(t, prepare(t), "large-")
	large := func(percent int) func(*login.View) { return func(w *login.View) { w.TextPercent = percent } }
	v.switchOn()
	v.on("email")
	v.see(emailScreen(""))
	for _, percent := range []int{125, 150, 175, 200} {
		v.tap(french("action.text"))
		v.see(emailScreen("", large(percent)))
	}
	v.take("email")
	v.write(camille.address)
	v.press(hands.Return)
	v.on("password")
	v.see(passwordScreen(camille, large(200)))
	v.take("password")
	v.tap(french("password.more"))
	v.must(v.mirror.turn(1))
	v.reads(v.mirror, "the password's second page")
	v.take("password-by-code")
	v.tap(french("action.code.request"))
	v.on("code")
	v.see(codeScreen(camille, large(200)))
	v.take("code")
	v.check()
}
