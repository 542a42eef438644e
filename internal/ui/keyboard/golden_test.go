package keyboard_test

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/look"
)

func TestGoldens(t *testing.T) {
	app := test.NewTempApp(t)
	l := look.New()
	app.Settings().SetTheme(look.Theme(l))
	for _, c := range []struct {
		name   string
		layout keyboard.Layout
		press  []string
		hold   string
	}{
		{"email", keyboard.LayoutEmail, nil, "e"},
		{"password", keyboard.LayoutPassword, []string{"shift"}, ""},
		{"symbols", keyboard.LayoutPassword, []string{"&#€"}, ""},
		{"accents", keyboard.LayoutPassword, []string{"éàç"}, ""},
		{"digits", keyboard.LayoutDigits, nil, "5"},
	} {
		k := keyboard.New(l, &record{})
		k.SetDomains(domains, false)
		k.SetLayout(c.layout)
		w := test.NewTempWindow(t, k)
		w.SetPadded(false)
		w.Resize(fyne.NewSize(1280, 320))
		tap(t, k, c.press...)
		if c.hold != "" {
			k.FingerDown(1, where(t, k, c.hold))
		}
		test.AssertRendersToMarkup(t, c.name+".xml", w.Canvas())
		k.Release()
	}
}

// One key going down changes one rectangle.
func TestPressChangesOneRectangle(t *testing.T) {
	app := test.NewTempApp(t)
	l := look.New()
	app.Settings().SetTheme(look.Theme(l))
	k := keyboard.New(l, &record{})
	k.SetLayout(keyboard.LayoutPassword)
	w := test.NewTempWindow(t, k)
	w.Resize(fyne.NewSize(1280, 320))
	before := strings.Split(test.RenderToMarkup(w.Canvas()), "\n")
	k.FingerDown(1, where(t, k, "z"))
	after := strings.Split(test.RenderToMarkup(w.Canvas()), "\n")
	changed := 0
	for i := range before {
		if before[i] != after[i] {
			changed++
		}
	}
	if changed != 1 || len(before) != len(after) {
		t.Errorf("%d lines changed", changed)
	}
	k.Release()
	if got := strings.Split(test.RenderToMarkup(w.Canvas()), "\n"); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Error("letting go does not undo it")
	}
}
