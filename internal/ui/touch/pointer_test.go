package touch_test

import (
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/res"
	"github.com/jezek/xgb/xproto"

	"portillon/internal/e2e/xorg"
	"portillon/internal/ui/touch"
)

// TestPointer: no arrow at first and after a finger, an arrow after a mouse.
func TestPointer(t *testing.T) {
	display, screen, mouse := xorg.Start(t)
	win := openBelow(t, display)
	if err := res.Init(win.x); err != nil {
		t.Fatal(err)
	}
	l, err := touch.Listen(display, uintptr(win.id), func(touch.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetArea(0, 480, 1280, 320); err != nil {
		t.Fatal(err)
	}
	expect := func(when string, hidden bool) {
		t.Helper()
		for end := time.Now().Add(patience); hides(t, win.x, l.Window()) != hidden; {
			if time.Now().After(end) {
				t.Fatalf("%s: hidden is %v", when, !hidden)
			}
		}
	}
	expect("at first", true)
	for _, y := range []int{200, 600} { // beside the keyboard and on it
		mouse.Click(300, 600)
		expect("after the mouse", false)
		screen.Finger(1, xorg.Begin, 600, y)
		expect("after a finger", true)
		screen.Finger(1, xorg.Move, 650, y+10)
		screen.Finger(1, xorg.End, 650, y+10)
		win.presses() // what the finger did has been done
		expect("after it has gone", true)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// hides: the client whose window this is has the server hide the arrow, which notes it as a
// resource of that client.
func hides(t *testing.T, x *xgb.Conn, window uint32) bool {
	t.Helper()
	r, err := res.QueryClientResources(x, window).Reply()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range r.Types {
		name, err := xproto.GetAtomName(x, kind.ResourceType).Reply()
		if err != nil {
			t.Fatal(err)
		}
		if name.Name == "XFixesCursorHideCount" {
			return kind.Count > 0
		}
	}
	return false
}
