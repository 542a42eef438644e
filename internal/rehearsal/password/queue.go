package password

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// waitingPerCore bounds the queue: about 3 s of waiting, and the sockets of those
	// who wait.
	waitingPerCore = 128
	// longestWait is how long a request waits in the queue before it is better told
	// to come back: a tablet gives an answer 8 s.
	longestWait = 3 * time.Second
	// longestPromise bounds Retry-After. Beyond it nobody can tell.
	longestPromise = 5 * time.Minute
	// early is how much sooner than told a client may come back (its clock, whole
	// seconds); late is how long a promise is kept for one that is slow to return: a
	// student has to touch «Réessayer».
	early = time.Second
	late  = 2 * time.Minute
	// mostPromises bounds the memory they take.
	mostPromises = 1 << 16
	sweepEvery   = time.Second
)

// BusyError: too many passwords are waiting to be checked. It is ErrBusy to errors.Is.
type BusyError struct {
	// After is when to come back: about when those before will have been served.
	After time.Duration
}

func (e *BusyError) Error() string { return fmt.Sprintf("%v, come back in %v", ErrBusy, e.After) }

// Is makes every BusyError ErrBusy.
func (e *BusyError) Is(target error) bool { return target == ErrBusy }

// Queue decides who may wait here and who must come back, first come, first served,
// whether they wait here or at home. It keeps the moment until which all work is
// spoken for: that of the requests in the queue and that of those sent away, each with
// a moment of its own to return. Who returns then finds room; who comes for the first
// time while others are awaited goes behind them.
//
// What it knows is lost at a restart, and shared with nobody: the wait is then an
// estimate again, and nothing else depends on it.
type Queue struct {
	cores, limit int

	mu       sync.Mutex
	here     int           // waiting or being served
	each     time.Duration // of one password on one core, a moving average
	done     int           // passwords that a core worked on
	spoken   time.Time     // until then all cores are spoken for
	promised map[string]time.Time
	swept    time.Time
}

// NewQueue is the queue of so many cores, with room for limit requests; each is what one
// takes a core, to begin with.
func NewQueue(cores, limit int, each time.Duration) *Queue {
	return &Queue{cores: cores, limit: limit, each: each, promised: map[string]time.Time{}}
}

// Enter takes a place for who or gives a *BusyError.
func (q *Queue) Enter(who string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.sweep(now)
	at, known := q.promised[who]
	switch {
	case q.here >= q.limit:
	case known && now.Add(early).After(at), q.here < q.cores:
		delete(q.promised, who)
		if !known {
			q.speak(now)
		}
		q.here++
		return nil
	case known:
	case q.start(now).Sub(now) <= longestWait:
		q.speak(now)
		q.here++
		return nil
	}
	if !known || !at.After(now) { // one that found the queue full in its own moment
		at = q.promise(who, now)
	}
	return &BusyError{After: min(max(at.Sub(now), time.Second), longestPromise)}
}

// start is when a core is free for one more.
func (q *Queue) start(now time.Time) time.Time {
	start := now.Add(time.Duration(q.here/q.cores) * q.each)
	if q.spoken.After(start) {
		start = q.spoken
	}
	return start
}

// speak speaks for one password's work and says when it will begin.
func (q *Queue) speak(now time.Time) time.Time {
	start := q.start(now)
	q.spoken = start.Add(q.each / time.Duration(q.cores))
	return start
}

func (q *Queue) promise(who string, now time.Time) time.Time {
	if len(q.promised) >= mostPromises || q.start(now).Sub(now) > longestPromise {
		return now.Add(longestPromise - rand.N(longestPromise/4)) //nolint:gosec // a jitter, not a secret
	}
	at := q.speak(now)
	q.promised[who] = at
	return at
}

// sweep forgets promises nobody came back for.
func (q *Queue) sweep(now time.Time) {
	if now.Sub(q.swept) < sweepEvery {
		return
	}
	q.swept = now
	for who, at := range q.promised {
		if now.Sub(at) > late {
			delete(q.promised, who)
		}
	}
}

// State is how many are in the queue, how many were sent away with a moment to return, and
// what one takes a core.
func (q *Queue) State() (here, promised int, each time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.here, len(q.promised), q.each
}

// Done is how many passwords a core has worked on, right, wrong and nobody's alike.
func (q *Queue) Done() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.done
}

// Leave gives a place back; took is how long a core worked for it, 0 for not at all.
func (q *Queue) Leave(took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.here--
	if took > 0 {
		q.done++
		q.each += (took - q.each) / 16
	}
}
