package touch_test

import (
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// below is a window as GLFW makes one: it hears the (emulated) pointer.
type below struct {
	t  *testing.T
	x  *xgb.Conn
	id xproto.Window
}

func openBelow(t *testing.T, display string) *below {
	t.Helper()
	x, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	id, err := xproto.NewWindowId(x)
	if err != nil {
		t.Fatal(err)
	}
	screen := xproto.Setup(x).DefaultScreen(x)
	if err := xproto.CreateWindowChecked(x, screen.RootDepth, id, screen.Root, 0, 0, 1280, 800, 0,
		xproto.WindowClassInputOutput, screen.RootVisual, xproto.CwEventMask,
		[]uint32{xproto.EventMaskButtonPress | xproto.EventMaskButtonRelease | xproto.EventMaskPointerMotion}).Check(); err != nil {
		t.Fatal(err)
	}
	if err := xproto.MapWindowChecked(x, id).Check(); err != nil {
		t.Fatal(err)
	}
	return &below{t: t, x: x, id: id}
}

// presses drains what the window has heard so far and returns where buttons went down.
func (b *below) presses() (at [][2]int16) {
	b.t.Helper()
	if _, err := xproto.GetInputFocus(b.x).Reply(); err != nil { // everything before it has come
		b.t.Fatal(err)
	}
	for {
		ev, err := b.x.PollForEvent()
		if err != nil {
			b.t.Fatal(err)
		}
		if ev == nil {
			return at
		}
		if p, ok := ev.(xproto.ButtonPressEvent); ok {
			at = append(at, [2]int16{p.EventX, p.EventY})
		}
	}
}
