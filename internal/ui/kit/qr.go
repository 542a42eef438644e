package kit

import (
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/skip2/go-qrcode"

	"portillon/internal/ui/look"
)

// QR is an address as a QR code, drawn dark on white in whole pixels whatever
// the palette: phones read it best so.
type QR struct {
	panel
	frame  *canvas.Rectangle // makes the quiet zone part of the drawing
	raster *canvas.Raster
	side   float32
	uri    string
	bits   [][]bool
}

// NewQR is empty; side is the most that the drawing may take in dp, without its frame.
func NewQR(l *look.Look, side float32) *QR {
	q := &QR{side: side, frame: canvas.NewRectangle(color.White)}
	q.frame.CornerRadius, q.frame.StrokeWidth = look.Corner, look.LineWidth
	q.raster = canvas.NewRaster(q.draw)
	q.raster.ScaleMode = canvas.ImageScalePixels
	q.objects = []fyne.CanvasObject{q.frame, q.raster}
	q.place = func(s fyne.Size) {
		side := min(s.Width, s.Height)
		put(q.frame, 0, 0, side, side)
		put(q.raster, qrInset, qrInset, side-2*qrInset, side-2*qrInset)
	}
	q.style = func() { q.frame.StrokeColor = Soft(l.Palette) }
	q.style()
	q.ExtendBaseWidget(q)
	return q
}

// qrInset leaves the frame's line and its round corners around the drawing, whose own margin
// is white.
const qrInset = 4

// qrLong is a text that takes more than an address does, in bytes.
const qrLong = 256

// Set encodes uri and reports whether it changed. What cannot be encoded (empty,
// or too long for a code) hides the drawing: the address stands beside it in
// words.
func (q *QR) Set(uri string) bool {
	if uri == q.uri {
		return false
	}
	q.uri, q.bits = uri, nil
	level := qrcode.Medium
	if len(uri) > qrLong {
		level = qrcode.Low // larger modules: a screen has no scratches
	}
	code, err := qrcode.New(uri, level)
	if err == nil && uri != "" {
		q.bits = code.Bitmap() // with the quiet zone of four modules
	}
	show(q, q.bits != nil)
	q.raster.Refresh()
	return true
}

// draw fills w×h pixels, each module a whole number of them.
func (q *QR) draw(w, h int) image.Image {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	if len(q.bits) == 0 || w < len(q.bits) || h < len(q.bits) {
		return img
	}
	k := min(w, h) / len(q.bits)
	off := (min(w, h) - k*len(q.bits)) / 2
	for y, row := range q.bits {
		for x, dark := range row {
			if !dark {
				continue
			}
			for dy := range k {
				for dx := range k {
					img.SetGray(off+x*k+dx, off+y*k+dy, color.Gray{Y: 0x14})
				}
			}
		}
	}
	return img
}

// Width and HeightFor are the side of its modules with the frame, not of what is left over.
func (q *QR) Width() float32 {
	side := q.side
	if n := len(q.bits); n > 0 && n <= int(side) {
		side = float32(int(side) / n * n)
	}
	return side + 2*qrInset
}

func (q *QR) HeightFor(width float32) float32 {
	return min(q.Width(), width)
}
