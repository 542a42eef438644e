package field

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// secretRenderer draws a bullet or one character at each place, from a pool that
// grows with the field's width, never with what is typed beyond it. Places take from
// the pool in a random order, as a precaution: Fyne paints objects in theirs, and every
// text it paints leaves its rune in memory somewhere behind the one before.
type secretRenderer struct {
	s           *Secret
	frame       frame
	bullets     []*canvas.Circle
	runes       []*canvas.Text
	order       []int // of the pool, for the places from the left
	placeholder *canvas.Text
	caret       *canvas.Rectangle
	objects     []fyne.CanvasObject
}

// CreateRenderer implements fyne.Widget.
func (s *Secret) CreateRenderer() fyne.WidgetRenderer {
	r := &secretRenderer{s: s, frame: newFrame(), placeholder: canvas.NewText("", color.Black),
		caret: canvas.NewRectangle(color.Black)}
	r.Refresh()
	return laidOut(r, s.Size())
}

func (r *secretRenderer) Destroy()                     {}
func (r *secretRenderer) Objects() []fyne.CanvasObject { return r.objects }

func (r *secretRenderer) MinSize() fyne.Size {
	return fyne.NewSize(12*r.s.size(), lineHeight(r.s.size()))
}

// room is the left edge and the width of what is typed.
func (r *secretRenderer) room(size fyne.Size) (left, room float32) {
	left = padding + ringWidth
	return left, size.Width - left - eyeWidth(r.s.look) - ringWidth
}

func (r *secretRenderer) Layout(size fyne.Size) {
	s := r.s
	r.frame.place(fyne.NewPos(0, 0), size)
	w := eyeWidth(s.look)
	s.eye.Move(fyne.NewPos(size.Width-w-ringWidth, ringWidth))
	s.eye.Resize(fyne.NewSize(w, size.Height-2*ringWidth))
	left, room := r.room(size)
	r.placeholder.Move(fyne.NewPos(left, 0))
	r.placeholder.Resize(fyne.NewSize(room, size.Height))
	r.fill(size)
}

// fill gives every place in view its bullet or character, and the caret its own.
func (r *secretRenderer) fill(size fyne.Size) {
	s := r.s
	n := s.Count()
	left, room := r.room(size)
	s.first, s.last = window(n, s.first, s.page.caret, max(room-caretWidth, 0), s.width)
	r.grow(s.last - s.first)
	for place, i := range r.order {
		at := s.first + place
		if at >= s.last {
			r.hide(i)
			continue
		}
		r.put(i, at, left+s.width(s.first, at), size.Height)
	}
	high := s.size() * 1.3
	r.caret.Move(fyne.NewPos(left+s.width(s.first, s.page.caret)-1, (size.Height-high)/2))
	r.caret.Resize(fyne.NewSize(caretWidth, high))
	r.placeholder.Hidden = n > 0
	r.placeholder.Text = shorten(s.placeholder, max(room, 0), s.size())
	r.placeholder.FontSource = look.Source(r.placeholder.Text, r.placeholder.TextStyle)
}

// put draws the at-th character at x with the i-th of the pool.
func (r *secretRenderer) put(i, at int, x, high float32) {
	s, bullet, text := r.s, r.bullets[i], r.runes[i]
	bullet.Hidden, text.Hidden = s.shown, !s.shown
	if !s.shown {
		text.Text = ""
		d := s.size() * 0.42
		bullet.FillColor = s.look.Palette.Ink
		bullet.Move(fyne.NewPos(x+(s.pitch()-d)/2, (high-d)/2))
		bullet.Resize(fyne.NewSquareSize(d))
		return
	}
	c := s.page.secret.Rune(at)
	text.Text, text.TextSize, text.Color = one(c), s.size(), s.look.Palette.Ink
	text.FontSource = look.Source(text.Text, text.TextStyle)
	text.Move(fyne.NewPos(x, 0))
	text.Resize(fyne.NewSize(s.runeWidth(c), high))
	text.Refresh()
}

func (r *secretRenderer) hide(i int) {
	r.bullets[i].Hidden, r.runes[i].Hidden = true, true
	r.runes[i].Text = ""
}

// poolStep is how many places the pool grows by, beside the one needed: a pool that
// grew one by one would keep the order of typing.
const poolStep = 16

func (r *secretRenderer) grow(n int) {
	if len(r.bullets) >= n && r.objects != nil {
		return
	}
	for len(r.bullets) < n+poolStep {
		r.bullets = append(r.bullets, canvas.NewCircle(color.Black))
		r.runes = append(r.runes, canvas.NewText("", color.Black))
	}
	r.order = r.s.shuffle(len(r.bullets))
	r.objects = []fyne.CanvasObject{r.frame.ring, r.frame.border, r.placeholder}
	for i := range r.bullets {
		r.objects = append(r.objects, r.bullets[i], r.runes[i])
	}
	r.objects = append(r.objects, r.caret, r.s.eye)
}

func (r *secretRenderer) Refresh() {
	s := r.s
	p := &s.look.Palette
	r.frame.paint(p, s.focused, s.failed)
	r.placeholder.Color, r.placeholder.TextSize = p.Muted, s.size()
	r.fill(s.Size())
	r.placeholder.Refresh()
	r.caret.FillColor, r.caret.Hidden = p.Accent, !s.focused
	r.caret.Refresh()
	s.eye.Refresh()
	canvas.Refresh(s)
}

// eye is the show/hide toggle inside a Secret. It is reached by Tab; touching it
// leaves the focus with the field.
type eye struct {
	box
	of *Secret
}

var (
	_ fyne.Focusable = (*eye)(nil)
	_ fyne.Tappable  = (*eye)(nil)
)

func newEye(of *Secret) *eye {
	e := &eye{box: box{look: of.look}, of: of}
	e.ExtendBaseWidget(e)
	return e
}

func eyeWidth(l *look.Look) float32 { return max(look.ButtonHeight, l.Text(40)) }

// Tapped implements fyne.Tappable.
func (e *eye) Tapped(*fyne.PointEvent) { call(e.of.ev.ToggleShown) }

// FocusGained implements fyne.Focusable.
func (e *eye) FocusGained() { e.gained(e, true) }

// FocusLost implements fyne.Focusable.
func (e *eye) FocusLost() { e.gained(e, false) }

// TypedRune implements fyne.Focusable.
func (e *eye) TypedRune(rune) {}

// TypedKey implements fyne.Focusable: Space and Return toggle.
func (e *eye) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		call(e.of.ev.ToggleShown)
	case fyne.KeyEscape:
		call(e.of.ev.Back)
	}
}

type eyeRenderer struct {
	e    *eye
	ring *canvas.Rectangle
	icon *canvas.Image
}

// CreateRenderer implements fyne.Widget.
func (e *eye) CreateRenderer() fyne.WidgetRenderer {
	r := &eyeRenderer{e, canvas.NewRectangle(color.Transparent), canvas.NewImageFromResource(nil)}
	r.icon.FillMode = canvas.ImageFillContain
	r.Refresh()
	return laidOut(r, e.Size())
}

func (r *eyeRenderer) Destroy()                     {}
func (r *eyeRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.ring, r.icon} }
func (r *eyeRenderer) MinSize() fyne.Size           { return fyne.NewSquareSize(look.TouchTarget) }

func (r *eyeRenderer) Layout(size fyne.Size) {
	r.ring.Move(fyne.NewPos(2, 2))
	r.ring.Resize(size.SubtractWidthHeight(4, 4))
	side := min(r.e.look.Text(26), size.Width, size.Height)
	r.icon.Resize(fyne.NewSquareSize(side))
	r.icon.Move(fyne.NewPos((size.Width-side)/2, (size.Height-side)/2))
}

func (r *eyeRenderer) Refresh() {
	p := &r.e.look.Palette
	icon := look.IconEye
	if r.e.of.shown {
		icon = look.IconEyeOff
	}
	r.icon.Resource = icon.Draw(p.Accent)
	r.ring.StrokeColor, r.ring.StrokeWidth, r.ring.CornerRadius = p.Focus, ringWidth, look.Grid
	r.ring.Hidden = !r.e.focused
	r.ring.Refresh()
	r.icon.Refresh()
}
