package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// Line is one line of a list: an icon, a name, what became of it on the right,
// and small print below.
type Line struct {
	panel
	look   *look.Look
	icon   *Icon
	name   *Text
	result *Text
	below  *Text
}

// NewLine is empty.
func NewLine(l *look.Look) *Line {
	n := &Line{look: l,
		icon:   NewIcon(l, look.IconClock, InkMuted, look.SizeBody+4),
		name:   NewText(l, look.SizeBody, InkText).Bold(),
		result: NewText(l, look.SizeBody, InkMuted),
		below:  NewText(l, look.SizeSmall, InkMuted)}
	n.objects = []fyne.CanvasObject{n.icon, n.name, n.result, n.below}
	n.place = n.layout
	n.ExtendBaseWidget(n)
	return n
}

// Set changes everything and reports whether anything changed.
func (n *Line) Set(icon look.Icon, ink Ink, name, result, below string) bool {
	n.icon.Set(icon, ink)
	n.result.SetInk(ink)
	changed := n.name.Set(name)
	changed = n.result.Set(result) || changed
	return n.below.Set(below) || changed
}

func (n *Line) indent() float32 { return n.icon.Side() + look.Grid*1.5 }

// beside reports whether name and result share a line.
func (n *Line) beside(width float32) bool {
	return n.name.Width()+look.Grid*2+n.result.Width() <= width-n.indent()
}

// HeightFor is one line, two where the result does not fit beside the name, and
// the small print.
func (n *Line) HeightFor(width float32) float32 {
	w := width - n.indent()
	h := n.name.HeightFor(w)
	if !n.beside(width) {
		h += n.result.HeightFor(w)
	}
	return h + n.below.HeightFor(w)
}

func (n *Line) layout(s fyne.Size) {
	w, x := s.Width-n.indent(), n.indent()
	put(n.icon, 0, (n.name.LineHeight()-n.icon.Side())/2, n.icon.Side(), n.icon.Side())
	nh := n.name.HeightFor(w)
	put(n.name, x, 0, w, nh)
	if n.beside(s.Width) {
		rw := n.result.Width()
		put(n.name, x, 0, w-rw-look.Grid, nh)
		put(n.result, s.Width-rw, 0, rw, n.result.HeightFor(rw))
	} else {
		rh := n.result.HeightFor(w)
		put(n.result, x, nh, w, rh)
		nh += rh
	}
	put(n.below, x, nh, w, n.below.HeightFor(w))
}

// Step is a numbered sentence.
type Step struct {
	panel
	look   *look.Look
	disc   *canvas.Circle
	number *Text
	text   *Text
}

// NewStep is step n, saying s.
func NewStep(l *look.Look, n, s string) *Step {
	st := &Step{look: l, disc: canvas.NewCircle(nil),
		number: NewText(l, look.SizeSmall, InkOnAccent).Bold().Centered().Say(n), text: NewBody(l, s)}
	st.objects = []fyne.CanvasObject{st.disc, st.number, st.text}
	st.place = func(s fyne.Size) {
		side := st.side()
		put(st.disc, 0, 0, side, side)
		h := st.number.HeightFor(side)
		put(st.number, 0, (side-h)/2, side, h)
		w := s.Width - st.indent()
		th := st.text.HeightFor(w)
		put(st.text, st.indent(), (max(side, st.text.LineHeight())-st.text.LineHeight())/2, w, th)
	}
	st.style = func() { st.disc.FillColor = l.Palette.Accent }
	st.style()
	st.ExtendBaseWidget(st)
	return st
}

// Set changes the sentence, and reports whether it changed.
func (s *Step) Set(text string) bool {
	if !s.text.Set(text) {
		return false
	}
	s.Relayout()
	return true
}

func (s *Step) side() float32   { return round(s.look.Text(28)) }
func (s *Step) indent() float32 { return s.side() + 12 }

// HeightFor is the height of the sentence, at least of the number.
func (s *Step) HeightFor(width float32) float32 {
	extra := (max(s.side(), s.text.LineHeight()) - s.text.LineHeight()) / 2
	return max(s.side(), s.text.HeightFor(width-s.indent())+round(extra))
}
