package storm_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"portillon/internal/backoff"
	"portillon/internal/identity"
	"portillon/internal/rehearsal/password"
	"portillon/internal/storm"
)

// The day of the worst minute: as many as sat the national exam of 20 October 2025 come
// within a minute, to a service with half the cores they need that then is away for 90 s.
const (
	nation   = 11250
	minute   = time.Minute
	hash     = 25 * time.Millisecond // argon2id with OWASP's parameters, about
	outage   = 90 * time.Second
	outageAt = 20 * time.Second
	window   = 10 * time.Second
	// perLogin is how many requests a login needs: discovery, the address with and without
	// a nonce, password, token, keys.
	perLogin = 6
)

// model is a service of limited capacity in virtual time. Its queue is the real one.
type model struct {
	queue   *password.Queue
	cores   *semaphore.Weighted
	silent  bool          // while it is away connections hang; else they are refused
	slow    time.Duration // what a password takes; 0: hash
	begin   time.Time
	mu      sync.Mutex
	retries []int // that reached it, by window
}

// capacity is in logins a second: half of what they need.
const capacity = float64(nation) / 60 / 2

func newModel(silent bool) *model {
	cores := int(math.Round(capacity * hash.Seconds()))
	return &model{queue: password.NewQueue(cores, 128*cores, hash), cores: semaphore.NewWeighted(int64(cores)),
		silent: silent, begin: time.Now()}
}

func (m *model) away() bool {
	at := time.Since(m.begin)
	return at >= outageAt && at < outageAt+outage
}

// reach is one request's way to the service.
func (m *model) reach(again bool) error {
	switch {
	case m.away() && m.silent:
		time.Sleep(8 * time.Second)
		return &identity.Error{Kind: identity.TimedOut}
	case m.away():
		return &identity.Error{Kind: identity.Refused}
	case again:
		m.note()
	}
	time.Sleep(10 * time.Millisecond)
	return nil
}

// note counts a retry.
func (m *model) note() {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := int(time.Since(m.begin) / window)
	for len(m.retries) <= i {
		m.retries = append(m.retries, 0)
	}
	m.retries[i]++
}

// peak is the most retries a second over any window, as a part of the requests a
// second that the service can take.
func (m *model) peak() float64 {
	most := 0
	for _, n := range m.retries {
		most = max(most, n)
	}
	return float64(most) / window.Seconds() / (capacity * perLogin)
}

// modelTablet is one tablet's way to the model.
type modelTablet struct {
	desk
	m     *model
	who   string
	again bool
}

func (t *modelTablet) Begin(context.Context, identity.Email) (identity.Flow, identity.Challenge, error) {
	err := t.m.reach(t.again)
	t.again = err != nil
	return t, identity.Challenge{Password: true}, err
}

func (t *modelTablet) Close() {}

func (t *modelTablet) Answer(ctx context.Context, _ identity.Answer) (identity.Outcome, error) {
	err := t.m.reach(t.again)
	if t.again = true; err != nil {
		return identity.Outcome{}, err
	}
	if err := t.m.queue.Enter(t.who); err != nil {
		busy := err.(*password.BusyError) //nolint:errorlint,forcetypeassert // the one error there is
		return identity.Outcome{}, &identity.Error{Kind: identity.Busy, RetryAfter: (busy.After + time.Second - 1).Truncate(time.Second)}
	}
	if err := t.m.cores.Acquire(ctx, 1); err != nil {
		return identity.Outcome{}, err
	}
	took := cmp.Or(t.m.slow, hash)
	time.Sleep(took)
	t.m.cores.Release(1)
	t.m.queue.Leave(took)
	if t.m.away() {
		return identity.Outcome{}, &identity.Error{Kind: identity.ConnectionLost}
	}
	return identity.Outcome{Session: &identity.Session{}}, nil
}

type verdict struct {
	sum   storm.Summary
	ratio float64 // of the time it took to the work's
	peak  float64
}

func worstMinute(t *testing.T, p backoff.Policy, silent bool, seed uint64) (v verdict) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newModel(silent)
		sum, err := storm.Run(t.Context(), storm.Options{
			Tablets: nation, Arrival: minute, Backoff: p, Seed: seed, Patience: time.Hour,
			Provider: func(i int) (identity.Provider, error) { return &modelTablet{m: m, who: fmt.Sprint(i)}, nil },
			Account:  func(int) storm.Account { return storm.Account{Password: "x"} },
		})
		if err != nil {
			t.Error(err)
		}
		ideal := nation/capacity + outage.Seconds()
		v = verdict{sum, sum.Duration / ideal, m.peak()}
	})
	return v
}

// chosen is identity.retry_most of docs/portillon.example.toml.
const chosen = 2 * time.Minute

// TestWorstMinute compares ways to wait. go test -v prints the table of docs/exam-day.md.
func TestWorstMinute(t *testing.T) {
	t.Logf("%-28s %-8s %9s %9s %9s %8s %8s", "backoff", "away", "logged in", "all after", "of ideal", "retries", "peak")
	for _, most := range []time.Duration{15 * time.Second, 60 * time.Second, 120 * time.Second, 180 * time.Second} {
		p := backoff.Policy{First: time.Second, Most: most}
		for _, silent := range []bool{false, true} {
			v := worstMinute(t, p, silent, 1)
			away := map[bool]string{false: "refused", true: "silent"}[silent]
			if v.sum.LoggedIn != nation || most == chosen && (v.ratio > 1.2 || v.peak > 0.5) {
				t.Errorf("with the wait chosen for a national exam: %+v", v)
			}
			t.Logf("full jitter, 1 s to %-8v %-8s %9d %7.0f s %9.2f %8d %8.2f", most, away, v.sum.LoggedIn, v.sum.Duration, v.ratio, v.sum.Retries, v.peak)
		}
	}
}
