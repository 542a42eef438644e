package touch_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"portillon/internal/ui/touch"

	"portillon/internal/e2e/xorg"
)

const patience = 20 * time.Second

// Two thumbs on the keyboard, a third finger above it, and a mouse: each is heard
// once, by whom it is for.
func TestOverlappingFingers(t *testing.T) {
	display, screen, mouse := xorg.Start(t)
	win := openBelow(t, display)
	heard := make(chan touch.Event, 100)
	l, err := touch.Listen(display, uintptr(win.id), func(e touch.Event) { heard <- e })
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetArea(0, 480, 1280, 320); err != nil {
		t.Fatal(err)
	}
	next := func() touch.Event {
		t.Helper()
		select {
		case e := <-heard:
			return e
		case <-time.After(patience):
			t.Fatal("no event")
			return touch.Event{}
		}
	}
	expect := func(kind touch.Kind, x, y float64) int {
		t.Helper()
		e := next()
		if e.Kind != kind || math.Abs(float64(e.X)-x) > 1.5 || math.Abs(float64(e.Y)-y) > 1.5 {
			t.Fatalf("heard %v, want %v at %g,%g", e, kind, x, y)
		}
		return e.ID
	}
	settle(t, win, true)

	// The second finger comes before the first is gone, and goes after it.
	screen.Finger(1, xorg.Begin, 100, 500)
	one := expect(touch.Begin, 100, 500)
	screen.Finger(2, xorg.Begin, 900, 700)
	two := expect(touch.Begin, 900, 700)
	screen.Finger(1, xorg.Move, 140, 510)
	if id := expect(touch.Update, 140, 510); id != one {
		t.Errorf("finger 1 became %d, was %d", id, one)
	}
	screen.Finger(1, xorg.End, 140, 510)
	if id := expect(touch.End, 140, 510); id != one {
		t.Errorf("finger 1 ended as %d, was %d", id, one)
	}
	screen.Finger(2, xorg.End, 900, 700)
	if id := expect(touch.End, 900, 700); id != two || one == two || one == 0 || two == 0 {
		t.Errorf("fingers %d and %d, ended as %d", one, two, id)
	}
	if got := win.presses(); got != nil {
		t.Errorf("the window below heard the keyboard's fingers as a pointer too: %v", got)
	}

	// Outside the area Fyne goes on hearing its emulated pointer, and we nothing.
	screen.Finger(3, xorg.Begin, 600, 200)
	screen.Finger(3, xorg.End, 600, 200)
	if got := win.presses(); len(got) != 1 || got[0] != [2]int16{600, 200} {
		t.Errorf("a finger above the keyboard came as %v", got)
	}
	// A mouse over the keyboard goes to the window below.
	mouse.Click(300, 600)
	if got := win.presses(); len(got) != 1 || got[0] != [2]int16{300, 600} {
		t.Errorf("a click on the keyboard came as %v", got)
	}

	// Sliding out of the area, as to the accents above the first row, is followed.
	screen.Finger(4, xorg.Begin, 100, 490)
	expect(touch.Begin, 100, 490)
	screen.Finger(4, xorg.Move, 150, 440)
	expect(touch.Update, 150, 440)
	screen.Finger(4, xorg.End, 150, 440)
	expect(touch.End, 150, 440)

	// Without an area everything is the emulated pointer's again.
	if err := l.SetArea(0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	settle(t, win, false)
	screen.Finger(5, xorg.Begin, 100, 500)
	screen.Finger(5, xorg.End, 100, 500)
	if got := win.presses(); len(got) != 1 {
		t.Errorf("after the keyboard is gone a finger came as %v", got)
	}
	if len(heard) != 0 {
		t.Errorf("heard %v beside", <-heard)
	}
	if err := l.Close(); err != nil || l.Err() != nil {
		t.Errorf("close: %v, %v", err, l.Err())
	}
	if err := l.SetArea(0, 0, 1, 1); err == nil {
		t.Error("a closed listener takes an area")
	}
}

// settle waits until the server has put the child where it was asked to, or away.
func settle(t *testing.T, b *below, mapped bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		tree, err := xproto.QueryTree(b.x, b.id).Reply()
		if err != nil || len(tree.Children) != 1 {
			t.Fatalf("children: %v %v", tree, err)
		}
		attr, err := xproto.GetWindowAttributes(b.x, tree.Children[0]).Reply()
		if err != nil {
			t.Fatal(err)
		}
		if (attr.MapState == xproto.MapStateViewable) == mapped {
			return
		}
	}
	t.Fatal("the server never does as asked")
}

func TestListenFails(t *testing.T) {
	display, _, _ := xorg.Start(t)
	var server *touch.ServerError
	if _, err := touch.Listen(display, 0x7ffffff, nil); !errors.As(err, &server) || server.Code != xproto.BadWindow {
		t.Errorf("an unknown window: %v", err)
	}
	for _, d := range []string{"", "x", "example.org:0", ":", ":-1", ":x"} {
		if _, err := touch.Listen(d, 1, nil); !errors.Is(err, touch.ErrUnsupported) {
			t.Errorf("display %q: %v", d, err)
		}
	}
	if _, err := touch.Listen(":6553", 1, nil); err == nil {
		t.Error("listens on a display that is not there")
	}
}
