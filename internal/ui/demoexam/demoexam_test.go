package demoexam

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

func TestRead(t *testing.T) {
	c, err := Read(strings.NewReader(`{"access_token":"x","name":"Marie Curie","extra_time":"1/3","new":1}`))
	if err != nil || c.Name != "Marie Curie" || c.ExtraTime != "1/3" {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"name":"x"}`, `{"access_token":"SECRET"`} {
		if _, err := Read(strings.NewReader(bad)); !errors.Is(err, ErrHandoff) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestEnd: the one button ends the player.
func TestEnd(t *testing.T) {
	test.NewApp()
	w, err := words.New("fr")
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	win := test.NewWindow(Content(look.New(), w, Candidate{Name: "Marie Curie", ExtraTime: "1/3"}, func() { ended = true }))
	defer win.Close()
	win.Resize(fyne.NewSize(1280, 800))
	b := find(win.Content(), w.T("player.end"))
	if b == nil {
		t.Fatal("no button")
	}
	test.Tap(b)
	if !ended {
		t.Fatal("it did not end")
	}
}

func find(o fyne.CanvasObject, label string) *kit.Button {
	if b, ok := o.(*kit.Button); ok && b.Label() == label {
		return b
	}
	var inside []fyne.CanvasObject
	switch o := o.(type) {
	case *fyne.Container:
		inside = o.Objects
	case fyne.Widget:
		inside = test.WidgetRenderer(o).Objects()
	}
	for _, child := range inside {
		if b := find(child, label); b != nil {
			return b
		}
	}
	return nil
}
