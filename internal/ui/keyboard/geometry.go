package keyboard

import "fyne.io/fyne/v2"

// Sizes in dp.
const (
	target     = 48 // the least a key measures
	gapLeast   = 4
	gapMost    = 8
	rowMost    = 66 // a key need not be higher
	padKeyWide = 148
	padKeyHigh = 88
	popupCell  = 56
)

// rect is a key's place.
type rect struct{ x, y, w, h float32 }

func (r rect) pos() fyne.Position { return fyne.NewPos(r.x, r.y) }
func (r rect) size() fyne.Size    { return fyne.NewSize(r.w, r.h) }
func (r rect) center() fyne.Position {
	return fyne.NewPos(r.x+r.w/2, r.y+r.h/2)
}

// distance is the square of how far p is from the rectangle; 0 inside.
func (r rect) distance(p fyne.Position) float32 {
	dx := max(r.x-p.X, 0, p.X-(r.x+r.w))
	dy := max(r.y-p.Y, 0, p.Y-(r.y+r.h))
	return dx*dx + dy*dy
}

// placed is a key and its place.
type placed struct {
	key
	rect
}

// widest is the number of units of the widest row.
func widest(rows []row) float32 {
	var units float32
	for _, r := range rows {
		var w float32
		for _, k := range r {
			w += k.width
		}
		units = max(units, w)
	}
	return units
}

// place fills size with the rows, a gap between all and around. A pad is kept to
// a size a thumb spans, in the middle.
func place(rows []row, size fyne.Size, pad bool) []placed {
	if len(rows) == 0 || size.Width <= 0 || size.Height <= 0 {
		return nil
	}
	units, n := widest(rows), float32(len(rows))
	origin := fyne.NewPos(0, 0)
	if pad {
		w, h := min(size.Width, padKeyWide*units), min(size.Height, padKeyHigh*n)
		origin = fyne.NewPos((size.Width-w)/2, (size.Height-h)/2)
		size = fyne.NewSize(w, h)
	}
	// A tenth of a row, but not where the keys would be less than they must be.
	gap := min(size.Height/n*0.1, (size.Height-target*n)/(n+1))
	gap = min(max(gap, gapLeast), gapMost)
	high := (size.Height - gap) / n
	unit := (size.Width - gap) / units
	var out []placed
	for i, r := range rows {
		x := origin.X + gap
		for _, k := range r {
			at := rect{x, origin.Y + gap + float32(i)*high, k.width*unit - gap, high - gap}
			if k.tall {
				at.h += high
			}
			out = append(out, placed{k, at})
			x += k.width * unit
		}
	}
	return out
}

// nearest is the key under p, or the one closest to it; -1 where there is none.
func nearest(keys []placed, p fyne.Position) int {
	best, at := float32(0), -1
	for i := range keys {
		if d := keys[i].distance(p); at < 0 || d < best {
			best, at = d, i
		}
	}
	return at
}
