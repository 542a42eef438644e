package field

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// Email shows an address that is typed elsewhere.
type Email struct {
	box
	text        []rune
	caret       int
	first, last int // the runes in view
	placeholder string
}

var (
	_ fyne.Focusable = (*Email)(nil)
	_ fyne.Tappable  = (*Email)(nil)
)

// NewEmail returns an empty e-mail field.
func NewEmail(l *look.Look, ev Events) *Email {
	e := &Email{box: box{look: l, ev: ev}}
	e.ExtendBaseWidget(e)
	return e
}

// SetText shows text with the caret before its caret-th rune (0 … length).
func (e *Email) SetText(text string, caret int) {
	runes := []rune(text)
	caret = min(max(caret, 0), len(runes))
	if caret == e.caret && text == string(e.text) {
		return
	}
	e.text, e.caret = runes, caret
	e.Refresh()
}

// SetPlaceholder is what an empty field shows.
func (e *Email) SetPlaceholder(s string) {
	if s != e.placeholder {
		e.placeholder = s
		e.Refresh()
	}
}

// SetError draws the field's border as an error.
func (e *Email) SetError(on bool) { e.setError(e, on) }

// FocusGained implements fyne.Focusable.
func (e *Email) FocusGained() { e.gained(e, true) }

// FocusLost implements fyne.Focusable.
func (e *Email) FocusLost() { e.gained(e, false) }

// TypedRune implements fyne.Focusable: a hardware key.
func (e *Email) TypedRune(r rune) {
	if !typeable(r) {
		tell(e.ev.Refused, r)
		return
	}
	tell(e.ev.Rune, r)
}

// TypedKey implements fyne.Focusable: a hardware key.
func (e *Email) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyBackspace:
		call(e.ev.Backspace)
	case fyne.KeyDelete:
		call(e.ev.Delete)
	case fyne.KeyLeft:
		tell(e.ev.CaretTo, max(e.caret-1, 0))
	case fyne.KeyRight:
		tell(e.ev.CaretTo, min(e.caret+1, len(e.text)))
	case fyne.KeyHome:
		tell(e.ev.CaretTo, 0)
	case fyne.KeyEnd:
		tell(e.ev.CaretTo, len(e.text))
	case fyne.KeyReturn, fyne.KeyEnter:
		call(e.ev.Submit)
	case fyne.KeyEscape:
		call(e.ev.Back)
	}
}

// Tapped implements fyne.Tappable: the caret goes where the finger is.
func (e *Email) Tapped(p *fyne.PointEvent) {
	focus(e)
	tell(e.ev.CaretTo, closest(e.first, e.last, p.Position.X-padding-ringWidth, e.width))
}

func (e *Email) size() float32 { return e.look.Text(look.SizeBody) }

// width of the runes [a, b) is the sum of each one's, in whole dp, so that every
// letter stands as far from the next wherever it is.
func (e *Email) width(a, b int) float32 {
	var w float32
	for ; a < b; a++ {
		w += e.runeWidth(e.text[a])
	}
	return w
}

func (e *Email) runeWidth(r rune) float32 {
	return float32(math.Round(float64(look.Measure(string(r), e.size(), fyne.TextStyle{}).Width)))
}

// emailRenderer draws each rune by itself, from a pool that grows with the field's width. Fyne
// keeps a texture of every text it has drawn for a minute, by its words: of a line drawn
// whole that was one for each key, as wide as the line, hundreds of megabytes for who types on
// and on. Of runes there are as many as the alphabet has. The same goes for their widths.
type emailRenderer struct {
	e           *Email
	frame       frame
	placeholder *canvas.Text
	runes       []*canvas.Text
	caret       *canvas.Rectangle
	objects     []fyne.CanvasObject
}

// CreateRenderer implements fyne.Widget.
func (e *Email) CreateRenderer() fyne.WidgetRenderer {
	r := &emailRenderer{e: e, frame: newFrame(), placeholder: canvas.NewText("", color.Black), caret: canvas.NewRectangle(color.Black)}
	r.Refresh()
	return laidOut(r, e.Size())
}

func (r *emailRenderer) Destroy() {}

func (r *emailRenderer) Objects() []fyne.CanvasObject { return r.objects }

// grow makes the pool large enough for n runes.
func (r *emailRenderer) grow(n int) {
	if len(r.runes) >= n && r.objects != nil {
		return
	}
	for len(r.runes) < n {
		r.runes = append(r.runes, canvas.NewText("", color.Black))
	}
	r.objects = []fyne.CanvasObject{r.frame.ring, r.frame.border, r.placeholder}
	for _, t := range r.runes {
		r.objects = append(r.objects, t)
	}
	r.objects = append(r.objects, r.caret)
}

func (r *emailRenderer) MinSize() fyne.Size {
	return fyne.NewSize(12*r.e.size(), lineHeight(r.e.size()))
}

func (r *emailRenderer) Layout(size fyne.Size) {
	r.frame.place(fyne.NewPos(0, 0), size)
	r.fill(size)
}

// fill puts the part of the text that fits, and the caret, in their places.
func (r *emailRenderer) fill(size fyne.Size) {
	e := r.e
	left, room := float32(padding+ringWidth), size.Width-2*(padding+ringWidth)
	e.first, e.last = window(len(e.text), e.first, e.caret, room-caretWidth, e.width)
	r.grow(e.last - e.first)
	x := left
	for i, t := range r.runes {
		at := e.first + i
		t.Hidden = at >= e.last
		if t.Hidden {
			continue
		}
		w := e.runeWidth(e.text[at])
		t.Text, t.Color = string(e.text[at]), e.look.Palette.Ink
		t.TextSize, t.FontSource = e.size(), look.Source(t.Text, t.TextStyle)
		t.Move(fyne.NewPos(x, 0))
		t.Resize(fyne.NewSize(w, size.Height))
		x += w
	}
	r.placeholder.Hidden = len(e.text) > 0
	r.placeholder.Text, r.placeholder.Color = shorten(e.placeholder, room, e.size()), e.look.Palette.Muted
	r.placeholder.TextSize, r.placeholder.FontSource = e.size(), look.Source(r.placeholder.Text, r.placeholder.TextStyle)
	r.placeholder.Move(fyne.NewPos(left, 0))
	r.placeholder.Resize(fyne.NewSize(room, size.Height))
	high := e.size() * 1.3
	r.caret.Move(fyne.NewPos(left+e.width(e.first, e.caret)-caretWidth, (size.Height-high)/2))
	r.caret.Resize(fyne.NewSize(caretWidth, high))
}

func (r *emailRenderer) Refresh() {
	e := r.e
	r.frame.paint(&e.look.Palette, e.focused, e.failed)
	r.fill(e.Size())
	r.caret.FillColor, r.caret.Hidden = e.look.Palette.Accent, !e.focused
	canvas.Refresh(e)
}

// shorten ends s with … where it would be wider than room. Without room, as before the first
// layout, nothing is measured: that was a measurement for each letter, 5 ms of a start.
func shorten(s string, room, size float32) string {
	if room <= 0 {
		return "…"
	}
	fits := func(s string) bool { return look.Measure(s, size, fyne.TextStyle{}).Width <= room }
	if fits(s) {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && !fits(string(runes)+"…") {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
