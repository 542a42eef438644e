package preflight

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/login"
)

func last(t *testing.T, checks []Check) map[string]login.Check {
	t.Helper()
	var final []login.Check
	calls, ended := 0, false
	Run(t.Context(), checks, func(list []login.Check, done bool) {
		calls++
		if done {
			final, ended = list, true
		}
	})
	if !ended || calls != len(checks)+1 {
		t.Fatalf("%d reports, the last %v", calls, final)
	}
	out := map[string]login.Check{}
	for _, c := range final {
		out[c.ID] = c
	}
	return out
}

func TestServiceReady(t *testing.T) {
	got := last(t, Service(&identitytest.Fake{}, time.Now))
	for _, id := range []string{"server", "clock"} {
		if got[id].Status != login.CheckOK || got[id].Code != "" {
			t.Errorf("%s: %+v", id, got[id])
		}
	}
}

func TestServiceDown(t *testing.T) {
	var f identitytest.Fake
	f.SetDown(true)
	got := last(t, Service(&f, time.Now))
	if got["server"].Status != login.CheckFailed || got["server"].Code != "P1" || got["server"].Grade != login.GradeWaiting {
		t.Errorf("%+v", got["server"])
	}
}

// TestPin: a service that cannot prove itself blocks, and is not said to be absent.
func TestPin(t *testing.T) {
	var f identitytest.Fake
	f.Next("check", identitytest.Reply{Err: identity.Fail("discover", identity.BadCertificate, "pin")})
	got := last(t, Service(&f, time.Now))
	if c := got["pin"]; c.Status != login.CheckFailed || c.Grade != login.GradeBlocking || c.Code != "P4" {
		t.Errorf("%+v", c)
	}
	if got["server"].Status != login.CheckOK || got["clock"].Status != login.CheckOK {
		t.Errorf("%+v", got)
	}
}

func TestClock(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour, 61 * time.Second} {
		got := last(t, Service(health{time.Now().Add(off)}, time.Now))
		if got["clock"].Status != login.CheckFailed {
			t.Errorf("%s off: %+v", off, got["clock"])
		}
	}
	if got := last(t, Service(health{time.Now().Add(50 * time.Second)}, time.Now)); got["clock"].Status != login.CheckOK {
		t.Errorf("%+v", got["clock"])
	}
}

// TestLimit: a probe that never ends costs its limit and no more.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		got := last(t, []Check{{ID: "stuck", Grade: login.GradeBlocking, Code: "X", Probe: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}, Keyring(func() bool { return false })})
		if took := time.Since(began); took != limit {
			t.Errorf("took %s", took)
		}
		if got["stuck"].Status != login.CheckFailed || got["keyring"].Status != login.CheckFailed {
			t.Errorf("%+v", got)
		}
	})
}

func TestFound(t *testing.T) {
	got := last(t, []Check{Found("signature", "P4", false), Found("lockdown", "P5", true)})
	if c := got["signature"]; c.Status != login.CheckFailed || c.Grade != login.GradeBlocking || c.Code != "P4" {
		t.Errorf("%+v", c)
	}
	if c := got["lockdown"]; c.Status != login.CheckOK {
		t.Errorf("%+v", c)
	}
}

func TestNoChecks(t *testing.T) { last(t, nil) }

// health is a provider whose clock reads t.
type health struct{ t time.Time }

func (h health) Check(context.Context) (identity.Health, error) {
	return identity.Health{ServerTime: h.t}, nil
}
func (health) Begin(context.Context, identity.Email) (identity.Flow, identity.Challenge, error) {
	return nil, identity.Challenge{}, errUnused
}
func (health) Renew(context.Context, *identity.Session) (*identity.Session, error) {
	return nil, errUnused
}
func (health) Revoke(context.Context, *identity.Session) error { return errUnused }
func (health) Traits() identity.Traits                         { return identity.Traits{} }

var errUnused = errors.New("unused")
