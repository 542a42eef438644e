package keyboard

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"portillon/internal/ui/look"
)

// Output is where the keys go. Its methods are called on the UI goroutine, at the
// moment a finger comes down.
type Output interface {
	// Rune is one typed character.
	Rune(r rune)
	// Replace turns the character typed last, if it is old and was taken, into r:
	// the finger that typed old stayed, and chose in the popup.
	Replace(old, r rune)
	// Text is several characters at once: a domain, with an @ in front where the
	// address has none yet.
	Text(s string)
	// Backspace deletes before the caret.
	Backspace()
	// Submit is the Return key.
	Submit()
	// Touched is any touch of the keyboard that is none of the others.
	Touched()
}

// Option changes a Keyboard at its making.
type Option func(*Keyboard)

// WithTimer gives the clock of long press and repetition: it calls f on the UI
// goroutine after d, unless stop is called first. The default lets the fingers' events that have
// come meanwhile go first.
func WithTimer(after func(d time.Duration, f func()) (stop func())) Option {
	return func(k *Keyboard) { k.after = after }
}

// WithDo gives the way to the UI goroutine from another; the default is fyne.Do.
func WithDo(do func(func())) Option {
	return WithTimer(func(d time.Duration, f func()) func() { return afterEvents(do, d, f) })
}

// Keyboard is the on-screen keyboard. It fills the size its container gives.
type Keyboard struct {
	widget.BaseWidget
	look  *look.Look
	out   Output
	after func(time.Duration, func()) (stop func())

	layout  Layout
	layer   layer
	shift   shiftState
	domains []string
	afterAt bool

	keys    []placed
	fingers map[int]*finger
	popup   *popup
	draw    *renderer // nil until Fyne asks for it
}

var (
	_ desktop.Mouseable = (*Keyboard)(nil)
	_ fyne.Draggable    = (*Keyboard)(nil)
	_ fyne.Focusable    = (*Keyboard)(nil)
	_ fyne.Disableable  = (*Keyboard)(nil)
)

// New returns a keyboard that shows nothing yet.
func New(l *look.Look, out Output, opts ...Option) *Keyboard {
	k := &Keyboard{look: l, out: out, fingers: map[int]*finger{}}
	WithDo(fyne.Do)(k)
	for _, o := range opts {
		o(k)
	}
	k.ExtendBaseWidget(k)
	return k
}

// SetLayout changes the layout, lifts all fingers and starts with its letters. The
// same layout again changes nothing.
func (k *Keyboard) SetLayout(l Layout) {
	if l == k.layout {
		return
	}
	k.Release()
	k.layout, k.layer, k.shift = l, layerLetters, shiftOff
	k.arrange()
	k.BaseWidget.Refresh()
}

// Layout is the layout in view.
func (k *Keyboard) Layout() Layout { return k.layout }

// SetDomains gives LayoutEmail a row of one-touch domains. It is always in view, so
// that no key moves while typing: before the address has an @ (afterAt false) its
// keys type "@domain", after it "domain". What of the domain is already typed is
// the caller's to complete, in Text. Room is for four, or eight in portrait.
func (k *Keyboard) SetDomains(domains []string, afterAt bool) {
	if slices.Equal(domains, k.domains) && afterAt == k.afterAt {
		return
	}
	k.domains, k.afterAt = slices.Clone(domains), afterAt
	if k.layout == LayoutEmail {
		k.arrange()
		k.BaseWidget.Refresh()
	}
}

// MinSize is the size at which every key measures 48 dp.
func (k *Keyboard) MinSize() fyne.Size {
	rows := k.rows(1)
	if len(rows) == 0 {
		return fyne.Size{}
	}
	n := float32(len(rows))
	return fyne.NewSize(widest(rows)*(target+gapLeast)+gapLeast, n*(target+gapLeast)+gapLeast)
}

// HeightFor is the height to dock the keyboard with, across a window of this size: a
// comfortable one, at most two fifths of the window, at least MinSize. It is the
// same for the e-mail and the password.
func (k *Keyboard) HeightFor(window fyne.Size) float32 {
	if k.layout == LayoutNone {
		return 0
	}
	rows := float32(6)
	if k.layout == LayoutDigits {
		rows = 4
	}
	return max(min(window.Height*0.4, rows*rowMost), k.MinSize().Height)
}

func (k *Keyboard) rows(domainRowsMost int) []row {
	rows := rowsOf(k.layout, k.layer)
	if k.layout != LayoutEmail {
		return rows
	}
	at := "@"
	if k.afterAt {
		at = ""
	}
	return append(domainRows(k.domains, at, domainRowsMost), rows...)
}

// arrange gives every key its place in the present size.
func (k *Keyboard) arrange() {
	size := k.Size()
	rows := k.rows(2)
	if float32(len(rows))*(target+gapLeast)+gapLeast > size.Height {
		rows = k.rows(1)
	}
	k.keys = place(rows, size, k.layout == LayoutDigits)
}

// Resize implements fyne.CanvasObject.
func (k *Keyboard) Resize(s fyne.Size) {
	k.closePopup()
	k.BaseWidget.Resize(s)
	k.arrange()
	k.BaseWidget.Refresh()
}

// KeyAt is what the key at or nearest to pos says ("a", "@", "backspace", …); empty
// where there is no key.
func (k *Keyboard) KeyAt(pos fyne.Position) string {
	i := nearest(k.keys, pos)
	if i < 0 {
		return ""
	}
	return k.says(&k.keys[i].key)
}

// Where is the middle of the key that says name, as KeyAt puts it.
func (k *Keyboard) Where(name string) (fyne.Position, bool) {
	for i := range k.keys {
		if k.says(&k.keys[i].key) == name {
			return k.keys[i].center(), true
		}
	}
	return fyne.Position{}, false
}

func (k *Keyboard) says(key *key) string {
	switch key.act {
	case actRune:
		return string(k.runeOf(key))
	case actText, actLayer:
		return key.text
	case actBackspace, actSubmit, actShift:
	}
	return string(key.icon)
}

// MouseDown implements desktop.Mouseable: the mouse, and what Fyne sees of touch, is
// finger 0. Other buttons only count as a touch.
func (k *Keyboard) MouseDown(e *desktop.MouseEvent) {
	if e.Button != desktop.MouseButtonPrimary {
		k.out.Touched()
		return
	}
	k.FingerDown(0, e.Position)
}

// MouseUp implements desktop.Mouseable.
func (k *Keyboard) MouseUp(e *desktop.MouseEvent) {
	if e.Button == desktop.MouseButtonPrimary {
		k.FingerUp(0, e.Position)
	}
}

// Dragged implements fyne.Draggable: the mouse moves while it is down.
func (k *Keyboard) Dragged(e *fyne.DragEvent) { k.FingerMove(0, e.Position) }

// DragEnd implements fyne.Draggable; MouseUp comes with it.
func (k *Keyboard) DragEnd() {}

// The GLFW driver takes the focus away from a field at any click that meets no
// fyne.Focusable. The keyboard is one, and being disabled never gets the focus
// itself, neither by a click nor by Tab: the field keeps it, and a hardware
// keyboard types on alongside.

// FocusGained implements fyne.Focusable; it never happens.
func (k *Keyboard) FocusGained() {}

// FocusLost implements fyne.Focusable; it never happens.
func (k *Keyboard) FocusLost() {}

// TypedRune implements fyne.Focusable; it never happens.
func (k *Keyboard) TypedRune(rune) {}

// TypedKey implements fyne.Focusable; it never happens.
func (k *Keyboard) TypedKey(*fyne.KeyEvent) {}

// Disabled implements fyne.Disableable: always.
func (k *Keyboard) Disabled() bool { return true }

// Enable implements fyne.Disableable and does nothing.
func (k *Keyboard) Enable() {}

// Disable implements fyne.Disableable and does nothing.
func (k *Keyboard) Disable() {}
