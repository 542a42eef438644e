package main

import (
	"log/slog"
	"os"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"github.com/jezek/xgb"

	"portillon/internal/login"
	"portillon/internal/ui/guard"
)

// sentry keeps the window in front of everything else, but for the exam. A
// demonstration has none: it runs on somebody's desk. All methods run on the UI
// goroutine.
type sentry struct {
	on     bool
	full   bool        // the window fills the screen: so does the exam's, and one of them is touched
	failed func(error) // the window cannot be guarded: the tablet is not sealed
	lost   func(error) // the window is gone: the process is to end
	do     func(func())
	canvas fyne.Canvas
	guard  *guard.Guard
	veil   *guard.Veil
	aside  bool
	log    *slog.Logger
}

// listen starts once the window exists, and after thumbs: their window lies in ours.
func (s *sentry) listen(win fyne.Window, thumbs *thumbs) {
	// The library writes to standard error of its own accord when a display ends.
	xgb.Logger = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	s.keep(win, thumbs)
	if !s.full {
		return
	}
	var err error
	if s.guard != nil {
		s.veil, err = s.guard.Veil()
	} else {
		s.veil, err = guard.NewVeil(os.Getenv("DISPLAY"), uint32(x11Window(win)))
	}
	if err != nil { // the exam may be seen and not touched: better none
		s.log.Error("guard", "error", err.Error())
		s.failed(err)
	}
	s.touches()
}

// keep has the window guarded.
func (s *sentry) keep(win fyne.Window, thumbs *thumbs) {
	if !s.on {
		return
	}
	var ours []uint32
	if thumbs.listener != nil {
		ours = append(ours, thumbs.listener.Window())
	}
	g, err := guard.Keep(guard.Options{Display: os.Getenv("DISPLAY"), Window: uint32(x11Window(win)), Ours: ours,
		Kin: guard.Ancestors(), Report: s.note, Restored: s.repaint})
	if err != nil {
		s.log.Error("guard", "error", err.Error())
		s.failed(err)
		return
	}
	if g.Occupied() {
		s.failed(guard.ErrOccupied)
	}
	g.Aside(s.aside)
	s.guard = g
	go func() {
		if err := g.Err(); err != nil {
			s.log.Error("guard", "error", err.Error())
			s.lost(err)
		}
	}()
}

// note writes what was put right into the log.
func (s *sentry) note(i guard.Incident) {
	s.log.Warn("guard", "incident", i.Kind.String(), "window", i.Window, "pid", i.PID, "before", i.Before)
}

// repaint paints the window after it had another size. The first picture may still have that:
// OpenGL takes a window's size from the display once for each, not always when that changes.
func (s *sentry) repaint() {
	paint := func() { s.do(func() { s.canvas.Refresh(s.canvas.Content()) }) }
	paint()
	time.AfterFunc(repaintAgain, paint)
}

// repaintAgain is a few of the toolkit's frames.
const repaintAgain = 150 * time.Millisecond

// follow lets the exam player stand in front while a student sits the exam: what it
// leaves behind is covered afterwards.
func (s *sentry) follow(v login.View) {
	before := s.aside
	s.aside = v.Screen == login.ScreenConnected && !v.Connected.Interrupted
	if s.guard != nil {
		s.guard.Aside(s.aside)
	}
	if s.aside != before {
		s.touches()
	}
}

// touches says whose they are: the exam's while there is one, else ours.
func (s *sentry) touches() {
	if s.veil == nil {
		return
	}
	if err := s.veil.Through(s.aside); err != nil {
		s.log.Error("guard", "error", err.Error())
	}
}

// x11Window is the number that X11 knows a window by, once it is shown; 0 elsewhere than on X11.
func x11Window(win fyne.Window) uintptr {
	var id uintptr
	if native, ok := win.(driver.NativeWindow); ok {
		native.RunNative(func(context any) {
			if x11, ok := context.(driver.X11WindowContext); ok {
				id = x11.WindowHandle
			}
		})
	}
	return id
}
