package kit

import (
	"image"
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// sheet is the white of a card with its border, its round corners and its shadow.
// It is drawn as a plain area and four strips around it, which are painted once: as
// rounded rectangles over one another its shadow cost more than all that is on it.
type sheet struct {
	look   *look.Look
	inside *canvas.Line
	strips [4]*canvas.Raster // top, bottom, left, right
	bounds [4]region
	area   region // the white
	fill   color.NRGBA
	border color.NRGBA
	shade  color.NRGBA
}

// region is a place in dp.
type region struct{ x, y, w, h float32 }

const (
	shades     = 3
	shadeGrow  = 2 // each layer of the shadow is this much larger all around
	shadeFalls = 3 // and all of them are lower by this
	// The strips reach as far out as the shadow and its soft edge, and as far in as the
	// corner and the border.
	sheetOut = shades*shadeGrow + shadeFalls + 2
	sheetIn  = look.Corner + 4
	sheetBar = 2
)

func newSheet(l *look.Look) *sheet {
	s := &sheet{look: l, inside: look.NewArea(color.Transparent)}
	for i := range s.strips {
		s.strips[i] = canvas.NewRaster(func(w, h int) image.Image { return s.paint(s.bounds[i], w, h) })
	}
	return s
}

func (s *sheet) objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{s.inside}
	for _, o := range s.strips {
		out = append(out, o)
	}
	return out
}

// style takes the colours; place must follow.
func (s *sheet) style() {
	p := s.look.Palette
	s.fill, s.border, s.shade = p.Card, Soft(p), p.Ink
	s.shade.A = 0x08
	if p.Card == p.Ground { // high contrast: lines alone
		s.border, s.shade.A = p.Line, 0
	}
	s.inside.StrokeColor = s.fill
	for _, o := range s.strips {
		o.Refresh()
	}
}

// place gives the white its place.
func (s *sheet) place(x, y, w, h float32) {
	x, y, w, h = round(x), round(y), round(w), round(h)
	grown := s.area.w != w || s.area.h != h
	s.area = region{x, y, w, h}
	wide := w + 2*sheetOut
	s.bounds = [4]region{
		{x - sheetOut, y - sheetOut, wide, sheetOut + sheetIn},
		{x - sheetOut, y + h - sheetIn, wide, sheetIn + sheetOut},
		{x - sheetOut, y + sheetIn, sheetOut + sheetBar, h - 2*sheetIn},
		{x + w - sheetBar, y + sheetIn, sheetBar + sheetOut, h - 2*sheetIn},
	}
	look.PlaceArea(s.inside, fyne.NewPos(x+sheetBar, y+sheetIn), fyne.NewSize(w-2*sheetBar, h-2*sheetIn))
	for i, o := range s.strips {
		b := s.bounds[i]
		put(o, b.x, b.y, b.w, b.h)
		if grown {
			o.Refresh() // a strip of the same size shows another part
		}
	}
}

// paint draws the part of the sheet within b in w by h pixels.
func (s *sheet) paint(b region, w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	if b.w <= 0 || b.h <= 0 {
		return img
	}
	scale := float32(w) / b.w
	// Away from the corners a row is of one colour, and a column too.
	const round = sheetOut + sheetIn
	even := func(v, from, size float32) bool { return v > from+round && v < from+size-round }
	for y := range h {
		py := b.y + (float32(y)+0.5)/scale
		same := y > 0 && even(py, s.area.y, s.area.h) && even(py-1/scale, s.area.y, s.area.h)
		if same {
			copy(img.Pix[y*img.Stride:(y+1)*img.Stride], img.Pix[(y-1)*img.Stride:])
			continue
		}
		for x := range w {
			px := b.x + (float32(x)+0.5)/scale
			if x > 0 && even(px, s.area.x, s.area.w) && even(px-1/scale, s.area.x, s.area.w) {
				img.SetRGBA(x, y, img.RGBAAt(x-1, y))
				continue
			}
			img.SetRGBA(x, y, s.at(px, py, scale))
		}
	}
	return img
}

// at is the colour of a point: the layers of the shadow, then the face with its
// border. The edges are as soft as the toolkit draws them.
func (s *sheet) at(x, y, scale float32) color.RGBA {
	var under premultiplied
	if s.shade.A > 0 {
		for i := range shades {
			grow := float32(i+1) * shadeGrow
			r := region{s.area.x - grow, s.area.y - grow + shadeFalls, s.area.w + 2*grow, s.area.h + 2*grow}
			under = under.over(s.shade, 1-step(-1, 1, r.distance(x, y, look.Corner+float32(i)*2)*scale))
		}
	}
	const half = look.LineWidth / 2.0
	middle := region{s.area.x + half, s.area.y + half, s.area.w - 2*half, s.area.h - 2*half} // of the border
	d := middle.distance(x, y, look.Corner-half) * scale
	color, edge := s.fill, step(-half*scale-1, -half*scale+1, d)
	color.R, color.G, color.B = blend(s.fill.R, s.border.R, edge), blend(s.fill.G, s.border.G, edge), blend(s.fill.B, s.border.B, edge)
	return under.over(color, 1-step(half*scale-1, half*scale+1, d)).rgba()
}

// distance is how far a point is outside of the rounded rectangle; negative within.
func (r region) distance(x, y, radius float32) float32 {
	dx := abs(x-r.x-r.w/2) - r.w/2 + radius
	dy := abs(y-r.y-r.h/2) - r.h/2 + radius
	out := math.Hypot(float64(max(dx, 0)), float64(max(dy, 0)))
	return min(max(dx, dy), 0) + float32(out) - radius
}

func abs(v float32) float32 { return max(v, -v) }

// step goes smoothly from 0 at a to 1 at b.
func step(a, b, v float32) float32 {
	t := min(max((v-a)/(b-a), 0), 1)
	return t * t * (3 - 2*t)
}

func blend(a, b uint8, t float32) uint8 { return uint8(float32(a) + (float32(b)-float32(a))*t + 0.5) }

// premultiplied is a colour, 0 to 1, times its own opacity.
type premultiplied struct{ r, g, b, a float32 }

// over lays a colour with some more transparency on top.
func (p premultiplied) over(c color.NRGBA, opacity float32) premultiplied {
	a := float32(c.A) / 255 * opacity
	lay := func(under float32, c uint8) float32 { return float32(c)/255*a + under*(1-a) }
	return premultiplied{lay(p.r, c.R), lay(p.g, c.G), lay(p.b, c.B), a + p.a*(1-a)}
}

func (p premultiplied) rgba() color.RGBA {
	u := func(v float32) uint8 { return uint8(v*255 + 0.5) }
	return color.RGBA{R: u(p.r), G: u(p.g), B: u(p.b), A: u(p.a)}
}
