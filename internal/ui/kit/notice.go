package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"

	"portillon/internal/ui/look"
)

// Notice is a sentence with an icon before it, so that its meaning is not left
// to the colour. A reserved one keeps a line's room while it says nothing:
// nothing moves when it speaks.
type Notice struct {
	panel
	look     *look.Look
	icon     *Icon
	text     *Text
	reserved bool
	short    bool
}

// NewNotice is a silent notice of a base text size.
func NewNotice(l *look.Look, icon look.Icon, ink Ink, base float32) *Notice {
	n := &Notice{look: l, icon: NewIcon(l, icon, ink, base+4), text: NewText(l, base, ink)}
	n.objects = []fyne.CanvasObject{n.icon, n.text}
	n.place = n.layout
	n.icon.Hide()
	n.ExtendBaseWidget(n)
	return n
}

// NewError is the error line beside a field.
func NewError(l *look.Look) *Notice {
	return NewNotice(l, look.IconError, InkError, look.SizeBody).Reserved()
}

// Say is Set, for building.
func (n *Notice) Say(s string) *Notice { n.Set(s); return n }

// Reserved keeps a line's room while nothing is said, for building.
func (n *Notice) Reserved() *Notice { n.reserved = true; return n }

// Set changes what is said, and reports whether it changed.
func (n *Notice) Set(s string) bool {
	if !n.text.Set(s) {
		return false
	}
	show(n.icon, s != "")
	n.Relayout()
	return true
}

// Tick is Set for what changes every second; see Text.Tick.
func (n *Notice) Tick(s string) bool {
	if n.text.Text() == "" {
		return n.Set(s)
	}
	return n.text.Tick(s)
}

// SetIcon changes icon and colour.
func (n *Notice) SetIcon(icon look.Icon, ink Ink) {
	n.icon.Set(icon, ink)
	n.text.SetInk(ink)
}

// Short leaves the icon alone to speak, where there is no room for words.
func (n *Notice) Short(on bool) {
	n.short = on
	show(n.text, !on)
}

// Text is what is said.
func (n *Notice) Text() string { return n.text.Text() }

func (n *Notice) indent() float32 { return n.icon.Side() + look.Grid }

// Width is the width of the sentence on one line, with its icon.
func (n *Notice) Width() float32 {
	if n.short {
		return n.icon.Side()
	}
	return n.indent() + n.text.Width()
}

// HeightFor is the height of the sentence, or of the room reserved for it.
func (n *Notice) HeightFor(width float32) float32 {
	switch {
	case n.text.Text() == "" && !n.reserved:
		return 0
	case n.short:
		return n.text.LineHeight()
	}
	return max(n.text.LineHeight(), n.text.HeightFor(width-n.indent()))
}

func (n *Notice) layout(s fyne.Size) {
	side := n.icon.Side()
	put(n.icon, 0, (n.text.LineHeight()-side)/2, side, side)
	put(n.text, n.indent(), 0, s.Width-n.indent(), s.Height)
}

// Check is a box to tick with a sentence and small print. The whole of it is
// the target.
type Check struct {
	panel
	look    *look.Look
	box     *canvas.Rectangle
	ring    *canvas.Rectangle
	mark    *Icon
	label   *Text
	hint    *Text
	act     func()
	leave   func()
	ticked  bool
	hovered bool
	focused bool
}

// NewCheck is an unticked box; act asks for the other state, which comes by Set.
func NewCheck(l *look.Look, label, hint string, act, leave func()) *Check {
	c := &Check{look: l, act: act, leave: leave,
		box: canvas.NewRectangle(nil), ring: canvas.NewRectangle(nil),
		mark:  NewIcon(l, look.IconCheck, InkOnAccent, 20),
		label: NewBody(l, label), hint: NewSmall(l, hint)}
	c.objects = []fyne.CanvasObject{c.ring, c.box, c.mark, c.label, c.hint}
	c.mark.Hide()
	c.place, c.style = c.layout, c.restyle
	c.restyle()
	c.ExtendBaseWidget(c)
	return c
}

// Set ticks or clears the box, and reports whether it changed.
func (c *Check) Set(ticked bool) bool {
	if c.ticked == ticked {
		return false
	}
	c.ticked = ticked
	show(c.mark, ticked)
	c.Refresh()
	return true
}

func (c *Check) side() float32   { return round(c.look.Text(26)) }
func (c *Check) indent() float32 { return c.side() + 12 }

// HeightFor is 48 dp, or the height of the words.
func (c *Check) HeightFor(width float32) float32 {
	w := width - c.indent()
	return max(look.TouchTarget, c.label.HeightFor(w)+c.hint.HeightFor(w))
}

func (c *Check) layout(s fyne.Size) {
	const out = look.FocusWidth + 1
	w := s.Width - c.indent()
	lh, hh := c.label.HeightFor(w), c.hint.HeightFor(w)
	y := (s.Height - lh - hh) / 2
	put(c.label, c.indent(), y, w, lh)
	put(c.hint, c.indent(), y+lh, w, hh)
	top := y + (c.label.LineHeight()-c.side())/2
	put(c.box, 0, top, c.side(), c.side())
	put(c.ring, -out, top-out, c.side()+2*out, c.side()+2*out)
	put(c.mark, (c.side()-c.mark.Side())/2, top+(c.side()-c.mark.Side())/2, c.mark.Side(), c.mark.Side())
}

func (c *Check) restyle() {
	p := c.look.Palette
	c.box.CornerRadius, c.box.StrokeWidth = 6, 2
	c.ring.CornerRadius, c.ring.StrokeWidth = 6+look.FocusWidth+1, look.FocusWidth
	c.box.FillColor, c.box.StrokeColor = p.Card, p.Muted
	if c.hovered {
		c.box.StrokeColor = p.Accent
	}
	if c.ticked {
		c.box.FillColor, c.box.StrokeColor = p.Accent, p.Accent
	}
	c.ring.FillColor, c.ring.StrokeColor = color.NRGBA{}, color.NRGBA{}
	if c.focused {
		c.ring.StrokeColor = p.Focus
	}
	c.ring.Hidden = !c.focused
}

func (c *Check) setState(flag *bool, on bool) {
	if *flag != on {
		*flag = on
		c.Refresh()
	}
}

// Tapped implements fyne.Tappable.
func (c *Check) Tapped(*fyne.PointEvent) { c.act() }

// MouseIn, MouseMoved and MouseOut implement desktop.Hoverable.
func (c *Check) MouseIn(*desktop.MouseEvent)    { c.setState(&c.hovered, true) }
func (c *Check) MouseMoved(*desktop.MouseEvent) {}
func (c *Check) MouseOut()                      { c.setState(&c.hovered, false) }

// FocusGained, FocusLost, TypedRune and TypedKey implement fyne.Focusable.
func (c *Check) FocusGained()   { c.setState(&c.focused, true) }
func (c *Check) FocusLost()     { c.setState(&c.focused, false) }
func (c *Check) TypedRune(rune) {}
func (c *Check) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		c.act()
	case fyne.KeyEscape:
		c.leave()
	}
}
