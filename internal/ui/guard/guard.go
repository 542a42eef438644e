package guard

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// ErrLost: the window has been destroyed. There is nothing left to guard; the process
// ends and is started anew.
var ErrLost = errors.New("our window has been destroyed")

// ErrDisconnected: the server has closed the guard's connection.
var ErrDisconnected = errors.New("the display has closed the connection")

// Kind is what was wrong.
type Kind int

// The kinds.
const (
	// Covered: a window of another client stood in front of ours.
	Covered Kind = iota
	// Inside: a window of another client was made within ours.
	Inside
	// Taken: our window was put within another client's.
	Taken
	// Hidden: our window was unmapped.
	Hidden
	// Moved: our window did not fill the display, be it that the window was moved or
	// that the display changed.
	Moved
	// Focus: the keyboard was another window's.
	Focus
	// Fought: a client that would not stay behind was disconnected.
	Fought
	// Stranger: another client was connected to the display. It need not show anything to hear
	// what is typed and see what is drawn.
	Stranger
	// Grabbed: another client had the keyboard or the pointer to itself.
	Grabbed
)

func (k Kind) String() string {
	return [...]string{"covered", "inside", "taken", "hidden", "moved", "focus", "fought", "stranger", "grabbed"}[k]
}

// Incident is something that was wrong, and was put right.
type Incident struct {
	Kind Kind
	// Window is the other client's, where one is to be named; else 0. Its title is not
	// told: it could be anything.
	Window uint32
	// PID is a stranger's process, where the server knows it; else 0.
	PID int
	// Before is how many like it were not reported: while they go on, they are at growing
	// intervals, of a second first and of ten minutes at last.
	Before int
}

// Guard keeps one window in front.
type Guard struct {
	c       *xgb.Conn
	root    xproto.Window
	window  xproto.Window
	ours    map[xproto.Window]bool // windows of ours made by other connections
	manager xproto.Window          // the window manager's own, where there is one; else 0
	mask    uint32                 // the bits of a resource's id that are not its client's
	options Options
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
	ended   error // written before done is closed
	diary   diary
	company company
	fronts  map[xproto.Window]int // how often a window was in front
	stopped sync.Once

	mu    sync.Mutex
	aside bool
}

// How soon the guard looks again after it found something wrong, and what it bears. A client that
// only listens makes no event: who is connected is asked once a second in any case.
const (
	pauseLeast = 5 * time.Millisecond
	pauseMost  = time.Second
	lookEvery  = time.Second
	frontsMost = 10
)

// Options are what a guard is made with.
type Options struct {
	Display string // such as ":0"
	Window  uint32 // the X11 window to guard
	// Ours are windows by other connections of this process: the touch listener's.
	Ours []uint32
	// Kin are processes that may be connected to the display: those that started this one, which
	// could do as they please with it anyway.
	Kin []int
	// Stays is how long one may stay who is none of them and cannot be disconnected; 0: 4 s.
	Stays time.Duration
	// Between is the least time between two reports of a kind; 0: a second.
	Between time.Duration
	// Report is told what was wrong, Restored that nothing is any more. The window may have had
	// another size in between, and wants to be painted. Both are called on the guard's own goroutine,
	// and must not call Close.
	Report   func(Incident)
	Restored func()
}

// Keep guards a window.
//
// It fails where there is no such display or no such window (xproto.WindowError), and where the
// display's server does not tell who is connected to it (X-Resource 1.2).
func Keep(o Options) (*Guard, error) {
	c, err := xgb.NewConnDisplay(o.Display)
	if err != nil {
		return nil, fmt.Errorf("guard: display %q: %w", o.Display, err)
	}
	setup := xproto.Setup(c)
	g := &Guard{
		c: c, root: setup.DefaultScreen(c).Root, window: xproto.Window(o.Window), mask: setup.ResourceIdMask,
		ours: map[xproto.Window]bool{}, options: o,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		diary: diary{least: cmp.Or(o.Between, time.Second), seen: map[Kind]*entry{}}, fronts: map[xproto.Window]int{},
	}
	for _, w := range o.Ours {
		g.ours[xproto.Window(w)] = true
	}
	if err := errors.Join(g.meet(), g.listen(), g.acquaint()); err != nil {
		c.Close()
		return nil, fmt.Errorf("guard: window %#x: %w", o.Window, err)
	}
	g.nudge()
	go g.hear()
	go g.run()
	return g, nil
}

// meet learns who manages the windows: the compositor, on the tablet, whose own windows are
// not for us to take away (ICCCM 2.0, section 4.3). Whoever comes to be that later is a stranger.
func (g *Guard) meet() error {
	name := "WM_S" + strconv.Itoa(g.c.DefaultScreen)
	atom, err := xproto.InternAtom(g.c, false, uint16(len(name)), name).Reply()
	if err != nil {
		return err
	}
	owner, err := xproto.GetSelectionOwner(g.c, atom.Atom).Reply()
	if err != nil {
		return err
	}
	g.manager = owner.Owner
	return nil
}

// listen asks to be told of everything that happens among the top windows, to ours and within it.
func (g *Guard) listen() error {
	const around = xproto.EventMaskSubstructureNotify | xproto.EventMaskStructureNotify
	err := xproto.ChangeWindowAttributesChecked(g.c, g.root, xproto.CwEventMask, []uint32{around}).Check()
	if err != nil {
		return err
	}
	return xproto.ChangeWindowAttributesChecked(g.c, g.window, xproto.CwEventMask,
		[]uint32{around | xproto.EventMaskFocusChange | xproto.EventMaskVisibilityChange}).Check()
}

// Aside lets another program's windows stand in front, as long as it is on.
func (g *Guard) Aside(on bool) {
	g.mu.Lock()
	g.aside = on
	g.mu.Unlock()
	g.nudge()
}

func (g *Guard) standsAside() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.aside
}

// Close ends guarding. Nothing is reported after it has returned.
func (g *Guard) Close() {
	g.stopped.Do(func() { close(g.stop) })
	<-g.done
}

// Done is closed when guarding has ended; Err then tells why.
func (g *Guard) Done() <-chan struct{} { return g.done }

// Err is why guarding ended: ErrLost, ErrDisconnected, or nil after Close. It is for
// after Done.
func (g *Guard) Err() error {
	<-g.done
	return g.ended
}

// finish ends guarding, for the first of several reasons.
func (g *Guard) finish(why error) {
	g.stopped.Do(func() { g.ended = why; close(g.stop) })
}

func (g *Guard) nudge() {
	select {
	case g.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// hear takes events until the connection ends. Errors are of requests that nobody waited
// for; what they failed to do is seen by the next look.
func (g *Guard) hear() {
	for {
		event, err := g.c.WaitForEvent()
		if event == nil && err == nil {
			g.finish(ErrDisconnected)
			return
		}
		if d, ok := event.(xproto.DestroyNotifyEvent); ok && d.Window == g.window {
			g.finish(ErrLost)
			g.c.Close()
			return
		}
		if why, ok := focusMode(event); ok && (why == xproto.NotifyModeGrab || why == xproto.NotifyModeUngrab) {
			continue // that may be ourselves, asking
		}
		g.nudge()
	}
}

// focusMode is why the keyboard came or went.
func focusMode(event xgb.Event) (mode byte, ok bool) {
	switch e := event.(type) {
	case xproto.FocusInEvent:
		return e.Mode, true
	case xproto.FocusOutEvent:
		return e.Mode, true
	}
	return 0, false
}

// run looks when there is a reason to, and again after a pause while something is wrong.
func (g *Guard) run() {
	defer close(g.done)
	defer g.c.Close()
	pause := time.Duration(0)
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for {
		look, woken, idle, again := g.look, g.wake, every.C, (<-chan time.Time)(nil)
		if pause > 0 { // a client that fights does not set the pace
			woken, idle, again = nil, nil, time.After(pause)
		}
		select {
		case <-g.stop:
			return
		case <-woken:
		case <-idle:
			look = g.alone // of everything else the server would have told
		case <-again:
		}
		switch well := look(); {
		case well && pause > 0:
			pause = 0
			g.options.Restored()
		case !well:
			pause = min(max(2*pause, pauseLeast), pauseMost)
		}
	}
}

// tell reports an incident, if it is time to.
func (g *Guard) tell(i Incident) {
	before, tell := g.diary.note(i.Kind, time.Now())
	if !tell {
		return
	}
	i.Before = before
	g.options.Report(i)
}
