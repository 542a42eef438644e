package guard

import (
	"slices"

	"github.com/jezek/xgb/xproto"
)

// look puts right whatever is wrong, and reports whether all was well.
//
// A request may fail because a window has gone, or moved, since it was asked for: then
// something was wrong, and there is another look.
func (g *Guard) look() (well bool) {
	if g.standsAside() {
		return true
	}
	tree, err := xproto.QueryTree(g.c, g.root).Reply()
	if err != nil {
		return false
	}
	self, err := xproto.QueryTree(g.c, g.window).Reply()
	if err != nil {
		return false
	}
	if self.Parent != g.root {
		g.tell(Incident{Kind: Taken, Window: uint32(self.Parent)})
		xproto.ReparentWindow(g.c, g.window, g.root, 0, 0)
		xproto.MapWindow(g.c, g.window) // reparenting keeps what is mapped so; a save-set does not
		return false
	}
	well = g.evict(self.Children)
	well = g.stand() && well
	well = g.front(tree.Children) && well
	well = g.focus() && well
	return g.alone() && well
}

// evict takes away windows that others made within ours.
func (g *Guard) evict(children []xproto.Window) bool {
	well := true
	for _, w := range children {
		if g.own(w) {
			continue
		}
		if a, err := xproto.GetWindowAttributes(g.c, w).Reply(); err != nil || a.MapState == xproto.MapStateUnmapped {
			continue // gone, or not to be met
		}
		g.tell(Incident{Kind: Inside, Window: uint32(w)})
		xproto.UnmapWindow(g.c, w)
		g.again(w)
		well = false
	}
	return well
}

// own: the window was made by the toolkit's connection or the window manager's, or is known.
func (g *Guard) own(w xproto.Window) bool {
	return g.sameClient(w, g.window) || g.sameClient(w, g.manager) || g.ours[w]
}

func (g *Guard) sameClient(a, b xproto.Window) bool { return uint32(a)&^g.mask == uint32(b)&^g.mask }

// shows: the window is there, and not beside the display. One that only takes input is as bad as
// one that shows something.
func (g *Guard) shows(w xproto.Window) bool {
	a, err := xproto.GetWindowAttributes(g.c, w).Reply()
	if err != nil || a.MapState != xproto.MapStateViewable {
		return false
	}
	all, err := xproto.GetGeometry(g.c, xproto.Drawable(g.root)).Reply()
	if err != nil {
		return true
	}
	at, err := xproto.GetGeometry(g.c, xproto.Drawable(w)).Reply()
	if err != nil {
		return false
	}
	x, y, border := int(at.X), int(at.Y), 2*int(at.BorderWidth)
	return x < int(all.Width) && y < int(all.Height) && x+int(at.Width)+border > 0 && y+int(at.Height)+border > 0
}

// stand maps our window and gives it the whole display: all outputs, so that none shows
// anything else.
func (g *Guard) stand() bool {
	well := true
	if a, err := xproto.GetWindowAttributes(g.c, g.window).Reply(); err != nil {
		return false
	} else if a.MapState == xproto.MapStateUnmapped {
		g.tell(Incident{Kind: Hidden})
		xproto.MapWindow(g.c, g.window)
		well = false
	}
	all, err := xproto.GetGeometry(g.c, xproto.Drawable(g.root)).Reply()
	if err != nil {
		return false
	}
	now, err := xproto.GetGeometry(g.c, xproto.Drawable(g.window)).Reply()
	if err != nil {
		return false
	}
	if now.X != 0 || now.Y != 0 || now.BorderWidth != 0 || now.Width != all.Width || now.Height != all.Height {
		g.tell(Incident{Kind: Moved})
		xproto.ConfigureWindow(g.c, g.window, xproto.ConfigWindowX|xproto.ConfigWindowY|xproto.ConfigWindowWidth|
			xproto.ConfigWindowHeight|xproto.ConfigWindowBorderWidth, []uint32{0, 0, uint32(all.Width), uint32(all.Height), 0})
		well = false
	}
	return well
}

// front raises our window above everybody else's; the server lists them from the lowest up.
func (g *Guard) front(tops []xproto.Window) bool {
	well := true
	for _, w := range slices.Backward(tops) {
		if w == g.window {
			break
		}
		if g.own(w) || !g.shows(w) {
			continue
		}
		g.tell(Incident{Kind: Covered, Window: uint32(w)})
		g.again(w)
		well = false
	}
	if !well {
		xproto.ConfigureWindow(g.c, g.window, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeAbove})
	}
	return well
}

// again counts how often a window was where it should not be. A client that does not
// take the hint is disconnected; none that belongs on the display does so.
func (g *Guard) again(w xproto.Window) {
	g.fronts[w]++
	if g.fronts[w] < frontsMost {
		return
	}
	delete(g.fronts, w)
	g.tell(Incident{Kind: Fought, Window: uint32(w)})
	xproto.KillClient(g.c, uint32(w))
}

// focus takes the keyboard back.
func (g *Guard) focus() bool {
	f, err := xproto.GetInputFocus(g.c).Reply()
	if err != nil {
		return false
	}
	// A window manager has a window of its own for when nobody should have the keyboard.
	if f.Focus == g.window || f.Focus > xproto.InputFocusPointerRoot && g.manager != 0 && g.sameClient(f.Focus, g.manager) {
		return true
	}
	// At the start nobody has it, and keys go to the window under the pointer.
	if f.Focus > xproto.InputFocusPointerRoot {
		g.tell(Incident{Kind: Focus, Window: uint32(f.Focus)})
	}
	xproto.SetInputFocus(g.c, xproto.InputFocusPointerRoot, g.window, xproto.TimeCurrentTime)
	return false
}
