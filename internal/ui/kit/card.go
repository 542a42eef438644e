package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// Role says what must stay in view when a card does not fit.
type Role int

// The roles.
const (
	// Detail may go to a further page.
	Detail Role = iota
	// Essential is always in view on the first page: label, field, error.
	Essential
	// Action is the primary button's row: in view, the pager beside it.
	Action
)

// Part is one block of a card.
type Part struct {
	Block Block
	Gap   float32 // above it, in dp at comfortable spacing
	Role  Role
	// Pieces take its place on a card of several pages, of which the first could not hold the
	// whole of it. They show the same blocks.
	Pieces []Part
}

// Parts of a card: the head spans both columns, the aside is the second column
// where there is room for two and follows the main part where there is not, or
// comes before it.
type Parts struct {
	Head, Main, Aside []Part
	AsideFirst        bool
}

// Card is the white card of a screen. In the area it is given it takes the size
// it needs, at most 560 dp wide (two columns: 1160); when its parts do not fit it
// first sits closer, then deals them onto pages, field, error and button always
// in view on the first.
type Card struct {
	panel
	look  *look.Look
	parts Parts
	sheet *sheet
	under int               // how many of objects lie under the parts
	rule  *canvas.Rectangle // between two columns
	more  *Button
	back  *Button
	page  int
	pages int
	// folds is how much higher the area is on every page but the first; turned is told of a turn.
	folds  float32
	turned func()
}

const (
	wideCard   = 1160
	twoColumns = 940 // the narrowest area for two columns
	columnGap  = 48
)

// spacing is how closely a card's parts sit.
type spacing struct{ pad, gap float32 }

func spacings() []spacing { return []spacing{{32, 1}, {24, 0.75}, {16, 0.5}, {12, 0.25}} }

// above is the gap over a part. What stands well apart keeps a grid's distance, so that a
// button never sits on another one or on a sentence.
func (sp spacing) above(p Part) float32 {
	const apart = 12
	gap := round(p.Gap * sp.gap)
	if p.Gap >= apart {
		gap = max(gap, look.Grid)
	}
	return gap
}

// NewCard builds a card; more and back are what its pager says.
func NewCard(l *look.Look, more, back string, parts Parts) *Card {
	c := &Card{look: l, parts: parts, sheet: newSheet(l), rule: canvas.NewRectangle(nil), pages: 1}
	c.more = NewButton(l, Secondary, more, func() { c.turn(c.page + 1) })
	c.back = NewButton(l, Secondary, back, func() { c.turn(0) }).Iconic(look.IconBack)
	c.objects = append(c.sheet.objects(), c.rule)
	c.under = len(c.objects)
	for _, p := range c.all() {
		c.objects = append(c.objects, p.Block)
	}
	c.objects = append(c.objects, c.more, c.back)
	c.place, c.style = c.layout, c.restyle
	c.restyle()
	c.ExtendBaseWidget(c)
	return c
}

func (c *Card) all() []Part {
	var all []Part
	all = append(all, c.parts.Head...)
	if c.parts.AsideFirst {
		return append(append(all, c.parts.Aside...), c.parts.Main...)
	}
	return append(append(all, c.parts.Main...), c.parts.Aside...)
}

// SetMore changes what the way to the further pages says, and reports whether it changed.
func (c *Card) SetMore(label string) bool { return c.more.SetLabel(label) }

// SetRole changes what must stay in view, and reports whether it changed.
func (c *Card) SetRole(b Block, r Role) bool {
	for _, parts := range [][]Part{c.parts.Head, c.parts.Main, c.parts.Aside} {
		for i := range parts {
			if parts[i].Block == b && parts[i].Role != r {
				parts[i].Role = r
				return true
			}
		}
	}
	return false
}

// Rewind goes back to the first page.
func (c *Card) Rewind() {
	if c.page != 0 {
		c.turn(0)
	}
}

// Pages is the number of pages the last layout needed.
func (c *Card) Pages() int { return c.pages }

// Turn goes to a page, counted from 0; tests look at every one.
func (c *Card) Turn(page int) { c.turn(page) }

// Page is the one in view, counted from 0.
func (c *Card) Page() int { return c.page }

// Folds says what is folded away on every page but the first, in dp: the keyboard, where no field
// is. turned is called when the page changed, to give the card its other area.
func (c *Card) Folds(height float32, turned func()) { c.folds, c.turned = height, turned }

func (c *Card) turn(page int) {
	c.page = page
	if c.turned != nil {
		c.turned()
	}
	c.Relayout()
}

// Updated places the parts again if anything changed; setters report that.
func (c *Card) Updated(changes ...bool) {
	for _, changed := range changes {
		if changed {
			c.Relayout()
			return
		}
	}
}

// HeightFor is not known to a card: it takes the area it is given.
func (c *Card) HeightFor(float32) float32 { return 0 }

// Face is where the white card is, within its area.
func (c *Card) Face() (fyne.Position, fyne.Size) {
	a := c.sheet.area
	return fyne.NewPos(a.x, a.y), fyne.NewSize(a.w, a.h)
}

func (c *Card) restyle() {
	for _, part := range c.all() {
		part.Block.Refresh() // those of other pages too
		for _, piece := range part.Pieces {
			piece.Block.Refresh()
		}
	}
	c.sheet.style()
	c.rule.FillColor = c.sheet.border
}

// Soft is a line that parts without being read: between Line and Card.
func Soft(p look.Palette) color.NRGBA {
	mix := func(a, b uint8) uint8 { return uint8((int(a)*2 + int(b)*3) / 5) }
	return color.NRGBA{R: mix(p.Line.R, p.Card.R), G: mix(p.Line.G, p.Card.G), B: mix(p.Line.B, p.Card.B), A: 0xff}
}

// cell is a part in its place.
type cell struct {
	block      Block
	x, y, w, h float32
}

// plan is a card's layout: its size and the place of every part in view.
type plan struct {
	w, h  float32
	cells []cell
	ruleX float32 // 0: one column
	ruleY float32
}

func (c *Card) layout(area fyne.Size) {
	if area.Width <= 0 || area.Height <= 0 {
		return
	}
	p := c.plan(area)
	for _, part := range c.all() {
		// A part of another page leaves the card and with it the Tab order; whether
		// it is shown at all is the screen's to say and stays untouched.
		for _, b := range append([]Part{part}, part.Pieces...) {
			b.Block.Move(fyne.NewPos(-10000, -10000))
		}
	}
	c.objects = c.objects[:c.under]
	x, y := (area.Width-p.w)/2, max(0, (area.Height-p.h)/2)
	c.sheet.place(x, y, p.w, p.h)
	show(c.rule, p.ruleX > 0)
	put(c.rule, x+p.ruleX, y+p.ruleY, look.LineWidth, p.h-p.ruleY-24)
	for _, cl := range p.cells {
		put(cl.block, x+cl.x, y+cl.y, cl.w, cl.h)
		c.objects = append(c.objects, cl.block)
		relayout(cl.block)
	}
	canvas.Refresh(c)
}

// plan finds the most comfortable layout that fits the area; whether it takes pages is a matter
// of the first one's.
func (c *Card) plan(area fyne.Size) plan {
	later := area.Height + c.folds
	if c.page > 0 {
		area.Height, later = area.Height-c.folds, area.Height
	}
	for _, sp := range spacings() {
		if len(c.parts.Aside) > 0 && area.Width >= twoColumns && c.anyVisible(c.parts.Aside) {
			if p := c.columns(sp, min(wideCard, area.Width-2*look.Grid)); p.h <= area.Height {
				c.page, c.pages = 0, 1
				return p
			}
		}
		if p := c.single(sp, c.width(area, false)); p.h <= area.Height {
			c.page, c.pages = 0, 1
			return p
		}
	}
	tight := spacings()[len(spacings())-1]
	if p := c.single(tight, c.width(area, true)); p.h <= area.Height {
		c.page, c.pages = 0, 1
		return p
	}
	return c.paged(c.width(area, true), area.Height, later)
}

// width is the card's for one column: it grows with the text, so that a line
// keeps its number of words.
func (c *Card) width(area fyne.Size, wide bool) float32 {
	most := round(min(c.look.Text(look.CardWidth), 760))
	if wide {
		most = wideCard
	}
	return min(most, area.Width-2*look.Grid)
}

func (c *Card) anyVisible(parts []Part) bool {
	for _, p := range parts {
		if p.Block.Visible() {
			return true
		}
	}
	return false
}

// stack places parts below one another from y on and returns the end.
func stack(p *plan, parts []Part, sp spacing, x, y, w float32) float32 {
	first := true
	for _, part := range parts {
		if !part.Block.Visible() {
			continue
		}
		h := part.Block.HeightFor(w)
		if h <= 0 {
			continue
		}
		if !first {
			y += sp.above(part)
		}
		first = false
		p.cells = append(p.cells, cell{part.Block, x, y, w, h})
		y += h
	}
	return y
}

func (c *Card) single(sp spacing, width float32) plan {
	p := plan{w: width}
	p.h = stack(&p, c.all(), sp, sp.pad, sp.pad, width-2*sp.pad) + sp.pad
	return p
}

func (c *Card) columns(sp spacing, width float32) plan {
	p := plan{w: width}
	y := stack(&p, c.parts.Head, sp, sp.pad, sp.pad, width-2*sp.pad)
	if y > sp.pad {
		y += round(20 * sp.gap)
	}
	w := round((width - 2*sp.pad - columnGap) / 2)
	left := stack(&p, c.parts.Main, sp, sp.pad, y, w)
	right := stack(&p, c.parts.Aside, sp, sp.pad+w+columnGap, y, w)
	p.h = max(left, right) + sp.pad
	p.ruleX, p.ruleY = sp.pad+w+columnGap/2, y
	return p
}
