package field

import (
	"testing"

	"pgregory.net/rapid"
)

// The caret is always in view, and a line that fits is shown whole.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		widths := rapid.SliceOfN(rapid.Float32Range(1, 20), 0, 130).Draw(t, "widths")
		width := func(a, b int) (w float32) {
			for ; a < b; a++ {
				w += widths[a]
			}
			return w
		}
		n := len(widths)
		room := rapid.Float32Range(25, 300).Draw(t, "room")
		first := rapid.IntRange(0, 140).Draw(t, "first")
		caret := rapid.IntRange(0, n).Draw(t, "caret")
		a, b := window(n, first, caret, room, width)
		if a < 0 || a > caret || b < caret || b > n || width(a, b) > room {
			t.Fatalf("[%d, %d) of %d for the caret at %d: %g in %g", a, b, n, caret, width(a, b), room)
		}
		if width(0, n) <= room && (a != 0 || b != n) {
			t.Fatalf("[%d, %d) of %d though all fit", a, b, n)
		}
		if b < n && width(a, b+1) <= room {
			t.Fatalf("room is left behind %d", b)
		}
		if i := closest(a, b, width(a, caret), width); i != caret {
			t.Fatalf("touching the caret at %d gives %d", caret, i)
		}
	})
}
