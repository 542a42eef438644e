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

// Ring is a countdown: an arc that shrinks, and the time in its middle. It steps
// once a second and touches nothing else.
type Ring struct {
	panel
	look   *look.Look
	track  *canvas.Arc
	arc    *canvas.Arc
	digits *Text
	ink    Ink
}

const (
	ringSide   = 128
	ringCutout = 0.88
	ringGrowth = 1.25
)

// NewRing shows 0:00.
func NewRing(l *look.Look) *Ring {
	r := &Ring{look: l, ink: InkAccent,
		track:  canvas.NewArc(0, 360, ringCutout, color.Transparent),
		arc:    canvas.NewArc(0, 0, ringCutout, color.Transparent),
		digits: NewText(l, look.SizeDigits, InkText).Centered()}
	r.digits.style = look.Digits() // they do not dance
	r.objects = []fyne.CanvasObject{r.track, r.arc, r.digits}
	r.place = func(s fyne.Size) {
		side := min(s.Width, s.Height)
		for _, o := range []fyne.CanvasObject{r.track, r.arc} {
			put(o, (s.Width-side)/2, (s.Height-side)/2, side, side)
		}
		h := r.digits.LineHeight()
		put(r.digits, 0, (s.Height-h)/2, s.Width, h)
	}
	r.style = func() {
		r.digits.base = float32(look.SizeDigits) * min(1, ringGrowth*100/float32(l.Percent))
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
	r.digits.SetInk(ink)
	r.digits.Set(Clock(seconds))
	// The arc runs out clockwise: what is left ends at the top.
	from := 360 * (1 - left)
	if fill := ink(r.look.Palette); r.arc.StartAngle != from || r.arc.EndAngle != 360 || r.arc.FillColor != fill {
		r.ink = ink
		r.arc.StartAngle, r.arc.EndAngle, r.arc.FillColor = from, 360, fill
		r.arc.Refresh()
	}
}

// Width and HeightFor are its side. It grows with its digits, which are large
// at 100 % already: less than the text does.
func (r *Ring) Width() float32            { return round(ringSide * r.look.Text(r.digits.base) / look.SizeDigits) }
func (r *Ring) HeightFor(float32) float32 { return r.Width() }
