package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"

	"portillon/internal/ui/look"
)

// Rank is how much a button asks for attention.
type Rank int

// The ranks: one Primary a screen, Secondary beside it, Quiet for the rest; Tool
// is for the window's own bar.
const (
	Primary Rank = iota
	Secondary
	Quiet
	Tool
)

// Button acts when a finger is lifted inside it; sliding off cancels (WCAG 2.5.2),
// which is what Fyne's Tapped means. Return and Space act too. Its label wraps.
type Button struct {
	panel
	look     *look.Look
	rank     Rank
	label    *Text
	icon     *Icon
	act      func()
	leave    func() // Escape
	face     *canvas.Rectangle
	ring     *canvas.Rectangle
	under    *canvas.Rectangle // what makes a Quiet button look like one
	hovered  bool
	pressed  bool
	focused  bool
	disabled bool
}

// NewButton is a button that says label and calls act.
func NewButton(l *look.Look, rank Rank, label string, act func()) *Button {
	b := &Button{look: l, rank: rank, act: act,
		face: canvas.NewRectangle(nil), ring: canvas.NewRectangle(nil), under: canvas.NewRectangle(nil)}
	b.label = NewText(l, look.SizeBody, InkText).Bold().Centered().Say(label)
	b.objects = []fyne.CanvasObject{b.ring, b.face, b.under, b.label}
	b.place, b.panel.style = b.layout, b.restyle
	b.restyle()
	b.ExtendBaseWidget(b)
	return b
}

// Iconic puts an icon before the label, for building.
func (b *Button) Iconic(icon look.Icon) *Button {
	b.icon = NewIcon(b.look, icon, InkAccent, 22)
	b.objects = append(b.objects, b.icon)
	b.restyle()
	return b
}

// Leaving calls f for Escape, for building.
func (b *Button) Leaving(f func()) *Button { b.leave = f; return b }

// Do changes what the button does.
func (b *Button) Do(act func()) { b.act = act }

// SetLabel changes the label and reports whether it changed.
func (b *Button) SetLabel(s string) bool { return b.label.Set(s) && b.relaid() }

func (b *Button) relaid() bool { b.Relayout(); return true }

// Label is what the button says.
func (b *Button) Label() string { return b.label.Text() }

// Rank is how much the button asks for attention now.
func (b *Button) Rank() Rank { return b.rank }

// SetRank changes how much the button asks for attention.
func (b *Button) SetRank(r Rank) {
	if r != b.rank {
		b.rank = r
		b.Refresh()
	}
}

// Disable makes the button wait; it stays in its place and legible.
func (b *Button) Disable() { b.setDisabled(true) }

// Enable ends Disable.
func (b *Button) Enable() { b.setDisabled(false) }

// SetEnabled is Enable or Disable.
func (b *Button) SetEnabled(on bool) { b.setDisabled(!on) }

func (b *Button) setDisabled(d bool) {
	if b.disabled != d {
		b.disabled, b.pressed = d, false
		b.Refresh()
	}
}

// Disabled implements fyne.Disableable.
func (b *Button) Disabled() bool { return b.disabled }

const buttonPad = 20

func (b *Button) pad() float32 {
	switch b.rank {
	case Quiet:
		return 0 // it stands in line with text
	case Tool:
		return 12
	case Primary, Secondary:
	}
	return buttonPad
}

func (b *Button) iconWidth() float32 {
	if b.icon == nil {
		return 0
	}
	return b.icon.Side() + look.Grid
}

// Width is the width of the label on one line with its padding.
func (b *Button) Width() float32 { return b.label.Width() + b.iconWidth() + 2*b.pad() }

// HeightFor is 56 dp, or more where the label needs it; Quiet buttons are 48.
func (b *Button) HeightFor(width float32) float32 {
	least := float32(look.ButtonHeight)
	if b.rank == Quiet || b.rank == Tool {
		return max(look.TouchTarget, b.label.HeightFor(width-2*b.pad()-b.iconWidth())+8)
	}
	return max(least, b.label.HeightFor(width-2*b.pad()-b.iconWidth())+20)
}

func (b *Button) layout(s fyne.Size) {
	const out = look.FocusWidth + 1
	put(b.face, 0, 0, s.Width, s.Height)
	put(b.ring, -out, -out, s.Width+2*out, s.Height+2*out)
	inner := s.Width - 2*b.pad() - b.iconWidth()
	text := min(b.label.Width(), inner)
	h := b.label.HeightFor(inner)
	x := (s.Width - b.iconWidth() - text) / 2
	if b.rank == Quiet {
		x = 0
	}
	if b.icon != nil {
		put(b.icon, x, (s.Height-b.icon.Side())/2, b.icon.Side(), b.icon.Side())
	}
	put(b.label, x+b.iconWidth(), (s.Height-h)/2-1, text, h) // capitals sit low in a line
	put(b.under, x+b.iconWidth(), (s.Height+h)/2, text, 1)
}

// restyle takes the state's colours. Every state differs in shape too: focus has
// a ring, pressed a thicker border, disabled a border and no fill.
func (b *Button) restyle() {
	p := b.look.Palette
	clear := color.NRGBA{}
	fill, border, width, ink := p.Card, p.Accent, float32(2), Ink(InkAccent)
	switch b.rank {
	case Primary:
		fill, border, ink = p.Accent, p.Accent, InkOnAccent
	case Secondary:
	case Quiet:
		fill, border, width = clear, clear, 0
	case Tool:
		border, width, ink = p.Line, look.LineWidth, InkText
	}
	under := clear
	if b.rank == Quiet {
		under = p.Accent
	}
	switch {
	case b.disabled:
		fill, border, width, ink, under = p.Disabled, p.Disabled, 0, InkDisabled, clear
	case b.pressed && b.rank == Primary:
		fill, border, width = p.AccentPressed, p.AccentPressed, 2
	case b.pressed:
		fill, border, width, ink = p.AccentPressed, p.AccentPressed, 2, InkOnAccent
	case b.hovered && b.rank == Primary:
		fill, border = p.AccentHover, p.AccentHover
	case b.hovered:
		border, width, ink = p.AccentHover, 2, func(p look.Palette) color.NRGBA { return p.AccentHover }
	}
	b.face.FillColor, b.face.StrokeColor, b.face.StrokeWidth = fill, border, width
	b.face.CornerRadius, b.ring.CornerRadius = look.Corner, look.Corner+look.FocusWidth+1
	b.under.FillColor = under
	b.ring.FillColor, b.ring.StrokeColor, b.ring.StrokeWidth = clear, clear, look.FocusWidth
	if b.focused && !b.disabled {
		b.ring.StrokeColor = p.Focus
	}
	b.label.SetInk(ink)
	if b.icon != nil {
		b.icon.Set(b.icon.icon, ink)
	}
}

func (b *Button) setState(flag *bool, on bool) {
	if *flag != on {
		*flag = on
		b.Refresh()
	}
}

// Tapped implements fyne.Tappable.
func (b *Button) Tapped(*fyne.PointEvent) {
	b.setState(&b.pressed, false)
	if !b.disabled && b.act != nil {
		b.act()
	}
}

// MouseDown, MouseUp, MouseIn, MouseMoved and MouseOut implement
// desktop.Mouseable and desktop.Hoverable: what is seen, not what is done.
func (b *Button) MouseDown(*desktop.MouseEvent)  { b.setState(&b.pressed, !b.disabled) }
func (b *Button) MouseUp(*desktop.MouseEvent)    { b.setState(&b.pressed, false) }
func (b *Button) MouseIn(*desktop.MouseEvent)    { b.setState(&b.hovered, true) }
func (b *Button) MouseMoved(*desktop.MouseEvent) {}
func (b *Button) MouseOut() {
	b.setState(&b.hovered, false)
	b.setState(&b.pressed, false)
}

// FocusGained and FocusLost implement fyne.Focusable.
func (b *Button) FocusGained() { b.setState(&b.focused, true) }
func (b *Button) FocusLost()   { b.setState(&b.focused, false) }

// TypedRune implements fyne.Focusable; letters are not for a button.
func (b *Button) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (b *Button) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		b.Tapped(nil)
	case fyne.KeyEscape:
		if b.leave != nil {
			b.leave()
		}
	}
}
