package field

import (
	"math/rand/v2"

	"fyne.io/fyne/v2"

	"portillon/internal/identity"
	"portillon/internal/ui/look"
)

// MaxSecret is how many characters a password may have.
const MaxSecret = 128

// Secret keeps a password in a locked page and draws bullets.
type Secret struct {
	box
	page        page
	shown       bool
	first, last int // the characters in view
	placeholder string
	eye         *eye
	widths      map[rune]float32 // of characters at widthsAt dp
	widthsAt    float32
	shuffle     func(n int) []int // a permutation of 0 … n-1
}

var (
	_ fyne.Focusable = (*Secret)(nil)
	_ fyne.Tappable  = (*Secret)(nil)
)

// NewSecret fails where the kernel grants no locked page.
func NewSecret(l *look.Look, ev Events) (*Secret, error) {
	p, err := newPage(MaxSecret)
	if err != nil {
		return nil, err
	}
	s := &Secret{box: box{look: l, ev: ev}, page: p, shuffle: rand.Perm}
	s.eye = newEye(s)
	s.ExtendBaseWidget(s)
	return s, nil
}

// Rune types r at the caret. What is not to be typed, and what no longer fits, is
// Refused.
func (s *Secret) Rune(r rune) {
	if !typeable(r) {
		s.page.last = -1
		tell(s.ev.Refused, r)
		return
	}
	if !s.page.insert(r) {
		tell(s.ev.Refused, r)
		return
	}
	s.changed()
}

// Replace turns the character typed last into r, if it is old and nothing has
// happened since (keyboard.Output).
func (s *Secret) Replace(old, r rune) {
	if typeable(r) && s.page.replace(old, r) {
		s.changed()
	}
}

// Backspace deletes before the caret.
func (s *Secret) Backspace() {
	if s.page.delete(-1) {
		s.changed()
	}
}

func (s *Secret) changed() {
	s.Refresh()
	tell(s.ev.Typed, s.Count())
}

// Wipe empties the field, zeroes its page and hides what is typed next.
func (s *Secret) Wipe() {
	s.page.wipe()
	s.shown = false
	s.Refresh()
}

// Close wipes, and gives the page back; the field takes nothing any more.
func (s *Secret) Close() {
	s.Wipe()
	s.page.secret.Close()
}

// Count is the number of characters held.
func (s *Secret) Count() int { return s.page.secret.Runes() }

// Secret is a copy in a page of its own, for the caller to wipe. It fails where the
// kernel grants no locked page.
func (s *Secret) Secret() (*identity.Secret, error) { return s.page.secret.Clone() }

// SetShown shows characters instead of bullets.
func (s *Secret) SetShown(shown bool) {
	if s.shown != shown {
		s.shown = shown
		s.Refresh()
	}
}

// SetPlaceholder is what an empty field shows.
func (s *Secret) SetPlaceholder(t string) {
	if s.placeholder != t {
		s.placeholder = t
		s.Refresh()
	}
}

// SetError draws the field's border as an error.
func (s *Secret) SetError(on bool) { s.setError(s, on) }

// FocusGained implements fyne.Focusable.
func (s *Secret) FocusGained() { s.gained(s, true) }

// FocusLost implements fyne.Focusable.
func (s *Secret) FocusLost() { s.gained(s, false) }

// TypedRune implements fyne.Focusable: a hardware key.
func (s *Secret) TypedRune(r rune) { s.Rune(r) }

// TypedKey implements fyne.Focusable: a hardware key.
func (s *Secret) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		call(s.ev.Submit)
	case fyne.KeyEscape:
		call(s.ev.Back)
	default:
		if changed, ok := s.page.edit(k.Name); changed {
			s.changed()
		} else if ok {
			s.Refresh()
		}
	}
}

// edit does what the editing keys do; ok is false for any other key.
func (p *page) edit(k fyne.KeyName) (changed, ok bool) {
	switch k {
	case fyne.KeyBackspace:
		return p.delete(-1), true
	case fyne.KeyDelete:
		return p.delete(0), true
	case fyne.KeyLeft:
		p.move(p.caret - 1)
	case fyne.KeyRight:
		p.move(p.caret + 1)
	case fyne.KeyHome:
		p.move(0)
	case fyne.KeyEnd:
		p.move(p.secret.Runes())
	default:
		return false, false
	}
	return false, true
}

// Tapped implements fyne.Tappable: the caret goes where the finger is.
func (s *Secret) Tapped(p *fyne.PointEvent) {
	focus(s)
	s.page.move(closest(s.first, s.last, p.Position.X-padding-ringWidth, s.width))
	s.Refresh()
}

func (s *Secret) size() float32 { return s.look.Text(look.SizeBody) }

// pitch is the room a bullet takes.
func (s *Secret) pitch() float32 { return s.size() * 0.72 }

// width is that of the characters [a, b) as they are drawn, one by one.
func (s *Secret) width(a, b int) float32 {
	if !s.shown {
		return float32(max(b-a, 0)) * s.pitch()
	}
	var w float32
	for ; a < b; a++ {
		w += s.runeWidth(s.page.secret.Rune(a))
	}
	return w
}

// runeWidth is looked up in a table that was measured in the order of the alphabet:
// each measurement leaves a rune in memory, and one after the other in the order of
// the password they would spell it.
func (s *Secret) runeWidth(r rune) float32 {
	measure := func(r rune) float32 { return look.Measure(one(r), s.size(), fyne.TextStyle{}).Width }
	if s.widthsAt != s.size() {
		s.widths, s.widthsAt = map[rune]float32{}, s.size()
		for c := ' '; c <= '~'; c++ {
			s.widths[c] = measure(c)
		}
		for _, c := range drawable {
			s.widths[c] = measure(c)
		}
	}
	if w, ok := s.widths[r]; ok {
		return w
	}
	return measure(r)
}
