package storm_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"portillon/internal/identity"
	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/people"
)

// speed is what argon2id reaches with nothing beside it.
type speed struct {
	rate float64       // checks a second, all cores
	cpu  time.Duration // of a core for one
}

func (s speed) and(other speed) speed {
	return speed{(s.rate + other.rate) / 2, (s.cpu + other.cpu) / 2}
}

// hashAlone checks passwords on every core for a while, as the service does: by its own code, in
// memory that is kept.
func hashAlone(b *testing.B) speed {
	b.Helper()
	h, phc := password.New(0), password.Hash(people.StormPassword)
	return everyCore(b, func() {
		ticket, err := h.Enter("")
		if err != nil {
			b.Error(err)
			return
		}
		if ok, err := ticket.Check(b.Context(), phc, people.StormPassword); !ok || err != nil {
			b.Errorf("%t, %v", ok, err)
		}
	})
}

// xcryptoAlone is the same by golang.org/x/crypto/argon2, as anybody would call it.
func xcryptoAlone(b *testing.B) speed {
	b.Helper()
	return everyCore(b, func() {
		argon2.IDKey([]byte(people.StormPassword), []byte("0123456789abcdef"), 2, 19456, 1, 32)
	})
}

func everyCore(b *testing.B, f func()) speed {
	b.Helper()
	const while = 3 * time.Second
	var done atomic.Int64
	used, begin := cpuOf(b, os.Getpid()), time.Now()
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for time.Since(begin) < while {
				f()
				done.Add(1)
			}
		})
	}
	all.Wait()
	used = cpuOf(b, os.Getpid()) - used
	return speed{float64(done.Load()) / time.Since(begin).Seconds(), used / time.Duration(done.Load())}
}

// tick is the unit of a process's times in proc(5).
const tick = 10 * time.Millisecond

// cpuOf is what a process has used of the cores, its collector included.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	field := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:])) // from the third on
	var sum int
	for _, f := range field[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum) * tick
}

// idleOf is what nobody has used of all cores since the machine started, waits for disks
// included.
func idleOf(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	var user, nice, system, idle, disks int
	if _, err := fmt.Sscanf(string(text), "cpu %d %d %d %d %d", &user, &nice, &system, &idle, &disks); err != nil {
		b.Fatal(err)
	}
	return time.Duration(idle+disks) * tick
}

// memoryPeak is the most memory a process has held, in MB.
func memoryPeak(b *testing.B, pid int) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kb int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb / 1024
		}
	}
	b.Fatal("no VmHWM")
	return 0
}

// stopwatch keeps how long the service's answers took.
type stopwatch struct {
	mu                  sync.Mutex
	passwords, told, by []time.Duration // checked; sent away with a moment; codes checked
}

func (s *stopwatch) note(kind *[]time.Duration, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*kind = append(*kind, took)
}

// String is for people.
func (s *stopwatch) String() string {
	line := func(name string, took []time.Duration) string {
		if len(took) == 0 {
			return name + ": none"
		}
		slices.Sort(took)
		at := func(q float64) time.Duration {
			return took[int(q*float64(len(took)-1))].Round(100 * time.Microsecond)
		}
		return fmt.Sprintf("%s: %d, median %v, p99 %v, longest %v", name, len(took), at(0.5), at(0.99), at(1))
	}
	return strings.Join([]string{line("answers to passwords", s.passwords), line("to who must wait", s.told), line("to codes", s.by)}, "\n")
}

// timed is a tablet with a stopwatch.
type timed struct {
	identity.Provider
	seen *stopwatch
}

func (t timed) Begin(ctx context.Context, e identity.Email) (identity.Flow, identity.Challenge, error) {
	f, c, err := t.Provider.Begin(ctx, e)
	if f != nil {
		f = timedFlow{f, t.seen}
	}
	return f, c, err
}

type timedFlow struct {
	identity.Flow
	seen *stopwatch
}

func (t timedFlow) Answer(ctx context.Context, a identity.Answer) (identity.Outcome, error) {
	begin := time.Now()
	out, err := t.Flow.Answer(ctx, a)
	took := time.Since(begin)
	switch a.(type) {
	case identity.PasswordAnswer:
		if identity.KindOf(err) == identity.Busy {
			t.seen.note(&t.seen.told, took)
		} else {
			t.seen.note(&t.seen.passwords, took)
		}
	case identity.CodeAnswer:
		t.seen.note(&t.seen.by, took)
	case identity.CodeRequest:
	}
	return out, err
}
