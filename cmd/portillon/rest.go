package main

import (
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.3/glfw"
)

// rest lets the toolkit's loop sleep while nothing happens. Fyne's loop wakes 60
// times a second to ask whether there is an event and whether there is something to
// draw: that is most of what an idle window costs, and a key waits half a tick for
// it. While there is nothing to do, rest occupies the loop with GLFW's own wait
// instead, which ends with the next event of the display, with the next call of do,
// or after restMost; the loop's tick, due by then, draws at once.
//
// Everything that goes to the UI goroutine from another goes through do. What the
// toolkit itself sends there waits for restMost at most.
type rest struct {
	toolkit
	lastDo  atomic.Int64 // nanoseconds since the Unix epoch
	mu      sync.Mutex
	running bool // GLFW may be called
}

// toolkit is what rest needs of Fyne and GLFW; tests have their own.
type toolkit struct {
	queue     func(func())        // on the UI goroutine, some time
	queueWait func(func())        // and returns when it has run
	await     func(time.Duration) // the display's next event, or wake, or so long
	wake      func()              // ends an await, the next one if there is none; from anywhere
}

func newRest() *rest {
	return &rest{toolkit: toolkit{queue: fyne.Do, queueWait: fyne.DoAndWait, wake: glfw.PostEmptyEvent,
		await: func(d time.Duration) { glfw.WaitEventsTimeout(d.Seconds()) }}}
}

const (
	restMost = time.Second
	// restAfter is how long the loop runs on after it was woken: two of its ticks, so
	// that one of them draws what the waking brought.
	restAfter = 34 * time.Millisecond
)

// do runs f on the UI goroutine, and wakes it for it.
func (r *rest) do(f func()) {
	r.lastDo.Store(time.Now().UnixNano())
	r.queue(func() {
		f()
		// On a busy tablet f may run long after it was queued: what it changed is
		// still to be drawn before the loop may rest.
		r.lastDo.Store(time.Now().UnixNano())
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		r.wake()
	}
}

// start is called once the loop runs.
func (r *rest) start() {
	r.mu.Lock()
	r.running = true
	r.mu.Unlock()
	go func() {
		for r.runs() {
			<-time.After(restAfter)
			r.queueWait(r.once)
		}
	}()
}

// once is one rest, on the UI goroutine.
func (r *rest) once() {
	if time.Since(time.Unix(0, r.lastDo.Load())) >= restAfter && r.runs() {
		r.await(restMost)
	}
}

// stop ends resting, and the rest that is under way; called before the loop ends, more
// than once and from anywhere.
func (r *rest) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		r.wake()
	}
	r.running = false
}

func (r *rest) runs() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running
}
