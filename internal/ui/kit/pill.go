package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// Pill is a short sentence on a colour: «Démonstration», the time of a running
// code, the warning that the screen is about to empty itself. It can be touched
// where it has something to do.
type Pill struct {
	panel
	look *look.Look
	face *canvas.Rectangle
	icon *Icon
	text *Text
	fill Ink
	act  func()
}

// NewPill is empty; act may be nil.
func NewPill(l *look.Look, icon look.Icon, fill Ink, act func()) *Pill {
	p := &Pill{look: l, fill: fill, act: act, face: canvas.NewRectangle(nil),
		icon: NewIcon(l, icon, InkOnAccent, look.SizeBody),
		text: NewText(l, look.SizeSmall, InkOnAccent).Bold()}
	p.objects = []fyne.CanvasObject{p.face, p.icon, p.text}
	p.place = func(s fyne.Size) {
		put(p.face, 0, 0, s.Width, s.Height)
		side := p.icon.Side()
		w := min(p.text.Width(), s.Width-side-look.Grid*3)
		x, h := (s.Width-w-side-look.Grid)/2, p.text.HeightFor(w)
		put(p.icon, x, (s.Height-side)/2, side, side)
		put(p.text, x+side+look.Grid, (s.Height-h)/2, w, h)
	}
	p.style = func() {
		p.face.FillColor = p.fill(l.Palette)
		p.face.CornerRadius = look.Corner
	}
	p.style()
	p.ExtendBaseWidget(p)
	return p
}

// Say is Set, for building.
func (p *Pill) Say(s string) *Pill { p.Set(s); return p }

// Big sets the sentence in the size of ordinary text, for building.
func (p *Pill) Big() *Pill { p.text.SetBase(look.SizeBody); return p }

// Set changes what is said, and reports whether its width may have changed.
func (p *Pill) Set(s string) bool {
	before := len(p.text.Text())
	changed := p.text.Set(s)
	if changed {
		p.Relayout()
	}
	return changed && before != len(s)
}

// Width is the width of the sentence, its icon and padding.
func (p *Pill) Width() float32 { return p.text.Width() + p.icon.Side() + look.Grid*3.5 }

// HeightFor is one line with its padding.
func (p *Pill) HeightFor(width float32) float32 {
	return p.text.HeightFor(width-p.icon.Side()-look.Grid*3) + look.Grid
}

// Tapped implements fyne.Tappable.
func (p *Pill) Tapped(*fyne.PointEvent) {
	if p.act != nil {
		p.act()
	}
}

// Ground is what lies under everything and takes the touches nothing else wants. It
// draws nothing: the window is cleared to the colour of the ground, and the keyboard
// brings its own. It is a Focusable that never has the focus: the GLFW driver takes
// the focus from a field at any click that meets none.
type Ground struct {
	panel
	touched func()
}

// NewGround calls touched for every touch of it.
func NewGround(touched func()) *Ground {
	g := &Ground{touched: touched}
	g.place = func(fyne.Size) {}
	g.ExtendBaseWidget(g)
	return g
}

// Tapped implements fyne.Tappable.
func (g *Ground) Tapped(*fyne.PointEvent) { g.touched() }

// Disabled implements fyne.Disableable: always, so Tab passes by.
func (g *Ground) Disabled() bool { return true }

// Enable, Disable and the methods of fyne.Focusable have nothing to do.
func (g *Ground) Enable()                 {}
func (g *Ground) Disable()                {}
func (g *Ground) FocusGained()            {}
func (g *Ground) FocusLost()              {}
func (g *Ground) TypedRune(rune)          {}
func (g *Ground) TypedKey(*fyne.KeyEvent) {}
