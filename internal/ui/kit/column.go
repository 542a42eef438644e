package kit

import (
	"fyne.io/fyne/v2"

	"portillon/internal/ui/look"
)

// Column places blocks below one another, hidden and empty ones left out.
type Column struct {
	panel
	gap    float32
	blocks []Block
}

// NewColumn places blocks gap dp apart.
func NewColumn(gap float32, blocks ...Block) *Column {
	c := &Column{gap: gap, blocks: blocks}
	for _, b := range blocks {
		c.objects = append(c.objects, b)
	}
	c.place = c.layout
	c.ExtendBaseWidget(c)
	return c
}

// HeightFor is the height of all blocks and the gaps between.
func (c *Column) HeightFor(width float32) float32 {
	var h float32
	for _, b := range c.blocks {
		if bh := b.HeightFor(width); b.Visible() && bh > 0 {
			if h > 0 {
				h += c.gap
			}
			h += bh
		}
	}
	return h
}

func (c *Column) layout(s fyne.Size) {
	var y float32
	for _, b := range c.blocks {
		h := b.HeightFor(s.Width)
		if !b.Visible() {
			continue
		}
		put(b, 0, y, s.Width, h)
		relayout(b)
		if h > 0 {
			y += h + c.gap
		}
	}
}

// relayout places what a block holds again: its size may be the same while
// something in it changed.
func relayout(b fyne.CanvasObject) {
	if r, ok := b.(interface{ Relayout() }); ok {
		r.Relayout()
	}
}

// Row places blocks beside one another at their natural widths, the ones that
// Fill sharing what is left; where they do not fit, it stacks them.
type Row struct {
	panel
	gap    float32
	blocks []Natural
	fill   map[int]bool
}

// NewRow places blocks gap dp apart, and fill (indices) stretch.
func NewRow(gap float32, blocks []Natural, fill ...int) *Row {
	r := &Row{gap: gap, blocks: blocks, fill: map[int]bool{}}
	for _, b := range blocks {
		r.objects = append(r.objects, b)
	}
	for _, i := range fill {
		r.fill[i] = true
	}
	r.place = r.layout
	r.ExtendBaseWidget(r)
	return r
}

// Width is the width that stacks nothing.
func (r *Row) Width() float32 {
	var w float32
	for _, b := range r.blocks {
		if b.Visible() {
			if w > 0 {
				w += r.gap
			}
			w += b.Width()
		}
	}
	return w
}

// widths is each block's width within width; nil where they do not fit.
func (r *Row) widths(width float32) []float32 {
	natural := r.Width()
	if natural > width {
		return nil
	}
	stretch := 0
	for i, b := range r.blocks {
		if r.fill[i] && b.Visible() {
			stretch++
		}
	}
	out := make([]float32, len(r.blocks))
	for i, b := range r.blocks {
		out[i] = b.Width()
		if r.fill[i] && b.Visible() {
			out[i] += (width - natural) / float32(stretch)
		}
	}
	return out
}

// HeightFor is the tallest block's height, or the stack's.
func (r *Row) HeightFor(width float32) float32 {
	widths := r.widths(width)
	var h float32
	for i, b := range r.blocks {
		switch {
		case !b.Visible():
		case widths != nil:
			h = max(h, b.HeightFor(widths[i]))
		default:
			if h > 0 {
				h += look.Grid
			}
			h += b.HeightFor(width)
		}
	}
	return h
}

func (r *Row) layout(s fyne.Size) {
	widths := r.widths(s.Width)
	var x, y float32
	for i, b := range r.blocks {
		if !b.Visible() {
			continue
		}
		if widths == nil {
			h := b.HeightFor(s.Width)
			put(b, 0, y, s.Width, h)
			y += h + look.Grid
		} else {
			h := b.HeightFor(widths[i])
			put(b, x, (s.Height-h)/2, widths[i], h)
			x += widths[i] + r.gap
		}
		relayout(b)
	}
}

// Space is a Natural that takes what is left of a Row.
type Space struct{ panel }

// NewSpace is an empty stretch, for a Row's fill.
func NewSpace() *Space {
	s := &Space{}
	s.place = func(fyne.Size) {}
	s.ExtendBaseWidget(s)
	return s
}

// HeightFor and Width are nothing.
func (s *Space) HeightFor(float32) float32 { return 0 }
func (s *Space) Width() float32            { return 0 }

// Fill makes a block that wraps a member of a Row: it asks for least dp, at
// 100 %, and stretches.
type Fill struct {
	panel
	look  *look.Look
	block Block
	least float32
}

// NewFill wraps b.
func NewFill(l *look.Look, b Block, least float32) *Fill {
	f := &Fill{look: l, block: b, least: least}
	f.objects = []fyne.CanvasObject{b}
	f.place = func(s fyne.Size) { put(b, 0, 0, s.Width, s.Height); relayout(b) }
	f.ExtendBaseWidget(f)
	return f
}

// Width is the least width.
func (f *Fill) Width() float32 { return round(f.look.Text(f.least)) }

// HeightFor is the block's.
func (f *Fill) HeightFor(width float32) float32 { return f.block.HeightFor(width) }

// Pair is two lines of text above one another in a Row.
type Pair struct {
	panel
	upper, lower *Text
}

// NewPair is upper over lower; hidden ones take no room.
func NewPair(upper, lower *Text) *Pair {
	p := &Pair{upper: upper, lower: lower}
	p.objects = []fyne.CanvasObject{upper, lower}
	p.place = func(s fyne.Size) {
		var y float32
		for _, t := range []*Text{upper, lower} {
			if t.Visible() {
				put(t, 0, y, s.Width, t.LineHeight())
				y += t.LineHeight()
			}
		}
	}
	p.ExtendBaseWidget(p)
	return p
}

// Width is the wider line's.
func (p *Pair) Width() float32 {
	var w float32
	for _, t := range []*Text{p.upper, p.lower} {
		if t.Visible() {
			w = max(w, t.Width())
		}
	}
	return w
}

// HeightFor is both lines.
func (p *Pair) HeightFor(float32) float32 {
	var h float32
	for _, t := range []*Text{p.upper, p.lower} {
		if t.Visible() {
			h += t.LineHeight()
		}
	}
	return h
}
