package e2e

import (
	"image"
	"testing"

	"portillon/internal/e2e/xorg"
)

// TestTwoThumbs types an address with two thumbs that overlap: each goes down before the
// other has left its key. Nothing is lost, and nothing is typed twice.
func TestTwoThumbs(t *testing.T) {
	r := enter(t, func(s *settings) { s.touchscreen = true })
	const typed = "camille.durand"
	var last image.Point
	for i, c := range typed {
		at, ok := r.mirror.press(string(c))
		if !ok {
			t.Fatalf("no key says %q", c)
		}
		r.screen.Finger(uint32(i+1), xorg.Begin, at.X, at.Y)
		if i > 0 {
			r.screen.Finger(uint32(i), xorg.End, last.X, last.Y)
		}
		last = at
	}
	r.screen.Finger(uint32(len(typed)), xorg.End, last.X, last.Y)
	r.see(emailScreen(typed))
}
