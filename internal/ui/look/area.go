package look

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// NewArea is a plain area of one colour: a line as thick as the area is high or wide.
// The toolkit's program for lines costs a third of that for rectangles per pixel where
// there is no graphics processor, and large areas are most of what a repaint costs
// (docs/decisions, "what a repaint costs"). PlaceArea gives it its place.
func NewArea(c color.Color) *canvas.Line { return canvas.NewLine(c) }

// PlaceArea puts an area at pos in size, in whole dp. The line lies along the middle of
// an even side, where both its edges fall between pixels; with two odd sides it is one
// dp higher.
func PlaceArea(l *canvas.Line, pos fyne.Position, size fyne.Size) {
	w, h := int(size.Width), int(size.Height)
	if w <= 0 || h <= 0 {
		l.StrokeWidth = 0 // draws nothing
		return
	}
	width, from, to := float32(w), pos, pos
	if h%2 == 1 && w%2 == 0 {
		from = from.AddXY(width/2, 0)
		to = from.AddXY(0, float32(h))
	} else {
		width = float32(h + h%2)
		from = from.AddXY(0, width/2)
		to = from.AddXY(float32(w), 0)
	}
	if l.StrokeWidth == width && l.Position1 == from && l.Position2 == to {
		return
	}
	l.StrokeWidth, l.Position1, l.Position2 = width, from, to
	canvas.Refresh(l)
}
