// Package preflight holds the checks a tablet passes before it shows a login: one list,
// for screen 0 and for portillonctl doctor, in the three grades of the screens. It looks and
// reports; it acts on nothing.
//
// internal/kiosk runs it for the screens, internal/ctl for doctor; each check has a
// deadline of its own, all run at once, and each reports as it ends. Where the facts come
// from is injected: Machine reads a root directory, the supervisor's and the seals' facts come
// as Facts, the service through identity.Provider.
//
//	List(Sources) → []Check ─Run→ []Result ─Lines→ login.Check → screen 0
//	                                    └───────→ portillonctl doctor
package preflight

import (
	"context"
	"errors"
	"time"

	"portillon/internal/login"
)

// Check is one thing to be found in order.
type Check struct {
	Entry
	// Probe returns nil when all is well, with a few words for a technician in any case. It
	// keeps to ctx. An error that wraps ErrUnknown means that it could not look.
	Probe func(ctx context.Context) (detail string, err error)
}

// Result is how a check ended, or that it has not.
type Result struct {
	Entry
	Status login.CheckStatus
	// Detail is one line for a technician; never secret, not translated.
	Detail string
}

// limit bounds one check; all of them run at once. A tablet that is in order takes a
// fraction of it.
const limit = 8 * time.Second

// Run probes every check at once and calls report with the whole list, first with
// all of them running and then each time one has ended; done marks the last
// call. Calls of report do not overlap. It returns when all have ended.
func Run(ctx context.Context, checks []Check, report func(list []Result, done bool)) {
	list := make([]Result, len(checks))
	for i, c := range checks {
		list[i] = Result{Entry: c.Entry, Status: login.CheckRunning}
	}
	tell := func(done bool) { report(append([]Result(nil), list...), done) }
	tell(len(checks) == 0)
	type ended struct {
		i int
		r Result
	}
	ends := make(chan ended, len(checks))
	for i, c := range checks {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			ends <- ended{i, c.result(ctx)}
		}()
	}
	for n := range checks {
		e := <-ends
		list[e.i] = e.r
		done := n == len(checks)-1
		if done {
			unexplained(list)
		}
		tell(done)
	}
}

func (c Check) result(ctx context.Context) Result {
	r := Result{Entry: c.Entry, Status: login.CheckOK}
	detail, err := c.Probe(ctx)
	r.Detail = detail
	switch {
	case errors.Is(err, ErrUnknown):
		r.Status = login.CheckUnknown
	case err != nil:
		r.Status = login.CheckFailed
	}
	if err != nil && detail == "" {
		r.Detail = err.Error()
	}
	return r
}

// unexplained: what nobody knows is no better than what is wrong, unless a failed check says
// why it is not known.
func unexplained(list []Result) {
	for _, r := range list {
		if r.Status == login.CheckFailed && r.Grade != login.GradeWarning {
			return
		}
	}
	for i := range list {
		if list[i].Status == login.CheckUnknown {
			list[i].Status = login.CheckFailed
		}
	}
}

// Lines are results as the screens show them.
func Lines(list []Result) []login.Check {
	out := make([]login.Check, len(list))
	for i, r := range list {
		out[i] = login.Check{ID: r.ID, Grade: r.Grade, Status: r.Status}
		if r.Status == login.CheckFailed {
			out[i].Code = r.Code
		}
	}
	return out
}

// Blocked reports whether a check failed that no login may pass.
func Blocked(list []Result) bool {
	for _, r := range list {
		if r.Grade == login.GradeBlocking && r.Status == login.CheckFailed {
			return true
		}
	}
	return false
}
