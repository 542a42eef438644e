package guard_test

import (
	"errors"
	"testing"

	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"portillon/internal/ui/guard"
)

// TestThrough: the server has the exam's window below ours, as it has under cage. It is the exam's to be
// touched while the veil lets through, and ours before and after.
func TestThrough(t *testing.T) {
	display := startDisplay(t)
	s := &stage{t: t, display: display, us: connect(t, display), them: connect(t, display)}
	ours := s.us.openOurs()
	exam := s.them.openOurs()
	if !underCage() { // there it is the lowest by itself, and nobody else may say so
		s.them.configure(exam, xproto.ConfigWindowStackMode, xproto.StackModeBelow)
	}
	s.us.must(xtest.Init(s.us.c))
	touched := func(w xproto.Window) func() bool {
		x := int16(0)
		return func() bool {
			x = 320 + (x+1)%2 // a pointer that stays is over what it was over
			s.us.must(xtest.FakeInputChecked(s.us.c, xproto.MotionNotify, 0, 0, s.us.root, x, 240, 0).Check())
			at, err := xproto.QueryPointer(s.us.c, s.us.root).Reply()
			s.us.must(err)
			return at.Child == w
		}
	}
	veil, err := guard.NewVeil(display, uint32(ours))
	s.us.must(err)
	t.Cleanup(veil.Close)
	for _, on := range []bool{false, true, false} {
		s.us.must(veil.Through(on))
		if on {
			s.until("a touch that is the exam's", touched(exam))
		} else {
			s.until("a touch that is ours", touched(ours))
		}
	}

	s.us.must(xproto.DestroyWindowChecked(s.us.c, ours).Check())
	var gone xproto.WindowError
	if err := veil.Through(true); !errors.As(err, &gone) {
		t.Errorf("a window that is gone: %v", err)
	}
}
