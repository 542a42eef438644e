package password

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
	// absent is how long after its moment somebody still counts as about to come.
	absent = 5 * time.Second
	// mostPromises bounds the memory they take.
	mostPromises = 1 << 16
	sweepEvery   = time.Second
	// slowing is how long a machine takes to be believed twice as slow.
	slowing = time.Hour
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
// a moment of its own to return. Who returns then most often finds room; who comes for the
// first time while others are awaited goes behind them.
//
// Moments are given one after the other, as fast as passwords can be checked by cores that do
// nothing else: a core that waits for somebody is lost. The crowd that makes a queue also takes
// the cores, with its connections, for as long as it arrives, so that meanwhile more come back
// than can be served, and some find no room. They get the moment behind all that are spoken for
// already, because a nearer one would turn somebody else away, and he the next; and then they go
// before the others. Who finds no room again is told the rest of the wait, as slow as passwords
// are at the moment.
//
// What it knows is lost at a restart, and shared with nobody: the wait is then an
// estimate again, and nothing else depends on it.
type Queue struct {
	cores, limit int

	mu       sync.Mutex
	here     int           // waiting or being served
	each     time.Duration // of one password on one core, a moving average
	done     int           // passwords that a core worked on
	quick    time.Duration // what one takes with nothing else on the core
	slowed   time.Time     // when quick was last allowed to grow
	spoken   time.Time     // until then all cores are spoken for
	promised map[string]promise
	// line are the turns of those who are at home and not absent, in order, as of swept;
	// came is how many have come since.
	line  []time.Time
	came  int
	swept time.Time
}

// promise is what somebody at home was told.
type promise struct {
	turn   time.Time // the first moment given: the place in the line
	at     time.Time // the last
	missed bool      // came when told, and found no room
}

// NewQueue is the queue of so many cores, with room for limit requests; each is what one
// takes a core, to begin with.
func NewQueue(cores, limit int, each time.Duration) *Queue {
	return &Queue{cores: cores, limit: limit, each: each, quick: each, slowed: time.Now(), promised: map[string]promise{}}
}

// Enter takes a place for who or gives a *BusyError.
func (q *Queue) Enter(who string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.sweep(now)
	p, known := q.promised[who]
	due := known && now.Add(early).After(p.at)
	switch {
	case q.here >= q.limit:
	case q.here < q.cores, due && q.room(p):
		if known {
			delete(q.promised, who)
			q.came++
		} else {
			q.speak(now)
		}
		q.here++
		return nil
	case !known && q.here < q.places() && q.start(now).Sub(now) <= longestWait:
		q.speak(now)
		q.here++
		return nil
	}
	switch {
	case !known:
		p.at = q.promise(who, now)
	case due: // and there is no room yet
		p.at = q.next(p, now)
		p.missed = true
		q.promised[who] = p
	}
	return &BusyError{After: min(max(p.at.Sub(now), time.Second), longestPromise)}
}

// room reports whether somebody who is due may wait here: half of the queue is for those who
// came once for nothing.
func (q *Queue) room(p promise) bool {
	if p.missed {
		return q.here < q.places()
	}
	return q.here < q.places()/2
}

// next is when somebody who came when told, and found no room, is to come again.
func (q *Queue) next(p promise, now time.Time) time.Time {
	if !p.missed {
		return q.speak(now)
	}
	end := q.start(now) // beyond it cores might wait
	if at := now.Add(q.left(p)); at.Before(end) {
		return at
	}
	return end
}

// places is how many may wait here: no more than can be served within longestWait, as slow
// as passwords are at the moment.
func (q *Queue) places() int {
	return min(max(int(longestWait*time.Duration(q.cores)/max(q.each, time.Microsecond)), 2*q.cores), q.limit)
}

// before is how many at home have an earlier turn, about.
func (q *Queue) before(p promise) int {
	n, _ := slices.BinarySearchFunc(q.line, p.turn, time.Time.Compare)
	return max(0, n-q.came)
}

// left is how long those before somebody at home will take, less what can be waited here.
func (q *Queue) left(p promise) time.Duration {
	wait := q.each * time.Duration(q.here+q.before(p)) / time.Duration(q.cores)
	return max(wait-longestWait/2, time.Second)
}

// start is when a core is free for one more.
func (q *Queue) start(now time.Time) time.Time {
	ahead := q.here + max(0, len(q.line)-q.came) + 1 - q.cores
	start := now.Add(time.Duration(max(0, ahead)) * q.quick / time.Duration(q.cores))
	if q.spoken.After(start) {
		start = q.spoken
	}
	return start
}

// speak speaks for one password's work and says when it will begin.
func (q *Queue) speak(now time.Time) time.Time {
	start := q.start(now)
	q.spoken = start.Add(q.quick / time.Duration(q.cores))
	return start
}

func (q *Queue) promise(who string, now time.Time) time.Time {
	if len(q.promised) >= mostPromises || q.start(now).Sub(now) > longestPromise {
		return now.Add(longestPromise - rand.N(longestPromise/4)) //nolint:gosec // a jitter, not a secret
	}
	at := q.speak(now)
	q.promised[who] = promise{turn: at, at: at}
	return at
}

// sweep forgets promises nobody came back for, and puts the others in line.
func (q *Queue) sweep(now time.Time) {
	if now.Sub(q.swept) < sweepEvery {
		return
	}
	q.swept, q.came, q.line = now, 0, q.line[:0]
	for who, p := range q.promised {
		switch gone := now.Sub(p.at); {
		case gone > late:
			delete(q.promised, who)
		case gone <= absent:
			q.line = append(q.line, p.turn)
		}
	}
	slices.SortFunc(q.line, time.Time.Compare)
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
	if took <= 0 {
		return
	}
	q.done++
	q.each += (took - q.each) / 16
	now := time.Now()
	if took < q.quick {
		q.quick += (took - q.quick) / 16
	} else {
		grown := time.Duration(float64(q.quick) * min(now.Sub(q.slowed).Minutes(), 1) / slowing.Minutes())
		q.quick = min(took, q.quick+grown)
	}
	q.slowed = now
}
