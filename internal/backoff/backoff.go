// Package backoff says how long a tablet waits before it asks a service again that did
// not answer, or answered with nothing to go by: "full jitter" over an exponential
// ceiling (M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015).
// The kiosk and the storm use it, so that what the storm shows holds for the kiosk.
package backoff

import "time"

// Policy is where the ceiling begins and where it stops growing.
type Policy struct{ First, Most time.Duration }

// Default is what a tablet does: screens promise that a wait without Retry-After is at
// most 15 s. docs/exam-day.md shows what other choices cost.
func Default() Policy { return Policy{First: time.Second, Most: 15 * time.Second} }

// Delay is the wait before the next try after tries of them have failed already
// (0: the first just did). dice gives numbers from 0 to below 1.
func (p Policy) Delay(tries int, dice func() float64) time.Duration {
	ceiling := p.First
	for range tries {
		if ceiling >= p.Most {
			break
		}
		ceiling *= 2
	}
	return time.Duration(dice() * float64(min(ceiling, p.Most)))
}
