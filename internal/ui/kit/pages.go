package kit

import "portillon/internal/ui/look"

// sized is a part with its height at the page's width.
type sized struct {
	part Part
	h    float32
	page int
}

// paged deals the parts onto pages, of which the first has another height than those that
// follow. The first keeps every Essential and the Action, then as many Details, in reading
// order, as there is room for. They sit as comfortably as their page allows.
func (c *Card) paged(width, first, later float32) plan {
	tight := spacings()[len(spacings())-1]
	inner := width - 2*tight.pad
	all := c.measured(tight, inner)
	c.pages = deal(all, tight, first-2*tight.pad, later-2*tight.pad, c.pagerHeight(inner))
	c.page = min(max(c.page, 0), c.pages-1)
	height := first
	if c.page > 0 {
		height = later
	}
	for _, sp := range spacings() {
		if p := c.onPage(all, sp, width); p.h <= height {
			return p
		}
	}
	return c.onPage(all, tight, width)
}

// onPage places the parts of the present page.
func (c *Card) onPage(all []sized, sp spacing, width float32) plan {
	inner := width - 2*sp.pad
	p := plan{w: width}
	y := sp.pad
	actionDone := false
	for _, s := range all {
		if s.page != c.page {
			continue
		}
		if y > sp.pad {
			y += sp.above(s.part)
		}
		w := inner
		if s.part.Role == Action && !actionDone {
			actionDone = true
			w = inner - c.more.Width() - 2*look.Grid
			p.cells = append(p.cells, cell{c.more, sp.pad + w + 2*look.Grid, y, c.more.Width(), c.more.HeightFor(c.more.Width())})
		}
		h := s.part.Block.HeightFor(w)
		p.cells = append(p.cells, cell{s.part.Block, sp.pad, y, w, h})
		y += h
	}
	if c.page > 0 || !actionDone {
		y = c.pager(&p, sp, y, actionDone)
	}
	p.h = y + sp.pad
	return p
}

// pager is the row at the foot of a page that has no Action to stand beside.
func (c *Card) pager(p *plan, sp spacing, y float32, actionDone bool) float32 {
	x := sp.pad
	y += round(16 * max(sp.gap, 0.5))
	h := c.pagerHeight(p.w)
	if c.page > 0 {
		p.cells = append(p.cells, cell{c.back, x, y, c.back.Width(), h})
		x += c.back.Width() + 2*look.Grid
	}
	if c.page < c.pages-1 && !actionDone {
		p.cells = append(p.cells, cell{c.more, x, y, c.more.Width(), h})
	}
	return y + h
}

func (c *Card) pagerHeight(width float32) float32 {
	return max(c.more.HeightFor(c.more.Width()), c.back.HeightFor(min(width, c.back.Width())))
}

// measured is every part in view with its height, unassigned (page -1).
func (c *Card) measured(sp spacing, inner float32) []sized {
	var all []sized
	var parts []Part
	for _, part := range c.all() {
		if len(part.Pieces) > 0 && part.Block.Visible() {
			parts = append(parts, part.Pieces...)
			continue
		}
		parts = append(parts, part)
	}
	for _, part := range parts {
		if !part.Block.Visible() {
			continue
		}
		w := inner
		if part.Role == Action {
			w -= c.more.Width() + 2*look.Grid
		}
		if h := part.Block.HeightFor(w); h > 0 {
			all = append(all, sized{part: part, h: h, page: -1})
		}
	}
	return all
}

// deal gives every part its page and returns how many there are.
func deal(all []sized, sp spacing, room, later, pager float32) int {
	gap := func(s sized) float32 { return sp.above(s.part) }
	var used float32
	action := false
	for i, s := range all {
		if s.part.Role != Detail {
			all[i].page = 0
			used += s.h + gap(s)
			action = action || s.part.Role == Action
		}
	}
	if !action {
		room -= pager + 8
	}
	i := 0
	for ; i < len(all); i++ {
		s := all[i]
		if s.page == 0 {
			continue
		}
		if used+s.h+gap(s) > room {
			break
		}
		all[i].page = 0
		used += s.h + gap(s)
	}
	page, left := 0, float32(0)
	for ; i < len(all); i++ {
		s := all[i]
		if s.page == 0 {
			continue
		}
		if page == 0 || s.h+gap(s) > left {
			page, left = page+1, later-pager-8
		}
		all[i].page = page
		left -= s.h + gap(s)
	}
	return page + 1
}
