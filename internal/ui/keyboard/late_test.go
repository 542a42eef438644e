package keyboard

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestLateScreen: a finger was lifted while the screen was being drawn for a second. Its end and the timer
// wait together, and the timer may be looked at first: the touch was a short one all the same.
func TestLateScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queue []func() // what the UI goroutine has been asked to do
		work := func() {
			synctest.Wait()
			todo := queue
			queue = nil
			for _, f := range todo {
				f()
			}
		}
		long := 0
		start := func() (lift func()) {
			return afterEvents(func(f func()) { queue = append(queue, f) }, LongPress, func() { long++ })
		}

		lift := start()
		time.Sleep(time.Second) // drawing
		work()                  // the timer's turn comes first
		lift()
		time.Sleep(time.Second)
		work()
		if long != 0 {
			t.Error("a short touch became a long one")
		}

		start()
		const tick = 10 * time.Millisecond
		for range (LongPress + 2*tick) / tick {
			time.Sleep(tick)
			work()
		}
		if long != 1 {
			t.Errorf("a finger that stayed: %d long touches", long)
		}
	})
}
