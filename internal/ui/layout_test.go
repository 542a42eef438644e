package ui_test

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"portillon/internal/login"
	"portillon/internal/ui/field"
	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// seen is an object in view, where it is in the window.
type seen struct {
	object fyne.CanvasObject
	pos    fyne.Position
}

func (s seen) size() fyne.Size { return s.object.Size() }

func (s seen) String() string {
	said := fmt.Sprintf("%T", s.object)
	switch o := s.object.(type) {
	case *canvas.Text:
		said = fmt.Sprintf("text %q", o.Text)
	case *kit.Button:
		said = fmt.Sprintf("button %q", o.Label())
	}
	return fmt.Sprintf("%s at %v size %v", said, s.pos, s.size())
}

// inside reports whether s is within the rectangle, give or take a dp.
func (s seen) inside(pos fyne.Position, size fyne.Size) bool {
	const slack = 1
	return s.pos.X >= pos.X-slack && s.pos.Y >= pos.Y-slack &&
		s.pos.X+s.size().Width <= pos.X+size.Width+slack && s.pos.Y+s.size().Height <= pos.Y+size.Height+slack
}

// overlaps reports whether two objects cover each other by more than a dp.
func (s seen) overlaps(o seen) bool {
	const slack = 1
	return s.pos.X+slack < o.pos.X+o.size().Width && o.pos.X+slack < s.pos.X+s.size().Width &&
		s.pos.Y+slack < o.pos.Y+o.size().Height && o.pos.Y+slack < s.pos.Y+s.size().Height
}

// walk lists everything in view below o; it does not look into the keyboard and
// the fields, which have tests of their own.
func walk(o fyne.CanvasObject, at fyne.Position) []seen {
	if !o.Visible() {
		return nil
	}
	at = at.Add(o.Position())
	out := []seen{{o, at}}
	switch w := o.(type) {
	case *keyboard.Keyboard, *field.Email, *field.Secret, *field.Code:
	case *fyne.Container:
		for _, child := range w.Objects {
			out = append(out, walk(child, at)...)
		}
	case fyne.Widget:
		for _, child := range test.WidgetRenderer(w).Objects() {
			out = append(out, walk(child, at)...)
		}
	}
	return out
}

func card(t *testing.T, all []seen) (seen, *kit.Card) {
	t.Helper()
	for _, s := range all {
		if c, ok := s.object.(*kit.Card); ok {
			return s, c
		}
	}
	t.Fatal("no card in view")
	return seen{}, nil
}

// TestNothingIsClipped looks at every scene at every size and text size, on every
// page of its card.
func TestNothingIsClipped(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		for _, size := range []fyne.Size{{Width: 1280, Height: 800}, {Width: 800, Height: 1280}, {Width: 1920, Height: 1200}} {
			t.Run(fmt.Sprintf("%s/%.0fx%.0f", lang, size.Width, size.Height), func(t *testing.T) {
				st := newStage(t, lang, size)
				for _, percent := range []int{100, 125, 150, 200} {
					for _, s := range scenes() {
						v := s.view
						v.TextPercent = percent
						st.ui.Update(v)
						_, c := card(t, walk(st.ui.Content(), fyne.Position{}))
						for page := range c.Pages() {
							c.Turn(page)
							checkPage(t, fmt.Sprintf("%s at %d %%, page %d", s.name, percent, page+1), st, v, page, size)
						}
						if percent == 100 && c.Pages() > 1 {
							t.Errorf("%s at 100 %%: %d pages", s.name, c.Pages())
						}
					}
				}
			})
		}
	}
}

func checkPage(t *testing.T, name string, st stage, v login.View, page int, size fyne.Size) {
	t.Helper()
	all := walk(st.ui.Content(), fyne.Position{})
	at, c := card(t, all)
	facePos, face := c.Face()
	facePos = facePos.Add(at.pos)
	if !(seen{at.object, at.pos}).inside(fyne.Position{}, size) || face.Height > at.size().Height+1 {
		t.Errorf("%s: the card (%v) is higher than its room (%v)", name, face, at.size())
	}
	var texts []seen
	hasField, hasPrimary, hasRing, hasQR := false, false, false, false
	for _, s := range all {
		switch o := s.object.(type) {
		case *canvas.Text:
			if o.MinSize().Width > s.size().Width+1 {
				t.Errorf("%s: clipped: %v needs %v", name, s, o.MinSize())
			}
			if !s.inside(fyne.Position{}, size) {
				t.Errorf("%s: out of the window: %v", name, s)
			}
			if s.inside(at.pos, at.size()) && !s.inside(facePos, face) {
				t.Errorf("%s: out of the card: %v", name, s)
			}
			if first := v.Screen == login.ScreenEmail || v.Screen == login.ScreenEnded; first && strings.HasSuffix(o.Text, "B12-07") && o.TextSize < 28 {
				t.Errorf("%s: the tablet's name is read from three metres, and %g dp high", name, o.TextSize)
			}
			texts = append(texts, s)
		case *canvas.Image:
			texts = append(texts, s)
			if !s.inside(fyne.Position{}, size) {
				t.Errorf("%s: out of the window: %v", name, s)
			}
		case *kit.Button:
			hasPrimary = hasPrimary || o.Rank() == kit.Primary && s.inside(facePos, face)
			checkTarget(t, name, s, size)
		case *kit.Ring:
			hasRing = hasRing || s.inside(facePos, face)
		case *kit.QR:
			hasQR = hasQR || s.inside(facePos, face)
		case *kit.Check, *kit.Pill:
			if _, isPill := o.(*kit.Pill); !isPill {
				checkTarget(t, name, s, size)
			}
		case *field.Email, *field.Secret, *field.Code:
			hasField = hasField || s.inside(facePos, face)
			if s.size().Height < look.TouchTarget {
				t.Errorf("%s: the field is %v high", name, s.size().Height)
			}
		}
	}
	for i, a := range texts {
		for _, b := range texts[i+1:] {
			if v.Idle == 0 && a.overlaps(b) {
				t.Errorf("%s: %v covers %v", name, a, b)
			}
		}
	}
	if page == 0 && v.Field != login.FieldNone && (!hasField || !hasPrimary) {
		t.Errorf("%s: field in view: %v, primary button in view: %v", name, hasField, hasPrimary)
	}
	if page == 0 && v.Code != nil && !hasRing {
		t.Errorf("%s: the time left is not in view", name)
	}
	if page == 0 && v.Setup != nil && !hasQR {
		t.Errorf("%s: «scannez ce code», and none is in view", name)
	}
}

func checkTarget(t *testing.T, name string, s seen, size fyne.Size) {
	t.Helper()
	if s.size().Width < look.TouchTarget || s.size().Height < look.TouchTarget {
		t.Errorf("%s: too small to touch: %v", name, s)
	}
	if !s.inside(fyne.Position{}, size) {
		t.Errorf("%s: out of the window: %v", name, s)
	}
}
