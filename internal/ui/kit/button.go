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

// dress is what a button looks like in one state.
type dress struct {
	fill, border, under color.NRGBA
	width               float32
	ink                 Ink
}

// calm is how a rank looks when nothing happens to it.
func (b *Button) calm() dress {
	p := b.look.Palette
	switch b.rank {
	case Primary:
		return dress{fill: p.Accent, border: p.Accent, width: 2, ink: InkOnAccent}
	case Quiet:
		return dress{under: p.Accent, ink: InkAccent}
	case Tool:
		return dress{fill: p.Card, border: p.Line, width: look.LineWidth, ink: InkText}
	case Secondary:
	}
	return dress{fill: p.Card, border: p.Accent, width: 2, ink: InkAccent}
}

// dressed is how the button looks now. States differ in shape too: focus has a
// ring, disabled has no border.
func (b *Button) dressed() dress {
	p, d := b.look.Palette, b.calm()
	switch {
	case b.disabled:
		return dress{fill: p.Disabled, border: p.Disabled, ink: InkDisabled}
	case b.pressed:
		return dress{fill: p.AccentPressed, border: p.AccentPressed, width: 2, ink: InkOnAccent}
	case b.hovered && b.rank == Primary:
		d.fill, d.border = p.AccentHover, p.AccentHover
	case b.hovered:
		d.border, d.width = p.AccentHover, 2
		d.ink = func(p look.Palette) color.NRGBA { return p.AccentHover }
	}
	return d
}

// restyle takes the state's colours from the look.
func (b *Button) restyle() {
	d, p := b.dressed(), b.look.Palette
	b.face.FillColor, b.face.StrokeColor, b.face.StrokeWidth = d.fill, d.border, d.width
	b.face.CornerRadius, b.ring.CornerRadius = look.Corner, look.Corner+look.FocusWidth+1
	b.under.FillColor = d.under
	b.ring.FillColor, b.ring.StrokeColor, b.ring.StrokeWidth = color.NRGBA{}, color.NRGBA{}, look.FocusWidth
	if b.focused && !b.disabled {
		b.ring.StrokeColor = p.Focus
	}
	// What is clear must be hidden: the toolkit draws it like anything else.
	clear := color.NRGBA{}
	b.face.Hidden, b.under.Hidden, b.ring.Hidden = d.fill == clear, d.under == clear, b.ring.StrokeColor == clear
	b.label.SetInk(d.ink)
	if b.icon != nil {
		b.icon.Set(b.icon.icon, d.ink)
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
