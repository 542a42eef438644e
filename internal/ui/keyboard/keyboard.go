package keyboard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"portillon/internal/ui/look"
)

// Layout names one arrangement of keys.
type Layout string

// The layouts. LayoutNone shows no key and takes no room.
const (
	LayoutNone     Layout = ""
	LayoutEmail    Layout = "email"
	LayoutPassword Layout = "password"
	LayoutDigits   Layout = "digits"
)

// Output is where the keys go. Its methods are called on the UI goroutine, at the
// moment a finger comes down.
type Output interface {
	// Rune is one typed character.
	Rune(r rune)
	// Replace turns the character that the last Rune typed into r: the finger
	// stayed, and slid to an accent. If that Rune was refused, so is this.
	Replace(r rune)
	// Text is several characters at once: a domain.
	Text(s string)
	// Backspace deletes before the caret.
	Backspace()
	// Submit is the Return key.
	Submit()
	// Touched is any touch of the keyboard that is none of the others.
	Touched()
}

// Keyboard is the on-screen keyboard. It fills the size its container gives.
type Keyboard struct {
	widget.BaseWidget
	look   *look.Look
	out    Output
	layout Layout
}

// New returns a keyboard that shows nothing yet.
func New(l *look.Look, out Output) *Keyboard {
	k := &Keyboard{look: l, out: out}
	k.ExtendBaseWidget(k)
	return k
}

// SetLayout changes the layout. The same layout again keeps the layer in view.
func (k *Keyboard) SetLayout(layout Layout) { k.layout = layout }

// SetDomains gives the keys that type a whole domain; show makes room for them
// (the caller decides: after the @).
func (k *Keyboard) SetDomains(domains []string, show bool) {}

// FingerDown, FingerMove and FingerUp are one finger each, by its id; positions are relative to
// the keyboard. The mouse is finger 0.
func (k *Keyboard) FingerDown(id int, pos fyne.Position) {}

// FingerMove follows a finger that is down.
func (k *Keyboard) FingerMove(id int, pos fyne.Position) {}

// FingerUp ends a finger.
func (k *Keyboard) FingerUp(id int, pos fyne.Position) {}

// CreateRenderer implements fyne.Widget.
func (k *Keyboard) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(nil) }

// Characters is everything that can be typed on a layout, in code point order,
// each once.
func Characters(layout Layout) []rune { return nil }
