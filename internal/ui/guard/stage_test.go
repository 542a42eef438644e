package guard_test

import (
	"io"
	"log"
	"os"
	"slices"
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
