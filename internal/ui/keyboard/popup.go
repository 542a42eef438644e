package keyboard

import "fyne.io/fyne/v2"

const nobody = -1 << 31

// popup is the row of accents above a key that is held. It belongs to the
// finger that opened it until that is lifted, then to whoever touches it.
type popup struct {
	owner  int
	old    rune   // what the key typed
	offers []rune // one a cell
	rect          // relative to the keyboard; may reach above it
	chosen int    // cell under the finger; -1: none
}

// cell is the place of the i-th cell.
func (p *popup) cell(i int) rect {
	w := (p.w - 2*gapLeast) / float32(len(p.offers))
	return rect{p.x + gapLeast + float32(i)*w, p.y + gapLeast, w, p.h - 2*gapLeast}
}

// at is the cell under pos, -1 outside the popup.
func (p *popup) at(pos fyne.Position) int {
	if p.distance(pos) > 0 {
		return -1
	}
	for i := range p.offers {
		if c := p.cell(i); pos.X < c.x+c.w {
			return i
		}
	}
	return len(p.offers) - 1
}

// openPopup is called when a finger has stayed. Nothing is chosen yet: a slow
// finger that lets go has typed what the key says, and can still touch an accent.
func (k *Keyboard) openPopup(id int, f *finger, offers []rune) {
	if k.fingers[id] != f || f.stop == nil || f.key < 0 {
		return
	}
	f.stop = nil
	key := k.keys[f.key]
	w := float32(len(offers))*popupCell + 2*gapLeast
	h := max(key.h, popupCell) + 2*gapLeast
	x := min(max(key.x+key.w/2-w/2, gapLeast), max(k.Size().Width-w-gapLeast, gapLeast))
	k.popup = &popup{owner: id, old: f.typed, offers: offers, chosen: -1,
		rect: rect{x, key.y - h - gapLeast, w, h}}
	k.paintPopup()
}

func (k *Keyboard) hover(i int) {
	if i == k.popup.chosen {
		return
	}
	k.popup.chosen = i
	k.paintPopup()
}

func (k *Keyboard) choose(i int) {
	old, r := k.popup.old, k.popup.offers[i]
	k.closePopup()
	k.out.Replace(old, r)
}

func (k *Keyboard) closePopup() {
	if k.popup == nil {
		return
	}
	k.popup = nil
	k.paintPopup()
}
