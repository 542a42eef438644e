package password

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

const each = 25 * time.Millisecond

// steady is a machine with nothing else to do.
func steady(time.Duration) time.Duration { return each }

// crowd lets n students come within arrival and try until they are served; a password takes
// a core so long, since the beginning. It returns how long each waited, in the order they
// came, how often each was sent away, and how long it all took.
func crowd(t *testing.T, q *Queue, n int, arrival, dawdle time.Duration, hash func(since time.Duration) time.Duration) (waited []time.Duration, sent []int, took time.Duration) {
	t.Helper()
	return crowdInside(t, q, n, arrival, dawdle, hash, func(time.Duration, time.Duration) {})
}

// crowdInside tells as well how long each was in the queue, and when.
func crowdInside(t *testing.T, q *Queue, n int, arrival, dawdle time.Duration, hash func(time.Duration) time.Duration, inside func(since, in time.Duration)) (waited []time.Duration, sent []int, took time.Duration) {
	t.Helper()
	var mu sync.Mutex
	waited, sent = make([]time.Duration, n), make([]int, n)
	cores := semaphore.NewWeighted(int64(q.cores))
	begin := time.Now()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			time.Sleep(arrival * time.Duration(i) / time.Duration(n))
			came := time.Now()
			for {
				err := q.Enter(fmt.Sprint(i))
				if err == nil {
					break
				}
				var busy *BusyError
				if !errors.As(err, &busy) || busy.After <= 0 {
					t.Errorf("refused with %v", err)
					return
				}
				sent[i]++
				seconds := (busy.After + time.Second - 1) / time.Second * time.Second
				time.Sleep(seconds + time.Duration(rand.Int64N(int64(dawdle)+1)))
			}
			entered := time.Now()
			if err := cores.Acquire(t.Context(), 1); err != nil {
				t.Error(err)
			}
			mu.Lock()
			inside(time.Since(begin), time.Since(entered))
			mu.Unlock()
			waited[i] = time.Since(came)
			each := hash(time.Since(begin))
			time.Sleep(each)
			cores.Release(1)
			q.Leave(each)
		})
	}
	all.Wait()
	return waited, sent, time.Since(begin)
}

// TestCrowd: as many as sit the exam in a large centre, within five seconds. All are
// served in about the time the work takes, and about in the order they came.
func TestCrowd(t *testing.T) {
	for name, dawdle := range map[string]time.Duration{"machines": 0, "people": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n, cores = 4000, 2
				q := NewQueue(cores, waitingPerCore*cores, each)
				waited, sent, took := crowd(t, q, n, 5*time.Second, dawdle, steady)
				if ideal := n * each / cores; took > ideal*11/10+dawdle {
					t.Errorf("it took %v, the work alone %v", took, ideal)
				}
				for i := range n {
					fair := max(0, time.Duration(i)*each/cores-5*time.Second*time.Duration(i)/n)
					if waited[i] > fair+longestWait+2*time.Second+2*dawdle {
						t.Fatalf("student %d waited %v; those before needed %v", i, waited[i], fair)
					}
					if sent[i] > 2 {
						t.Fatalf("student %d was sent away %d times", i, sent[i])
					}
				}
				if q.here != 0 || len(q.promised) != 0 {
					t.Errorf("left behind: %d places, %d promises", q.here, len(q.promised))
				}
			})
		})
	}
}

// TestCrowdTakesTheCores: while a crowd arrives its connections take two thirds of the cores,
// and a password three times as long. The moments given meanwhile go by what comes after, so
// that the cores do not wait for students who were told to come later.
func TestCrowdTakesTheCores(t *testing.T) {
	for name, dawdle := range map[string]time.Duration{"machines": 0, "people": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n, cores, arrival = 8000, 2, time.Minute
				q := NewQueue(cores, waitingPerCore*cores, each)
				waited, sent, took := crowd(t, q, n, arrival, dawdle, func(since time.Duration) time.Duration {
					part := each - each/10 + rand.N(each/5)
					if since < arrival {
						part *= 3
					}
					return part
				})
				early := int(arrival * cores / (3 * each))
				ideal := arrival + time.Duration(n-early)*each/cores
				total := 0
				for i, times := range sent {
					if total += times; times > 8 {
						t.Fatalf("student %d was sent away %d times", i, times)
					}
				}
				t.Logf("%v, of ideal %.2f; sent away %.2f times each, %d at most; longest wait %v", took, took.Seconds()/ideal.Seconds(),
					float64(total)/n, slices.Max(sent), slices.Max(waited))
				if took > ideal*21/20+dawdle || total > 2*n {
					t.Errorf("the work alone takes %v", ideal)
				}
			})
		})
	}
}

// TestSlowForAWhile: other programs take three quarters of the cores for a minute and a half
// once the crowd is there. When they end, nobody is still at home because of them.
func TestSlowForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, cores, arrival, slow = 8000, 2, time.Minute, 150 * time.Second
		q := NewQueue(cores, waitingPerCore*cores, each)
		var work time.Duration
		waited, sent, took := crowd(t, q, n, arrival, 0, func(since time.Duration) time.Duration {
			part := each - each/10 + rand.N(each/5)
			switch {
			case since < arrival:
				part *= 2
			case since < slow:
				part *= 4
			}
			work += part
			return part
		})
		total := 0
		for _, times := range sent {
			total += times
		}
		ideal := work / cores
		t.Logf("%v, of ideal %.2f; sent away %.2f times each, %d at most; longest wait %v", took, took.Seconds()/ideal.Seconds(),
			float64(total)/n, slices.Max(sent), slices.Max(waited))
		if took > ideal*11/10 || total > 3*n {
			t.Errorf("the work alone takes %v", ideal)
		}
	})
}

// TestSlowMachine: other work has most of the cores, for good, and a password takes ten times
// as long as at the start. Nobody waits in the queue for longer than a tablet waits for an
// answer, the beginning aside, and everybody is served.
func TestSlowMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, cores, slow = 600, 2, 10 * each
		q := NewQueue(cores, waitingPerCore*cores, each)
		var inside time.Duration
		late := 0
		waited, sent, took := crowdInside(t, q, n, 30*time.Second, 0, func(time.Duration) time.Duration { return slow }, func(since, in time.Duration) {
			inside = max(inside, in)
			if since > 20*time.Second && in > longestWait+2*time.Second {
				late++
			}
		})
		ideal := n * slow / cores
		t.Logf("%v, of ideal %.2f; sent away %d times at most; longest in the queue %v; longest wait %v", took, took.Seconds()/ideal.Seconds(), slices.Max(sent), inside, slices.Max(waited))
		if late > 0 {
			t.Errorf("%d waited in the queue for longer than %v, the longest %v", late, longestWait+2*time.Second, inside)
		}
		if took > ideal*11/10 {
			t.Errorf("the work alone takes %v", ideal)
		}
	})
}

// TestNobodyComesBack: those who were sent away and do not return cost others nothing
// but the promise; the cores do not wait for them.
func TestNobodyComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(2, 8, each)
		for i := range 2000 {
			if err := q.Enter(fmt.Sprint("gone ", i)); err == nil {
				defer q.Leave(0)
			}
		}
		if n := len(q.promised); n < 1900 {
			t.Fatalf("%d promises", n)
		}
		for range q.here - 1 {
			q.Leave(0)
			defer func() { q.here++ }()
		}
		if err := q.Enter("new"); err != nil {
			t.Errorf("a core is idle, and yet: %v", err)
		}
		q.Leave(0)
		time.Sleep(longestPromise)
		if err := q.Enter("later"); err != nil {
			t.Error(err)
		}
		q.Leave(0)
		if n := len(q.promised); n != 0 {
			t.Errorf("%d promises are kept for ever", n)
		}
	})
}

// TestTooManyPromises: what is kept for those who were sent away is bounded, and no wait
// that is told is longer than longestPromise.
func TestTooManyPromises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 1, time.Millisecond)
		for i := range mostPromises + 1000 {
			var busy *BusyError
			if err := q.Enter(fmt.Sprint(i)); i > 0 && (!errors.As(err, &busy) || busy.After <= 0 || busy.After > longestPromise) {
				t.Fatalf("student %d: %v", i, err)
			}
		}
		if n := len(q.promised); n > mostPromises {
			t.Errorf("%d promises", n)
		}
	})
}

// TestEarly: who comes back too early is told the rest of the same wait.
func TestEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 1000, 10*time.Second)
		if err := q.Enter("first"); err != nil {
			t.Fatal(err)
		}
		var first, again *BusyError
		if err := q.Enter("second"); !errors.As(err, &first) {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if err := q.Enter("second"); !errors.As(err, &again) {
			t.Fatal(err)
		}
		if first.After != 10*time.Second || again.After != 7*time.Second {
			t.Errorf("%v, then %v", first.After, again.After)
		}
	})
}

// TestFull: a queue that is full says when to come back, even where cores are idle.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(2, 1, each)
		if err := q.Enter("first"); err != nil {
			t.Fatal(err)
		}
		var busy *BusyError
		if err := q.Enter("second"); !errors.As(err, &busy) || busy.After <= 0 {
			t.Errorf("%v", err)
		}
	})
}
