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

// sharer is the part of some cores' time that connections take, before hashes, measured over the last
// second.
type sharer struct {
	mu    sync.Mutex
	begin time.Time
	cores float64
	tenth [10]time.Duration
	at    int
	total time.Duration
}

func (s *sharer) work(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	s.tenth[s.at%len(s.tenth)] += d
	s.total += d
}

func (s *sharer) turn() {
	for now := int(time.Since(s.begin) / (100 * time.Millisecond)); s.at < now; {
		s.at++
		s.tenth[s.at%len(s.tenth)] = 0
	}
}

// slower is how many times longer a hash takes.
func (s *sharer) slower() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	var sum time.Duration
	for _, d := range s.tenth {
		sum += d
	}
	return 1 / (1 - min(sum.Seconds()/s.cores, 0.9))
}

// TestCrowdSharesTheCores is a storm of 11,250 in a minute on two cores, with what a login takes
// them beside its hash: on the tablets' and the service's cores together, as BenchmarkStorm of
// package storm runs it, and on those of the service alone. The cores are never idle, most are
// sent away once, and nobody waits much longer than the work takes.
func TestCrowdSharesTheCores(t *testing.T) {
	const hash, n, cores, arrival = 23 * time.Millisecond, 11250, 2, time.Minute
	for _, c := range []struct {
		name               string
		first, again, last time.Duration // its first requests; each time it comes; after the password
	}{
		{"with the tablets", 5 * time.Millisecond, 1500 * time.Microsecond, 3 * time.Millisecond},
		{"the service alone", 2 * time.Millisecond, 700 * time.Microsecond, 2 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, s, slots := NewQueue(cores, waitingPerCore*cores, withLogin(hash)), &sharer{begin: time.Now(), cores: cores}, semaphore.NewWeighted(cores)
				waited, sent := make([]time.Duration, n), make([]int, n)
				var all sync.WaitGroup
				for i := range n {
					all.Go(func() {
						time.Sleep(arrival * time.Duration(i) / n)
						came := time.Now()
						for s.work(c.first); ; sent[i]++ {
							s.work(c.again)
							err := q.Enter(fmt.Sprint(i))
							var busy *BusyError
							if !errors.As(err, &busy) {
								break
							}
							time.Sleep((busy.After + time.Second - 1).Truncate(time.Second))
						}
						if err := slots.Acquire(t.Context(), 1); err != nil {
							t.Error(err)
						}
						took := time.Duration(float64(hash) * s.slower() * (0.95 + rand.Float64()/10))
						time.Sleep(took)
						slots.Release(1)
						q.Leave(withLogin(took))
						s.work(c.last)
						waited[i] = time.Since(came)
					})
				}
				all.Wait()
				took, total := time.Since(s.begin), 0
				for _, times := range sent {
					total += times
				}
				slices.Sort(waited)
				used := (s.total + n*hash).Seconds() / took.Seconds() / cores
				t.Logf("%v, %.2f of the cores used; sent away %.2f times each, %d at most; waits: median %v, p95 %v, longest %v",
					took, used, float64(total)/n, slices.Max(sent), waited[n/2], waited[n*95/100], waited[n-1])
				if used < 0.95 || total > n*3/2 || waited[n-1] > took*19/20 {
					t.Error("cores waited, or students came for nothing")
				}
			})
		})
	}
}
