package ui_test

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"

	"portillon/internal/login"
	"portillon/internal/ui"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// stage is a UI on a canvas of a size, without a display, that records what it
// posts.
type stage struct {
	ui     *ui.UI
	canvas test.WindowlessCanvas
	posted *[]login.Event
}

type uiFrame = ui.Frame

func frame() ui.Frame {
	return ui.Frame{
		Exam: "Moodle Evaluation", Centre: "Faculté de médecine", Room: "B12", Tablet: "B12-07",
		Version: "1.4.0", ConfigSerial: "12", LocalPhone: "01 23 45 67 89", SupportPhone: "06.49.10.01.97",
		SupportURI: "https://sos.uness.fr/", Domains: []string{"univ-uness.fr", "etu.univ-uness.fr"},
	}
}

func newStage(t *testing.T, lang string, size fyne.Size, change ...func(*ui.Frame)) stage {
	t.Helper()
	app := test.NewTempApp(t)
	w, err := words.New(lang)
	if err != nil {
		t.Fatal(err)
	}
	f := frame()
	for _, c := range change {
		c(&f)
	}
	posted := &[]login.Event{}
	u := ui.New(f, w, func(e login.Event) { *posted = append(*posted, e) })
	app.Settings().SetTheme(look.Theme(u.Look()))
	c := software.NewCanvas()
	c.SetPadded(false)
	c.SetContent(u.Content())
	c.Resize(size)
	u.Attach(c)
	u.SetStatus(ui.Status{Battery: 87, Network: true, Clock: "9 h 43"})
	return stage{u, c, posted}
}
