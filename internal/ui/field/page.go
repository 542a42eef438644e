package field

import (
	"strings"

	"portillon/internal/identity"
)

// page is an edited secret: the locked bytes, the caret, and where the character
// typed last stands.
type page struct {
	secret *identity.Secret
	caret  int
	most   int // characters
	last   int // index of the rune that insert put in last; -1: something else happened since
}

func newPage(most int) (page, error) {
	s, err := identity.NewSecret()
	return page{secret: s, most: most, last: -1}, err
}

// insert puts r at the caret and reports whether there was room.
func (p *page) insert(r rune) bool {
	p.last = -1
	if p.secret.Runes() >= p.most || p.secret.Insert(p.caret, r) != nil {
		return false // ErrSecretFull is the only way for a valid rune
	}
	p.last = p.caret
	p.caret++
	return true
}

// replace turns the rune typed last, if it is old, into r.
func (p *page) replace(old, r rune) bool {
	i := p.last
	if i < 0 || p.secret.Rune(i) != old {
		return false
	}
	p.secret.Delete(i)
	p.caret = i
	return p.insert(r)
}

// delete removes the rune d places from the caret (-1: before it, 0: after it).
func (p *page) delete(d int) bool {
	p.last = -1
	i := p.caret + d
	if i < 0 || i >= p.secret.Runes() {
		return false
	}
	p.secret.Delete(i)
	p.caret = i
	return true
}

// move puts the caret before the i-th rune, as near as there is one.
func (p *page) move(i int) {
	p.last = -1
	p.caret = min(max(i, 0), p.secret.Runes())
}

func (p *page) wipe() {
	p.secret.Wipe()
	p.caret, p.last = 0, -1
}

// drawable are the characters beyond ASCII that the keyboard types, in one constant.
const drawable = "¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ" +
	"ŒœŸ€‘’‚“”„‹›–—…•≠≈ẞ"

// one is r as a string. It is a piece of a constant wherever possible: what Go
// allocates for small strings may lie side by side, and would spell the password.
func one(r rune) string {
	if i := strings.IndexRune(drawable, r); i >= 0 {
		rest := drawable[i:]
		for j := range rest {
			if j > 0 {
				return rest[:j]
			}
		}
		return rest
	}
	return string(r) // ASCII: a piece of the runtime's own table
}
