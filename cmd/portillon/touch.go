package main

import (
	"log/slog"
	"os"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/touch"
)

// thumbs gives the on-screen keyboard every finger of its own, which the
// toolkit's emulated pointer does not. All methods but hear run on the UI goroutine.
type thumbs struct {
	do       func(func()) // on the UI goroutine
	canvas   fyne.Canvas
	keyboard *keyboard.Keyboard
	listener *touch.Listener
	area     [4]int
	log      *slog.Logger

	mu      sync.Mutex
	waiting []touch.Event // that the UI goroutine has not seen yet
}

// listen starts once the window exists. Where there is no multi-touch, the pointer
// still types, one finger at a time.
func (t *thumbs) listen(win fyne.Window) {
	id := x11Window(win)
	if id == 0 {
		return
	}
	// The screen process never offers anything itself; what another program left is the last candidate's.
	if err := touch.ClearSelections(os.Getenv("DISPLAY")); err != nil {
		t.log.Warn("selections", "error", err.Error())
	}
	l, err := touch.Listen(os.Getenv("DISPLAY"), id, t.hear)
	if err != nil {
		t.log.Info("touch", "error", err.Error())
		return
	}
	t.listener = l
	t.follow()
}

// hear takes an event from the listener's goroutine.
func (t *thumbs) hear(e touch.Event) {
	t.mu.Lock()
	t.waiting = append(t.waiting, e)
	t.mu.Unlock()
	t.do(t.read)
}

// read does what fingers did, in the order in which they did it.
func (t *thumbs) read() {
	t.mu.Lock()
	events := t.waiting
	t.waiting = nil
	t.mu.Unlock()
	for _, e := range events {
		t.finger(e)
	}
}

// settle reads what was typed before a touch elsewhere. That came by the toolkit's connection, and the
// last letter may still be on the other: «SE CONNECTER» would go without it.
func (t *thumbs) settle() {
	if t.listener == nil {
		return
	}
	if err := t.listener.Sync(syncLimit); err != nil {
		t.log.Warn("touch", "error", err.Error())
	}
	t.read()
}

// syncLimit is more than a display takes that has drawn a whole screen before it answers.
const syncLimit = time.Second

// finger takes an event from window pixels to the keyboard.
func (t *thumbs) finger(e touch.Event) {
	scale := t.canvas.Scale()
	pos := fyne.NewPos(e.X/scale, e.Y/scale).Subtract(t.origin())
	switch e.Kind {
	case touch.Begin:
		t.keyboard.FingerDown(e.ID, pos)
	case touch.Update:
		t.keyboard.FingerMove(e.ID, pos)
	case touch.End:
		t.keyboard.FingerUp(e.ID, pos)
	}
}

// origin is where the keyboard is in the window. It stands in the window's own container; the
// toolkit's absolute position is known only once it was painted.
func (t *thumbs) origin() fyne.Position { return t.keyboard.Position() }

// follow keeps the listening area over the keyboard; nowhere while it is folded.
func (t *thumbs) follow() {
	if t.listener == nil {
		return
	}
	var area [4]int
	if t.keyboard.Visible() {
		scale, at, size := t.canvas.Scale(), t.origin(), t.keyboard.Size()
		area = [4]int{int(at.X * scale), int(at.Y * scale), int(size.Width * scale), int(size.Height * scale)}
	}
	if area == t.area {
		return
	}
	t.area = area
	if err := t.listener.SetArea(area[0], area[1], area[2], area[3]); err != nil {
		t.log.Warn("touch", "error", err.Error())
	}
}
