package main

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// tick is Fyne's: events are asked for and drawn once in it.
const tick = time.Second / 60

// loop is the toolkit's, as Fyne and GLFW have it: what is queued runs at once, between ticks; a
// wake that comes while nobody waits ends the next wait.
type loop struct {
	queue  chan func()
	woken  chan struct{}
	events chan struct{}
	ends   chan struct{}
	ticks  atomic.Int64
	rests  atomic.Int64
	early  atomic.Int64 // wakes before the display was there
	ready  atomic.Bool
}

func newLoop() (*loop, *rest) {
	l := &loop{queue: make(chan func(), 10000), woken: make(chan struct{}, 1), events: make(chan struct{}, 10000), ends: make(chan struct{})}
	return l, &rest{toolkit: toolkit{
		queue: func(f func()) { l.queue <- f },
		queueWait: func(f func()) {
			done := make(chan struct{})
			l.queue <- func() { f(); close(done) }
			select {
			case <-done:
			case <-l.ends:
			}
		},
		await: func(d time.Duration) {
			l.rests.Add(1)
			select {
			case <-l.woken:
			case <-l.events:
			case <-time.After(d):
			}
		},
		wake: func() {
			if !l.ready.Load() {
				l.early.Add(1)
			}
			select {
			case l.woken <- struct{}{}:
			default:
			}
		},
	}}
}

func (l *loop) run() {
	l.ready.Store(true)
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-l.ends:
			return
		case f := <-l.queue:
			f()
		case <-t.C:
			l.ticks.Add(1)
		}
	}
}

// TestRestIdle: where nothing happens the loop ticks a few times a second, not sixty.
func TestRestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLoop()
		go l.run()
		r.start()
		time.Sleep(time.Minute)
		if n := l.ticks.Load(); n > 5*60 {
			t.Errorf("%d ticks in an idle minute", n)
		}
		if n := l.ticks.Load(); n < 60 {
			t.Errorf("%d ticks in a minute: what the toolkit sends itself waits too long", n)
		}
		r.stop()
		time.Sleep(time.Second)
		close(l.ends)
	})
}

// TestRestWakes: what goes to the UI goroutine is there at once, each exactly once, and is drawn
// by a tick before the loop rests again.
func TestRestWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLoop()
		go l.run()
		r.start()
		var drawn []int64
		for i := range 200 {
			time.Sleep(time.Duration(i*37%1500) * time.Millisecond) // at every moment of a rest
			began := time.Now()
			done := make(chan time.Time)
			go r.do(func() { done <- time.Now() })
			if waited := (<-done).Sub(began); waited > tick {
				t.Errorf("%d: waited %v", i, waited)
			}
			before := l.ticks.Load()
			time.Sleep(restAfter)
			drawn = append(drawn, l.ticks.Load()-before)
		}
		for i, n := range drawn {
			if n < 1 {
				t.Errorf("%d: not drawn within %v", i, restAfter)
			}
		}
		r.stop()
		time.Sleep(time.Second)
		close(l.ends)
	})
}

// TestRestCrowd: many goroutines at once; none is lost, none runs twice.
func TestRestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLoop()
		go l.run()
		r.start()
		const goroutines, each = 20, 100
		var ran [goroutines * each]int // the UI goroutine's
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range each {
					r.do(func() { ran[g*each+i]++ })
					time.Sleep(time.Duration((g*7+i*13)%90) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		time.Sleep(2 * time.Second)
		r.stop()
		time.Sleep(time.Second)
		close(l.ends)
		synctest.Wait()
		for i, n := range ran {
			if n != 1 {
				t.Errorf("%d ran %d times", i, n)
			}
		}
	})
}

// TestRestEnds: stop ends the rest that is under way, and the loop is free from then on.
func TestRestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := newLoop()
		ran := false
		r.do(func() { ran = true }) // before the loop runs
		if l.early.Load() > 0 {
			t.Error("GLFW was called before it was there")
		}
		go l.run()
		r.start()
		time.Sleep(restMost / 2)
		synctest.Wait()
		if !ran || l.rests.Load() == 0 {
			t.Fatalf("ran: %v, rests: %d", ran, l.rests.Load())
		}
		before := l.ticks.Load()
		r.stop()
		r.stop() // more than once is no harm
		time.Sleep(time.Second)
		if n := l.ticks.Load() - before; n < 55 {
			t.Errorf("%d ticks in the second after", n)
		}
		rests := l.rests.Load()
		r.do(func() {})
		time.Sleep(5 * time.Second)
		if n := l.rests.Load() - rests; n > 0 {
			t.Errorf("rested %d times after the end", n)
		}
		close(l.ends)
	})
}
