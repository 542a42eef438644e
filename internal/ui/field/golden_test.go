package field_test

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"portillon/internal/ui/field"
	"portillon/internal/ui/look"
)

func TestGoldens(t *testing.T) {
	l := themed(t)
	shot := func(name string, w fyne.Focusable, focused bool, width float32) {
		win := test.NewTempWindow(t, w.(fyne.CanvasObject))
		win.SetPadded(false)
		win.Resize(fyne.NewSize(width, w.(fyne.CanvasObject).MinSize().Height))
		if focused {
			win.Canvas().Focus(w)
		}
		test.AssertRendersToMarkup(t, name+".xml", win.Canvas())
	}
	email := func(text string, caret int) *field.Email {
		e := field.NewEmail(l, field.Events{})
		e.SetPlaceholder("prenom.nom@univ-uness.fr")
		e.SetText(text, caret)
		return e
	}
	secret := func(text string) *field.Secret {
		s := newSecret(t, l, field.Events{})
		s.InOrder()
		for _, r := range text {
			s.Rune(r)
		}
		return s
	}
	code := func(text string) *field.Code {
		c := newCode(t, l, field.Events{}, 6)
		for _, r := range text {
			c.Rune(r)
		}
		return c
	}
	shot("email-empty", email("", 0), false, 480)
	shot("email-typing", email("jeanne@", 6), true, 480)
	long := email("un.prenom.fort.long.et.un.nom.qui.ne.l.est.pas.moins@etu.univ-uness.fr", 71)
	long.SetError(true)
	shot("email-long-wrong", long, true, 480)
	shot("secret-hidden", secret("p@ss"), true, 480)
	shown := secret("p@ss")
	shown.SetShown(true)
	shot("secret-shown", shown, true, 480)
	shot("code-half", code("012"), true, 480)
	wrong := code("012345")
	wrong.SetError(true)
	shot("code-wrong", wrong, false, 480)

	l.Palette, l.Percent = look.HighContrast(), 200
	shot("email-200", email("jeanne@univ-uness.fr", 6), true, 480)
	shot("code-200", code("012"), true, 480)
}
