// Package kit holds the building blocks of the screens: wrapped text, buttons,
// lines with an icon, the countdown ring, the QR code, and the card that deals
// all of them onto pages when they do not fit.
//
// internal/ui and internal/ui/screen call it; it knows Fyne and the look, no
// login. Everything runs on the UI goroutine.
//
// Fyne lays out from minimum sizes and knows no height for a width, which
// wrapped text needs at 200 %. Blocks therefore tell their height for a width
// (HeightFor), and the containers here place them; their MinSize says nothing.
package kit

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"portillon/internal/ui/look"
)

// Block is an object whose height depends on its width.
type Block interface {
	fyne.CanvasObject
	// HeightFor is the height wanted at a width, in whole dp.
	HeightFor(width float32) float32
}

// Natural is a Block that has a width of its own, for a Row.
type Natural interface {
	Block
	// Width is the width that breaks no line.
	Width() float32
}

// Ink picks a colour, so that a block follows a change of palette.
type Ink func(look.Palette) color.NRGBA

// The colours of text and shapes.
func InkText(p look.Palette) color.NRGBA     { return p.Ink }
func InkMuted(p look.Palette) color.NRGBA    { return p.Muted }
func InkAccent(p look.Palette) color.NRGBA   { return p.Accent }
func InkOnAccent(p look.Palette) color.NRGBA { return p.OnAccent }
func InkOK(p look.Palette) color.NRGBA       { return p.OK }
func InkWarning(p look.Palette) color.NRGBA  { return p.Warning }
func InkError(p look.Palette) color.NRGBA    { return p.Error }
func InkDisabled(p look.Palette) color.NRGBA { return p.OnDisabled }

// panel is what every block is made of: objects, a way to place them in a size,
// and a way to take colours and sizes from the look again.
type panel struct {
	widget.BaseWidget
	objects []fyne.CanvasObject
	place   func(fyne.Size)
	style   func()
}

// CreateRenderer implements fyne.Widget.
func (p *panel) CreateRenderer() fyne.WidgetRenderer { return panelRenderer{p} }

// Relayout places the objects again in the present size: what they hold changed.
func (p *panel) Relayout() {
	if p.place != nil && !p.Size().IsZero() {
		p.place(p.Size())
	}
}

type panelRenderer struct{ p *panel }

func (r panelRenderer) Layout(s fyne.Size)           { r.p.place(s) }
func (r panelRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r panelRenderer) Objects() []fyne.CanvasObject { return r.p.objects }
func (r panelRenderer) Destroy()                     {}

// Refresh restyles the whole tree below: it is how a new palette or text size
// arrives. What changes every second goes around it, by setters.
func (r panelRenderer) Refresh() {
	if r.p.style != nil {
		r.p.style()
	}
	for _, o := range r.p.objects {
		o.Refresh()
	}
	r.p.Relayout()
}

// put gives an object its place, on whole dp so that lines stay crisp.
func put(o fyne.CanvasObject, x, y, w, h float32) {
	o.Move(fyne.NewPos(round(x), round(y)))
	o.Resize(fyne.NewSize(round(w), round(h)))
}

func round(v float32) float32 { return float32(math.Round(float64(v))) }
func ceil(v float32) float32  { return float32(math.Ceil(float64(v))) }

// show makes visibility follow on, and reports whether it changed.
func show(o fyne.CanvasObject, on bool) bool {
	if o.Visible() == on {
		return false
	}
	if on {
		o.Show()
	} else {
		o.Hide()
	}
	return true
}

// Show makes visibility follow on, and reports whether it changed.
func Show(o fyne.CanvasObject, on bool) bool { return show(o, on) }

// Fixed makes a Block of an object that knows its smallest size by itself.
type Fixed struct {
	panel
	object fyne.CanvasObject
}

// NewFixed wraps o.
func NewFixed(o fyne.CanvasObject) *Fixed {
	f := &Fixed{object: o}
	f.objects = []fyne.CanvasObject{o}
	f.place = func(s fyne.Size) { put(o, 0, 0, s.Width, s.Height) }
	f.ExtendBaseWidget(f)
	return f
}

// HeightFor is the object's smallest height.
func (f *Fixed) HeightFor(float32) float32 { return ceil(f.object.MinSize().Height) }

// Icon is one of the house's drawings in a colour of the palette.
type Icon struct {
	panel
	look  *look.Look
	image *canvas.Image
	icon  look.Icon
	ink   Ink
	base  float32
	drawn drawn
}

// drawn is what an Icon's picture was made of.
type drawn struct {
	icon   look.Icon
	colour color.NRGBA
	size   fyne.Size
	pixels int // its side on the window; 0: in none yet
}

// NewIcon draws icon in a square of base dp, which grows with the text.
func NewIcon(l *look.Look, icon look.Icon, ink Ink, base float32) *Icon {
	i := &Icon{look: l, icon: icon, ink: ink, base: base, image: canvas.NewImageFromResource(nil)}
	i.image.FillMode = canvas.ImageFillContain
	i.objects = []fyne.CanvasObject{i.image}
	i.place = i.draw
	i.ExtendBaseWidget(i)
	return i
}

// CreateRenderer implements fyne.Widget.
func (i *Icon) CreateRenderer() fyne.WidgetRenderer { return iconRenderer{panelRenderer{&i.panel}, i} }

type iconRenderer struct {
	panelRenderer
	i *Icon
}

func (r iconRenderer) Refresh() { r.i.Relayout() }

// draw makes the picture where it differs from the one there is. The toolkit would read the drawing
// anew at each Refresh, also for a line of a list that says nothing yet: a hundred times before the
// first screen.
func (i *Icon) draw(s fyne.Size) {
	now := drawn{icon: i.icon, colour: i.ink(i.look.Palette), size: fyne.NewSize(round(s.Width), round(s.Height))}
	if c := fyne.CurrentApp().Driver().CanvasForObject(i.image); c != nil {
		now.pixels, _ = c.PixelCoordinateForPosition(fyne.NewPos(now.size.Width, 0))
	}
	if now == i.drawn {
		return
	}
	grown := now.size != i.drawn.size
	i.drawn = now
	i.image.Resource = now.icon.Draw(now.colour)
	put(i.image, 0, 0, s.Width, s.Height) // where that changes the size, it refreshes the picture
	if !grown {
		i.image.Refresh()
	}
}

// Set changes the drawing and its colour.
func (i *Icon) Set(icon look.Icon, ink Ink) {
	if i.icon == icon && ink(i.look.Palette) == i.ink(i.look.Palette) {
		return
	}
	i.icon, i.ink = icon, ink
	i.Refresh()
}

// Side is its side at the present text size.
func (i *Icon) Side() float32 { return round(i.look.Text(i.base)) }

// HeightFor is Side.
func (i *Icon) HeightFor(float32) float32 { return i.Side() }

// Width is Side.
func (i *Icon) Width() float32 { return i.Side() }
