// Package preflight holds the checks a tablet passes before it shows a login: one
// list, for screen 0 and for portillonctl doctor. internal/kiosk runs it for
// the screens; each check has a deadline of its own and reports as it ends.
package preflight

import (
	"context"
	"time"

	"portillon/internal/identity"
	"portillon/internal/login"
)

// Check is one thing to be found in order.
type Check struct {
	ID    string      // stem of its translation keys, check.ID
	Grade login.Grade // what its failure means
	Code  string      // what is read out on the phone
	// Probe returns nil when all is well. It keeps to ctx.
	Probe func(ctx context.Context) error
}

// limit bounds one check; all of them run at once.
const limit = 8 * time.Second

// Run probes every check at once and calls report with the whole list, first with
// all of them running and then each time one has ended; done marks the last
// call. Calls of report do not overlap. It returns when all have ended.
func Run(ctx context.Context, checks []Check, report func(list []login.Check, done bool)) {
	list := make([]login.Check, len(checks))
	for i, c := range checks {
		list[i] = login.Check{ID: c.ID, Grade: c.Grade, Status: login.CheckRunning}
	}
	snapshot := func() []login.Check { return append([]login.Check(nil), list...) }
	report(snapshot(), len(checks) == 0)
	type ended struct {
		i   int
		err error
	}
	ends := make(chan ended, len(checks))
	for i, c := range checks {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			ends <- ended{i, c.Probe(ctx)}
		}()
	}
	for n := range checks {
		e := <-ends
		list[e.i].Status = login.CheckOK
		if e.err != nil {
			list[e.i].Status, list[e.i].Code = login.CheckFailed, checks[e.i].Code
		}
		report(snapshot(), n == len(checks)-1)
	}
}

// maxSkew is how far the tablet's clock may be from the service's: beyond it
// proofs (RFC 9449 §11.1) are refused.
const maxSkew = 60 * time.Second

// Service is the checks that one look at the identity service answers: that it is
// there, that it is who it must be, and that both clocks agree. A look that failed for
// one of them leaves the others to the next run, since nothing is known of them.
func Service(p identity.Provider, now func() time.Time) []Check {
	looked := make(chan struct{})
	var health identity.Health
	var failed error
	return []Check{
		{ID: "server", Grade: login.GradeWaiting, Code: "P1", Probe: func(ctx context.Context) error {
			defer close(looked)
			if health, failed = p.Check(ctx); identity.KindOf(failed) == identity.BadCertificate {
				return nil // it is there; the next line says what is wrong
			}
			return failed
		}},
		{ID: "pin", Grade: login.GradeBlocking, Code: "P4", Probe: func(ctx context.Context) error {
			select {
			case <-looked:
			case <-ctx.Done():
				return nil // nothing is known of it
			}
			if identity.KindOf(failed) == identity.BadCertificate {
				return failed
			}
			return nil
		}},
		{ID: "clock", Grade: login.GradeWaiting, Code: "P2", Probe: func(ctx context.Context) error {
			select {
			case <-looked:
			case <-ctx.Done():
				return ctx.Err()
			}
			if failed != nil {
				if identity.KindOf(failed) == identity.ClockWrong {
					return failed
				}
				return nil
			}
			if health.ServerTime.IsZero() {
				return nil
			}
			if skew := now().Sub(health.ServerTime).Abs(); skew > maxSkew {
				return identity.Fail("clock", identity.ClockWrong, "the tablet's clock is %s off", skew.Round(time.Second))
			}
			return nil
		}},
	}
}

// Found is a check that was made before this process began; it blocks.
func Found(id, code string, ok bool) Check {
	return Check{ID: id, Grade: login.GradeBlocking, Code: code, Probe: func(context.Context) error {
		if !ok {
			return errFound
		}
		return nil
	}}
}

// Keyring warns where «Se souvenir de moi» would not survive a crash.
func Keyring(survives func() bool) Check {
	return Check{ID: "keyring", Grade: login.GradeWarning, Code: "P3", Probe: func(context.Context) error {
		if !survives() {
			return errNoKeyring
		}
		return nil
	}}
}
