package field

import (
	"image/color"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"portillon/internal/ui/look"
)

// Events is what a field tells. All are called on the UI goroutine; nil ones are
// left out.
type Events struct {
	// Email: the text lives with the caller, who answers with SetText.
	Rune      func(r rune)
	Backspace func()
	Delete    func()
	CaretTo   func(pos int) // in runes, 0 … length

	// Typed tells, of a Secret or Code, how many characters it holds after typing
	// changed it. Wipe does not call it.
	Typed func(n int)
	// Refused: a character was not taken: a letter in a code, a control character
	// or direction mark, or (then r is one that it takes) the field is full.
	Refused func(r rune)
	// ToggleShown: the eye of a Secret was touched; the caller answers with SetShown.
	ToggleShown func()

	Submit  func()            // Return
	Back    func()            // Escape
	Focused func(gained bool) // the keyboard focus came or went
}

func call(f func()) {
	if f != nil {
		f()
	}
}

func tell[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

// Measures in dp.
const (
	ringWidth  = look.FocusWidth
	padding    = 14
	caretWidth = 2
)

// typeable reports whether r may stand in a field: no control character, no
// direction or joining mark, no unusual space, no broken encoding.
func typeable(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError }

// box is what all fields share: the frame, the focus ring, the states.
type box struct {
	widget.BaseWidget
	look            *look.Look
	ev              Events
	focused, failed bool
}

func (b *box) gained(w fyne.Widget, is bool) {
	if b.focused == is {
		return
	}
	b.focused = is
	w.Refresh()
	tell(b.ev.Focused, is)
}

func (b *box) setError(w fyne.Widget, on bool) {
	if b.failed != on {
		b.failed = on
		w.Refresh()
	}
}

// focus asks the canvas for the keyboard focus.
func focus(w fyne.Focusable) {
	if app := fyne.CurrentApp(); app != nil {
		if c := app.Driver().CanvasForObject(w.(fyne.CanvasObject)); c != nil {
			c.Focus(w)
		}
	}
}

// laidOut places a new renderer's objects where the widget has a size already. Fyne forgets the
// renderer of a widget that was hidden for a minute, makes another when it is shown again, and
// lays that out only if the size changes.
func laidOut(r fyne.WidgetRenderer, size fyne.Size) fyne.WidgetRenderer {
	if !size.IsZero() {
		r.Layout(size)
	}
	return r
}

// frame is a box's outline: a border, and the ring around it while focused.
type frame struct{ ring, border *canvas.Rectangle }

func newFrame() frame {
	f := frame{canvas.NewRectangle(color.Transparent), canvas.NewRectangle(color.Transparent)}
	f.ring.CornerRadius, f.border.CornerRadius = look.Corner, look.Corner-ringWidth
	return f
}

func (f frame) place(pos fyne.Position, size fyne.Size) {
	f.ring.Move(pos)
	f.ring.Resize(size)
	f.border.Move(pos.AddXY(ringWidth, ringWidth))
	f.border.Resize(size.SubtractWidthHeight(2*ringWidth, 2*ringWidth))
}

func (f frame) paint(p *look.Palette, ring, failed bool) {
	f.ring.FillColor = p.Focus
	f.ring.Hidden = !ring
	f.border.FillColor, f.border.StrokeColor, f.border.StrokeWidth = p.Card, p.Line, look.LineWidth
	if failed {
		f.border.StrokeColor, f.border.StrokeWidth = p.Error, 2
	}
	f.ring.Refresh()
	f.border.Refresh()
}

// lineHeight is the height of a field for text of this size: 56 dp or what it needs.
func lineHeight(size float32) float32 {
	return max(look.ButtonHeight, size*1.25+2*look.Grid+2*ringWidth)
}

// window keeps the caret in view of a line that is longer than its field: from the
// first shown so far it finds the runes to show, [first, last). width measures the
// runes [a, b).
func window(n, first, caret int, room float32, width func(a, b int) float32) (int, int) {
	first = min(first, caret)
	for first < caret && width(first, caret) > room {
		first++
	}
	// Deleting at the end brings the beginning back into view.
	for first > 0 && width(first-1, n) <= room {
		first--
	}
	last := caret
	for last < n && width(first, last+1) <= room {
		last++
	}
	return first, last
}

// closest is the gap between two of the runes [first, last) that is nearest to x.
func closest(first, last int, x float32, width func(a, b int) float32) int {
	at := first
	for at < last {
		left, right := width(first, at), width(first, at+1)
		if x < (left+right)/2 {
			break
		}
		at++
	}
	return at
}
