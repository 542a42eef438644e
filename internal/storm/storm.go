// Package storm lets many tablets log in at once, each by the adapter that the kiosk
// uses: what a service stands, and what it does to those it cannot serve at once.
// portillonctl storm and the tests call it.
//
//	Run ─→ student (one goroutine each) ─→ identity.Provider, as the kiosk drives it
//	        arrive · begin · password, or code by mail · session      report.go: Summary
//
// A student here has no screen: it touches «Réessayer» the moment the wait is over.
// Everything else is what a tablet does: a key, a connection and a discovery document
// of its own, waits as told, backoff where nobody told.
package storm

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"portillon/internal/backoff"
	"portillon/internal/identity"
)

// ErrOptions is wrapped by Run for Options it cannot work with.
var ErrOptions = errors.New("storm")

// Account is whom a tablet logs in. Its password is a test's, never a person's.
type Account struct {
	Email    identity.Email
	Password string
}

// Options say who comes, when and to what.
type Options struct {
	Tablets int           // ≥ 1
	Arrival time.Duration // they come evenly at random within it; 0: all at once
	// Provider makes the i-th tablet's own.
	Provider func(i int) (identity.Provider, error)
	// Account is the i-th tablet's student.
	Account func(i int) Account
	// Codes is the share of students who log in by a mailed code, Wrong the share
	// who mistype their password once: 0 to 1.
	Codes, Wrong float64
	// Mail waits for the newest code mailed to an address since a moment; needed with Codes.
	Mail func(ctx context.Context, to identity.Email, since time.Time) (string, error)
	// Patience is when a student gives up, from arrival; 0: 15 minutes.
	Patience time.Duration
	Backoff  backoff.Policy // zero: backoff.Default
	Seed     uint64
	// Progress is called about once a second, from one goroutine; may be nil.
	Progress func(Progress)
}

// Progress is how far a storm has come.
type Progress struct {
	Elapsed                  time.Duration
	Arrived, LoggedIn        int
	Failed, Retries, Waiting int // Waiting: arrived, and not yet in
}

const defaultPatience = 15 * time.Minute

// Run lets the storm pass. It fails with ErrOptions, or with ctx's error; logins that
// fail are counted in the Summary.
func Run(ctx context.Context, o Options) (Summary, error) {
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	s := &storm{Options: o, begin: time.Now(), tally: newTally()}
	done := make(chan struct{})
	var watcher sync.WaitGroup
	if o.Progress != nil {
		watcher.Go(func() { s.watch(done) })
	}
	var all sync.WaitGroup
	for i := range o.Tablets {
		dice := rand.New(rand.NewPCG(o.Seed, uint64(i))) //nolint:gosec // repeatable on purpose
		all.Go(func() { s.tally.end(s.student(ctx, i, dice)) })
	}
	all.Wait()
	close(done)
	watcher.Wait()
	if err := context.Cause(ctx); err != nil {
		return Summary{}, err
	}
	return s.tally.summary(o.Tablets, time.Since(s.begin)), nil
}

func (o *Options) check() error {
	bad := func(what string) error { return errors.Join(ErrOptions, errors.New(what)) }
	switch {
	case o.Tablets < 1:
		return bad("at least one tablet is needed")
	case o.Arrival < 0 || o.Patience < 0:
		return bad("times are not negative")
	case o.Provider == nil || o.Account == nil:
		return bad("no provider, or no accounts")
	case o.Codes < 0 || o.Codes > 1 || o.Wrong < 0 || o.Wrong > 1:
		return bad("shares are 0 to 1")
	case o.Codes > 0 && o.Mail == nil:
		return bad("codes need a mailbox to read them in")
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Backoff == (backoff.Policy{}) {
		o.Backoff = backoff.Default()
	}
	return nil
}

type storm struct {
	Options
	begin time.Time
	tally *tally
}

func (s *storm) watch(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			s.Progress(s.tally.progress(time.Since(s.begin)))
			return
		case <-tick.C:
			s.Progress(s.tally.progress(time.Since(s.begin)))
		}
	}
}
