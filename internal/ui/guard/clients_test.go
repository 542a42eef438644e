package guard_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jezek/xgb/record"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"portillon/internal/ui/guard"
)

// noKin makes strangers of this process's clients.
func noKin(s *stage) {
	s.kin = nil
	s.them.c.Close()
}

// patiently: what a test does to the display may take long on a busy machine.
func patiently(s *stage) { s.stays = 10 * time.Second }

func (s *stage) told(k guard.Kind) bool { return slices.Contains(s.kinds(), k) }

// ends waits for the guard's end.
func (s *stage) ends(why error) {
	s.t.Helper()
	select {
	case <-s.guard.Done():
	case <-time.After(patience):
		s.t.Fatalf("the guard does not end; told: %v", s.kinds())
	}
	if err := s.guard.Err(); !errors.Is(err, why) {
		s.t.Errorf("ended with %v, not %v", err, why)
	}
}

// TestStrangerIsPutOut: one who records what is typed, without any window, is disconnected.
func TestStrangerIsPutOut(t *testing.T) {
	t.Parallel()
	s := newStage(t, noKin, patiently)
	if s.guard.Occupied() {
		t.Fatal("occupied by nobody")
	}
	spy := connect(t, s.display)
	spy.must(record.Init(spy.c))
	id, err := record.NewContextId(spy.c)
	spy.must(err)
	spy.must(record.CreateContextChecked(spy.c, id, 0, 1, 1, []record.ClientSpec{record.CsAllClients},
		[]record.Range{{DeviceEvents: record.Range8{First: xproto.KeyPress, Last: xproto.ButtonRelease}}}).Check())
	s.until("the spy is disconnected", func() bool { _, err := xproto.GetInputFocus(spy.c).Reply(); return err != nil })
	if !s.told(guard.Stranger) {
		t.Errorf("told: %v", s.kinds())
	}
	s.well("without the spy")
}

// TestStrangerStays: one who made nothing on the server cannot be disconnected. The guard ends; and
// where such a one is when it begins, it says so, and ends once he has left.
func TestStrangerStays(t *testing.T) {
	t.Parallel()
	s := newStage(t, noKin)
	spy := connect(t, s.display)
	s.ends(guard.ErrOccupied)

	again, err := guard.Keep(guard.Options{Display: s.display, Window: uint32(s.window), Report: s.report, Restored: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	if !again.Occupied() {
		t.Error("the spy is still there, and nothing is said of it")
	}
	select {
	case <-again.Done():
		t.Errorf("ended with %v while the spy stays", again.Err())
	case <-time.After(6 * time.Second): // longer than one may stay
	}
	spy.c.Close()
	s.guard = again
	s.ends(guard.ErrVacated)
}

// TestGrabs: who keeps the keyboard or the pointer to himself is put out, or ends the guard.
func TestGrabs(t *testing.T) {
	for name, grab := range map[string]func(c *client, w xproto.Window) byte{
		"keyboard": func(c *client, w xproto.Window) byte {
			r, err := xproto.GrabKeyboard(c.c, false, w, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeAsync).Reply()
			c.must(err)
			return r.Status
		},
		"pointer": func(c *client, w xproto.Window) byte {
			r, err := xproto.GrabPointer(c.c, false, w, xproto.EventMaskButtonPress, xproto.GrabModeAsync, xproto.GrabModeAsync,
				0, 0, xproto.TimeCurrentTime).Reply()
			c.must(err)
			return r.Status
		},
	} {
		for _, by := range []string{"root", "ours"} {
			t.Run(name+"-by-"+by, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, noKin, patiently)
				spy := connect(t, s.display)
				w := s.us.root
				if by == "ours" { // of which the server tells nobody
					w = s.window
				}
				s.until("the grab", func() bool { return grab(spy, w) == xproto.GrabStatusSuccess })
				s.until("told of the grab", func() bool { return s.told(guard.Grabbed) })
				s.ends(guard.ErrOccupied)
			})
		}
	}
}

// TestNothingIsLost: what is typed and pressed while the guard asks after grabs arrives; a button
// held for long is none.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	s := newStage(t, noKin, patiently)
	s.us.must(xtest.Init(s.us.c))
	fake := func(kind, detail byte) {
		s.us.must(xtest.FakeInputChecked(s.us.c, kind, detail, 0, s.us.root, 300, 100, 0).Check())
	}
	fake(xproto.MotionNotify, 0)
	s.us.must(xproto.ChangeWindowAttributesChecked(s.us.c, s.window, xproto.CwEventMask,
		[]uint32{xproto.EventMaskKeyPress | xproto.EventMaskButtonPress | xproto.EventMaskButtonRelease}).Check())
	var keys, presses, releases int
	hear := func() {
		for {
			e, err := s.us.c.PollForEvent()
			if err != nil {
				t.Fatal(err)
			}
			switch e.(type) {
			case nil:
				return
			case xproto.KeyPressEvent:
				keys++
			case xproto.ButtonPressEvent:
				presses++
			case xproto.ButtonReleaseEvent:
				releases++
			}
		}
	}
	connect(t, s.display) // somebody at whom the guard looks again and again
	s.until("told of him", func() bool { return s.told(guard.Stranger) })
	const anyKey, rounds = 38, 50
	for range rounds {
		fake(xproto.KeyPress, anyKey)
		fake(xproto.KeyRelease, anyKey)
		fake(xproto.ButtonPress, 1)
		<-time.After(20 * time.Millisecond)
		fake(xproto.ButtonRelease, 1)
		hear()
	}
	fake(xproto.ButtonPress, 1)
	s.ends(guard.ErrOccupied) // he stays, and the button is down for some seconds
	fake(xproto.ButtonRelease, 1)
	s.until("everything has come", func() bool { hear(); return keys >= rounds && releases > rounds })
	if keys != rounds || presses != rounds+1 || releases != rounds+1 {
		t.Errorf("%d keys, %d presses, %d releases of %d", keys, presses, releases, rounds)
	}
	if s.told(guard.Grabbed) {
		t.Errorf("told: %v", s.kinds())
	}
}
