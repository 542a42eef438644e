package guard_test

import (
	"errors"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"portillon/internal/demo"
	"portillon/internal/ui/guard"
)

const patience = time.Minute

func TestMain(m *testing.M) {
	xgb.Logger = log.New(io.Discard, "", 0) // that a display ends with its test is no news
	os.Exit(m.Run())
}

// client is a connection to the display: the tablet's or somebody else's.
type client struct {
	t    *testing.T
	c    *xgb.Conn
	root xproto.Window
}

func connect(t *testing.T, display string) *client {
	t.Helper()
	c, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &client{t, c, xproto.Setup(c).DefaultScreen(c).Root}
}

func (c *client) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// openOurs makes the tablet's window, as large as the display. Under a window manager it is managed,
// as the tablet's is.
func (c *client) openOurs() xproto.Window {
	c.t.Helper()
	all := xproto.Setup(c.c).DefaultScreen(c.c)
	return c.make(c.root, 0, 0, all.WidthInPixels, all.HeightInPixels, !underCage())
}

// open makes a window that shows, and that no window manager minds.
func (c *client) open(parent xproto.Window, x, y int16, w, h uint16) xproto.Window {
	c.t.Helper()
	return c.make(parent, x, y, w, h, true)
}

func (c *client) make(parent xproto.Window, x, y int16, w, h uint16, unmanaged bool) xproto.Window {
	c.t.Helper()
	redirect := uint32(0)
	if unmanaged {
		redirect = 1
	}
	id, err := xproto.NewWindowId(c.c)
	c.must(err)
	screen := xproto.Setup(c.c).DefaultScreen(c.c)
	c.must(xproto.CreateWindowChecked(c.c, screen.RootDepth, id, parent, x, y, w, h, 0, xproto.WindowClassInputOutput,
		screen.RootVisual, xproto.CwBackPixel|xproto.CwOverrideRedirect, []uint32{0xff0000, redirect}).Check())
	c.must(xproto.MapWindowChecked(c.c, id).Check())
	return id
}

func (c *client) configure(w xproto.Window, mask uint16, values ...uint32) {
	c.t.Helper()
	c.must(xproto.ConfigureWindowChecked(c.c, w, mask, values).Check())
}

// stage is a display with the tablet's window, somebody else, and a guard.
type stage struct {
	t         *testing.T
	us, them  *client
	window    xproto.Window
	display   string
	guard     *guard.Guard
	kin       []int
	stays     time.Duration
	mu        sync.Mutex
	incidents []guard.Incident
	restored  atomic.Int64
}

// startDisplay is an X server of the test's own: Xvfb, or the one that cage has for it.
func startDisplay(t *testing.T) string {
	t.Helper()
	if underCage() {
		return os.Getenv("DISPLAY")
	}
	d, err := demo.StartDisplay("640x480")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return d.Name
}

func newStage(t *testing.T, before ...func(*stage)) *stage {
	t.Helper()
	display := startDisplay(t)
	// All clients are of this process: whoever is to be a stranger takes it off the list of kin.
	s := &stage{t: t, display: display, kin: []int{os.Getpid()}, us: connect(t, display), them: connect(t, display)}
	s.window = s.us.openOurs()
	for _, f := range before {
		f(s)
	}
	touch := connect(t, display).open(s.window, 0, 300, 640, 180) // another connection of ours
	var err error
	s.guard, err = guard.Keep(guard.Options{Display: display, Window: uint32(s.window), Ours: []uint32{uint32(touch)},
		Kin: s.kin, Stays: s.stays, Between: time.Millisecond, Report: s.report, Restored: func() { s.restored.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.guard.Close)
	s.well("at the start")
	if a, err := xproto.GetWindowAttributes(s.us.c, touch).Reply(); err != nil || a.MapState != xproto.MapStateViewable {
		t.Errorf("the touch window is in state %v, %v", a, err)
	}
	return s
}

func (s *stage) report(i guard.Incident) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.incidents = append(s.incidents, i)
}

func (s *stage) kinds() []guard.Kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []guard.Kind
	for _, i := range s.incidents {
		out = append(out, i.Kind)
	}
	return out
}

func (s *stage) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %v: %s (told: %v)", patience, what, s.kinds())
		}
		<-tick.C
	}
}

// well waits until our window is as it should be.
func (s *stage) well(when string) {
	s.t.Helper()
	s.until("our window in front "+when, func() bool { return s.front() && s.focused() })
}

// settled waits for what the guard has to put right at the start: the keyboard, which nobody has. A
// window manager has given it to us.
func (s *stage) settled() {
	s.t.Helper()
	s.until("settled", func() bool { return underCage() || s.restored.Load() > 0 })
}

func (s *stage) focused() bool {
	s.t.Helper()
	f, err := xproto.GetInputFocus(s.us.c).Reply()
	s.us.must(err)
	return f.Focus == s.window
}

// front: shown, as large as the display, with nothing shown above it.
func (s *stage) front() bool {
	s.t.Helper()
	tree, err := xproto.QueryTree(s.us.c, s.us.root).Reply()
	s.us.must(err)
	for _, w := range slices.Backward(tree.Children) {
		a, err := xproto.GetWindowAttributes(s.us.c, w).Reply()
		if err != nil || a.MapState != xproto.MapStateViewable {
			continue
		}
		if w != s.window {
			return false
		}
		all, err := xproto.GetGeometry(s.us.c, xproto.Drawable(s.us.root)).Reply()
		s.us.must(err)
		g, err := xproto.GetGeometry(s.us.c, xproto.Drawable(w)).Reply()
		s.us.must(err)
		return g.X == 0 && g.Y == 0 && g.Width == all.Width && g.Height == all.Height && g.BorderWidth == 0
	}
	return false
}

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
