// Package backoff says how long a tablet waits before it asks a service again that did
// not answer, or answered with nothing to go by: "full jitter" over an exponential
// ceiling (M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015).
// The kiosk and the storm use it, so that what the storm shows holds for the kiosk.
package backoff

import "time"

// Policy is where the ceiling begins and where it stops growing.
type Policy struct{ First, Most time.Duration }

// Default is what a tablet does unless its centre says otherwise (identity.retry_most): the
// screens promise at most 15 s. docs/exam-day.md shows what that costs a service that the
// whole country waits for.
func Default() Policy { return Policy{First: time.Second, Most: 15 * time.Second} }

// Delay is the wait before the next try, tries of which have failed in a row (1: the
// first just did), the first of them so long ago. dice gives numbers from 0 to below 1.
//
// The ceiling doubles with each try, and is at least as long as the trouble has lasted: a
// service that is silent rather than gone takes a try so long that doubling alone would
// leave everybody impatient when it comes back.
func (p Policy) Delay(tries int, lasted time.Duration, dice func() float64) time.Duration {
	ceiling := p.First
	for range tries - 1 {
		if ceiling >= p.Most {
			break
		}
		ceiling *= 2
	}
	return time.Duration(dice() * float64(min(max(ceiling, lasted*3/2), p.Most)))
}

// Failures are those in a row; the zero value is none.
type Failures struct {
	n     int
	since time.Duration
}

// Next counts one more, at now on a clock that does not jump, and says how long to wait.
func (f *Failures) Next(p Policy, now time.Duration, dice func() float64) time.Duration {
	if f.n++; f.n == 1 {
		f.since = now
	}
	return p.Delay(f.n, now-f.since, dice)
}

// End: something answered.
func (f *Failures) End() { *f = Failures{} }
