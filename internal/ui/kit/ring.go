package kit

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// Clock writes seconds as people read them on a countdown: m:ss.
func Clock(seconds int) string {
	if seconds < 0 {
		seconds = 0
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// Digits draws digits in cells of one width, so that a countdown does not dance
// whatever the font's figures are.
type Digits struct {
	panel
	look *look.Look
	text string
	base float32
	ink  Ink
}

// NewDigits is empty.
func NewDigits(l *look.Look, base float32, ink Ink) *Digits {
	d := &Digits{look: l, base: base, ink: ink}
	d.place = d.layout
	d.ExtendBaseWidget(d)
	return d
}

// Set changes what is shown.
func (d *Digits) Set(s string, ink Ink) {
	if s == d.text && ink(d.look.Palette) == d.ink(d.look.Palette) {
		return
	}
	d.text, d.ink = s, ink
	d.Relayout()
}

func (d *Digits) bold() fyne.TextStyle { return fyne.TextStyle{Bold: true} }

func (d *Digits) cell(r rune) float32 {
	if r >= '0' && r <= '9' {
		r = '0'
	}
	return fyne.MeasureText(string(r), round(d.look.Text(d.base)), d.bold()).Width
}

// Width is the width of all cells.
func (d *Digits) Width() float32 {
	var w float32
	for _, r := range d.text {
		w += d.cell(r)
	}
	return ceil(w)
}

// HeightFor is the height of a line.
func (d *Digits) HeightFor(float32) float32 { return round(d.look.Text(d.base) * titleLeading) }

func (d *Digits) layout(s fyne.Size) {
	size, runes := round(d.look.Text(d.base)), []rune(d.text)
	for len(d.objects) < len(runes) {
		d.objects = append(d.objects, canvas.NewText("", nil))
	}
	d.objects = d.objects[:len(runes)]
	x := (s.Width - d.Width()) / 2
	for i, o := range d.objects {
		t := o.(*canvas.Text)
		if ink := d.ink(d.look.Palette); t.Text != string(runes[i]) || t.TextSize != size || t.Color != ink {
			t.Text, t.TextSize, t.Color = string(runes[i]), size, ink
			t.TextStyle, t.Alignment = d.bold(), fyne.TextAlignCenter
			t.Refresh()
		}
		w := d.cell(runes[i])
		h := t.MinSize().Height
		t.Move(fyne.NewPos(x, round((s.Height-h)/2)))
		t.Resize(fyne.NewSize(w, h))
		x += w
	}
}

// Ring is a countdown: an arc that shrinks, and the time in its middle. It steps
// once a second and touches nothing else.
type Ring struct {
	panel
	look   *look.Look
	track  *canvas.Arc
	arc    *canvas.Arc
	digits *Digits
	ink    Ink
}

const (
	ringSide   = 128
	ringCutout = 0.88
)

// NewRing shows 0:00.
func NewRing(l *look.Look) *Ring {
	r := &Ring{look: l, ink: InkAccent,
		track:  canvas.NewArc(0, 360, ringCutout, color.Transparent),
		arc:    canvas.NewArc(0, 0, ringCutout, color.Transparent),
		digits: NewDigits(l, look.SizeDigits, InkText)}
	r.objects = []fyne.CanvasObject{r.track, r.arc, r.digits}
	r.place = func(s fyne.Size) {
		side := min(s.Width, s.Height)
		for _, o := range []fyne.CanvasObject{r.track, r.arc} {
			put(o, (s.Width-side)/2, (s.Height-side)/2, side, side)
		}
		put(r.digits, 0, 0, s.Width, s.Height)
	}
	r.style = func() {
		r.track.FillColor, r.arc.FillColor = faint(r.look.Palette), r.ink(r.look.Palette)
	}
	r.style()
	r.ExtendBaseWidget(r)
	return r
}

// faint is the colour of what has run out: a shape beside the arc, not alone.
func faint(p look.Palette) color.NRGBA { return p.Disabled }

// Set shows seconds of total in a colour.
func (r *Ring) Set(seconds, total int, ink Ink) {
	left := float32(0)
	if total > 0 {
		left = float32(min(max(seconds, 0), total)) / float32(total)
	}
	r.digits.Set(Clock(seconds), ink)
	// The arc runs out clockwise: what is left ends at the top.
	from := 360 * (1 - left)
	if fill := ink(r.look.Palette); r.arc.StartAngle != from || r.arc.EndAngle != 360 || r.arc.FillColor != fill {
		r.ink = ink
		r.arc.StartAngle, r.arc.EndAngle, r.arc.FillColor = from, 360, fill
		r.arc.Refresh()
	}
}

// Width and HeightFor are its side, which grows with the text.
func (r *Ring) Width() float32            { return round(r.look.Text(ringSide)) }
func (r *Ring) HeightFor(float32) float32 { return r.Width() }
