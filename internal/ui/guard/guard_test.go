package guard_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"portillon/internal/demo"
	"portillon/internal/ui/guard"
)

// TestComesBack does to our window what another client can, one thing after the other.
func TestComesBack(t *testing.T) {
	s := newStage(t)
	them := s.them
	for _, c := range []struct {
		name string
		do   func()
		told guard.Kind
	}{
		{"covered", func() { them.open(them.root, 0, 0, 640, 480) }, guard.Covered},
		{"covered in part", func() { them.open(them.root, 600, 440, 10, 10) }, guard.Covered},
		{"covered by what only listens", func() {
			id, err := xproto.NewWindowId(them.c)
			them.must(err)
			them.must(xproto.CreateWindowChecked(them.c, 0, id, them.root, 0, 0, 640, 480, 0, xproto.WindowClassInputOnly, 0,
				xproto.CwOverrideRedirect, []uint32{1}).Check())
			them.must(xproto.MapWindowChecked(them.c, id).Check())
		}, guard.Covered},
		{"lowered", func() { them.configure(s.window, xproto.ConfigWindowStackMode, xproto.StackModeBelow) }, guard.Covered},
		{"shrunk", func() {
			them.configure(s.window, xproto.ConfigWindowWidth|xproto.ConfigWindowHeight, 100, 100)
		}, guard.Moved},
		{"moved", func() { them.configure(s.window, xproto.ConfigWindowX|xproto.ConfigWindowY, 300, 200) }, guard.Moved},
		{"unmapped", func() { them.must(xproto.UnmapWindowChecked(them.c, s.window).Check()) }, guard.Hidden},
		{"focus taken", func() {
			w := them.open(them.root, 0, 0, 5, 5)
			them.must(xproto.SetInputFocusChecked(them.c, xproto.InputFocusParent, w, xproto.TimeCurrentTime).Check())
		}, guard.Focus},
		{"taken into another window", func() {
			w := them.open(them.root, 0, 0, 300, 200)
			them.must(xproto.ReparentWindowChecked(them.c, s.window, w, 10, 10).Check())
		}, guard.Taken},
	} {
		s.mu.Lock()
		s.incidents = nil
		s.mu.Unlock()
		restored := s.restored.Load()
		them = connect(t, s.display) // cage puts nobody behind: the one before was disconnected
		c.do()
		s.well("after it was " + c.name)
		if underCage() && !strings.HasPrefix(c.name, "covered") {
			continue // a window manager is asked, and does nothing of the sort
		}
		s.until(c.told.String()+" is told of "+c.name, func() bool { return slices.Contains(s.kinds(), c.told) })
		s.until("told that all is well after it was "+c.name, func() bool { return s.restored.Load() > restored })
	}
}

// TestInside: a window that somebody makes within ours is taken away.
func TestInside(t *testing.T) {
	s := newStage(t)
	w := s.them.open(s.window, 10, 10, 200, 100)
	s.until("their window within ours is unmapped", func() bool {
		a, err := xproto.GetWindowAttributes(s.us.c, w).Reply()
		return err != nil || a.MapState == xproto.MapStateUnmapped
	})
	s.well("after that")
}

// TestAside: the exam stands in front while it runs, and what it leaves behind is covered.
func TestAside(t *testing.T) {
	s := newStage(t)
	s.guard.Aside(true)
	w := s.them.open(s.them.root, 0, 0, 640, 480)
	s.until("the exam in front", func() bool { // a look may have been under way
		s.them.configure(w, xproto.ConfigWindowStackMode, xproto.StackModeAbove)
		s.them.must(xproto.SetInputFocusChecked(s.them.c, xproto.InputFocusParent, w, xproto.TimeCurrentTime).Check())
		return !s.front() && !s.focused()
	})
	before := len(s.kinds())
	for range 20 { // each is answered after what was sent before
		s.them.configure(w, xproto.ConfigWindowX, 0)
		<-time.After(10 * time.Millisecond)
	}
	if s.front() || s.focused() || len(s.kinds()) != before {
		t.Fatalf("the guard has not stood aside: %v", s.kinds())
	}
	s.guard.Aside(false)
	s.well("after the exam")
}

// TestWindowManager: the one that was there before us keeps its windows, wherever they are; one
// who comes later is anybody.
func TestWindowManager(t *testing.T) {
	manage := func(c *client, w xproto.Window) {
		atom, err := xproto.InternAtom(c.c, false, 5, "WM_S0").Reply()
		c.must(err)
		c.must(xproto.SetSelectionOwnerChecked(c.c, w, atom.Atom, xproto.TimeCurrentTime).Check())
	}
	s := newStage(t, func(s *stage) {
		w := s.them.open(s.them.root, 0, 0, 1, 1)
		s.them.must(xproto.UnmapWindowChecked(s.them.c, w).Check())
		manage(s.them, w)
	})
	s.settled()
	mine := s.them.open(s.them.root, 0, 0, 20, 20)
	s.them.must(xproto.SetInputFocusChecked(s.them.c, xproto.InputFocusParent, mine, xproto.TimeCurrentTime).Check())
	for range 20 {
		s.them.configure(mine, xproto.ConfigWindowStackMode, xproto.StackModeAbove)
		<-time.After(20 * time.Millisecond)
	}
	if kinds := s.kinds(); len(kinds) != 0 || s.focused() {
		t.Errorf("told of the window manager: %v", kinds)
	}
	later := connect(t, s.display)
	w := later.open(later.root, 0, 0, 640, 480)
	manage(later, w)
	s.until("the second is covered", func() bool { return slices.Contains(s.kinds(), guard.Covered) })
}

// TestBeside: what is beside the display harms nobody.
func TestBeside(t *testing.T) {
	s := newStage(t)
	s.settled()
	before := len(s.kinds())
	w := s.them.open(s.them.root, -100, -100, 50, 50)
	for range 20 {
		s.them.configure(w, xproto.ConfigWindowStackMode, xproto.StackModeAbove)
		<-time.After(10 * time.Millisecond)
	}
	if now := s.kinds(); len(now) != before {
		t.Errorf("told: %v", now)
	}
	s.them.configure(w, xproto.ConfigWindowX|xproto.ConfigWindowY, 0, 0)
	s.well("once it is moved onto the display")
}

// TestFight: a client that comes back in front for ever is disconnected.
func TestFight(t *testing.T) {
	s := newStage(t)
	fighter := s.them
	w := fighter.open(fighter.root, 0, 0, 640, 480)
	s.until("the fighter is disconnected", func() bool {
		return xproto.ConfigureWindowChecked(fighter.c, w, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeAbove}).Check() != nil
	})
	s.well("after the fight")
	if !slices.Contains(s.kinds(), guard.Fought) {
		t.Errorf("told: %v", s.kinds())
	}
}

// TestLost: a window that is gone, and a display that is gone, end the guard.
func TestLost(t *testing.T) {
	s := newStage(t)
	s.them.must(xproto.DestroyWindowChecked(s.them.c, s.window).Check())
	if err := s.guard.Err(); !errors.Is(err, guard.ErrLost) {
		t.Errorf("the window is gone: %v", err)
	}
	s.guard.Close() // again, and later, is no harm
}

// alone is a window and nothing else to heed.
func alone(display string, w xproto.Window) guard.Options {
	return guard.Options{Display: display, Window: uint32(w), Report: func(guard.Incident) {}, Restored: func() {}}
}

func TestDisplayGone(t *testing.T) {
	d, err := demo.StartDisplay("640x480")
	if err != nil {
		t.Fatal(err)
	}
	us := connect(t, d.Name)
	g, err := guard.Keep(alone(d.Name, us.open(us.root, 0, 0, 640, 480)))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	// A server that ends destroys its windows first, and sometimes has the time to say so.
	if err := g.Err(); !errors.Is(err, guard.ErrDisconnected) && !errors.Is(err, guard.ErrLost) {
		t.Errorf("the display is gone: %v", err)
	}
}

func TestNothingToGuard(t *testing.T) {
	if _, err := guard.Keep(alone("nowhere", 1)); err == nil {
		t.Error("a display that is none is guarded")
	}
	d, err := demo.StartDisplay("640x480")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Stop() })
	var unknown xproto.WindowError
	if _, err := guard.Keep(alone(d.Name, 0)); !errors.As(err, &unknown) {
		t.Errorf("no window is guarded: %v", err)
	}
}
