package preflight

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/lockdown"
	"portillon/internal/login"
)

// results runs checks and gives the last list by ID.
func results(t *testing.T, checks []Check) map[string]Result {
	t.Helper()
	var final []Result
	calls, ended := 0, false
	Run(t.Context(), checks, func(list []Result, done bool) {
		calls++
		if done {
			final, ended = list, true
		}
	})
	if !ended || calls != len(checks)+1 {
		t.Fatalf("%d reports, the last %v", calls, final)
	}
	out := map[string]Result{}
	for _, r := range final {
		out[r.ID] = r
	}
	return out
}

// good are the sources of a tablet that is in order.
func good(t *testing.T) Sources {
	t.Helper()
	return Sources{Provider: &identitytest.Fake{}, Now: time.Now, Machine: compliant(t).Machine, BatteryMin: 20, Signed: true,
		Findings: []Facts{sealed(nil), sealed(nil)}, Keyring: func(context.Context) error { return nil }}
}

// sealed tells that everything is in force, but for what change says.
func sealed(change map[string]Fact) Facts {
	return func(context.Context) ([]Fact, error) {
		var out []Fact
		for _, id := range []string{IDLockdown, IDExecute, IDConnect, IDFiles, IDIsolation, IDSignature, IDExpiry} {
			f, changed := change[id]
			if !changed {
				f = Fact{ID: id, OK: true}
			}
			out = append(out, f)
		}
		return out, nil
	}
}

// TestInOrder: on a tablet that is in order every check says so, none is missing, and it takes
// no time to speak of.
func TestInOrder(t *testing.T) {
	began := time.Now()
	got := results(t, List(good(t)))
	if took := time.Since(began); took > 2*time.Second {
		t.Logf("it took %s, more than the 2 s of a machine that has nothing else to do", took)
	}
	if len(got) != len(Entries()) {
		t.Errorf("%d checks of %d", len(got), len(Entries()))
	}
	for id, r := range got {
		if r.Status != login.CheckOK {
			t.Errorf("%s: %s %q", id, r.Status, r.Detail)
		}
	}
}

// expect: this check alone failed, and others that are named are not known.
func expect(t *testing.T, s Sources, id, detail string, unknown ...string) {
	t.Helper()
	got := results(t, List(s))
	for _, e := range Entries() {
		r := got[e.ID]
		want := login.CheckOK
		if e.ID == id {
			want = login.CheckFailed
		}
		for _, u := range unknown {
			if u == e.ID {
				want = login.CheckUnknown
			}
		}
		if r.Status != want {
			t.Errorf("%s is %s (%s), want %s", e.ID, r.Status, r.Detail, want)
		}
	}
	if r := got[id]; !strings.Contains(r.Detail, detail) {
		t.Errorf("%s says %q, not %q", id, r.Detail, detail)
	}
}

// TestServiceFails: each way not to reach the service fails the check that it is about, and
// says of the others what is known.
func TestServiceFails(t *testing.T) {
	for _, c := range []struct {
		kind    identity.Kind
		offline bool
		id      string
		unknown []string
	}{
		{identity.NoNetwork, false, IDNetwork, []string{IDNames, IDServer, IDPin, IDClock}},
		{identity.NoRoute, false, IDNetwork, []string{IDNames, IDServer, IDPin, IDClock}},
		{identity.NameNotFound, true, IDNetwork, []string{IDNames, IDServer, IDPin, IDClock}},
		{identity.TimedOut, true, IDNetwork, []string{IDNames, IDServer, IDPin, IDClock}},
		{identity.NameNotFound, false, IDNames, []string{IDServer, IDPin, IDClock}},
		{identity.TimedOut, false, IDServer, []string{IDNames, IDPin, IDClock}},
		{identity.Refused, false, IDServer, []string{IDPin, IDClock}},
		{identity.ConnectionLost, false, IDServer, []string{IDPin, IDClock}},
		{identity.CaptivePortal, false, IDServer, []string{IDPin, IDClock}},
		{identity.Busy, false, IDServer, []string{IDClock}},
		{identity.UnexpectedAnswer, false, IDServer, []string{IDClock}},
		{identity.Misconfigured, false, IDServer, []string{IDClock}},
		{identity.BadCertificate, false, IDPin, []string{IDClock}},
		{identity.ClockWrong, false, IDClock, nil},
	} {
		name := c.kind.String()
		if c.offline {
			name += " without a link"
		}
		t.Run(name, func(t *testing.T) {
			var f identitytest.Fake
			f.Next("check", identitytest.Reply{Err: identity.Fail("discover", c.kind, "told by a test")})
			s := good(t)
			s.Provider = &f
			if c.offline {
				write(t, s.Machine, "sys/class/net/wlan0/operstate", "down\n")
			}
			expect(t, s, c.id, "told by a test", c.unknown...)
		})
	}
}

func TestClock(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour, 65 * time.Second} {
		s := good(t)
		s.Provider = health{time.Now().Add(off)}
		expect(t, s, IDClock, "off")
	}
	s := good(t)
	s.Provider = health{time.Now().Add(50 * time.Second)}
	expect(t, s, "", "")
	s.Provider = health{} // a service that tells no time
	expect(t, s, "", "")
}

// TestFindings: what another process found wanting fails its check, and one that does not
// answer fails all of its.
func TestFindings(t *testing.T) {
	for _, id := range []string{IDLockdown, IDExecute, IDConnect, IDFiles, IDIsolation, IDSignature, IDExpiry} {
		s := good(t)
		s.Findings[1] = sealed(map[string]Fact{id: {ID: id, Detail: "supervisor: open: tcp-25"}})
		expect(t, s, id, "tcp-25")
	}
	s := good(t)
	s.Findings = []Facts{func(context.Context) ([]Fact, error) { return []Fact{{ID: IDSignature, Detail: "not signed"}}, nil }, sealed(map[string]Fact{
		IDExpiry: {}})}
	expect(t, s, IDSignature, "not signed", IDExpiry)
	s.Findings = []Facts{func(context.Context) ([]Fact, error) { return nil, errors.New("gone") }}
	got := results(t, List(s))
	for _, id := range []string{IDLockdown, IDExecute, IDSignature} {
		if got[id].Status != login.CheckFailed {
			t.Errorf("%s: %+v", id, got[id])
		}
	}
}

// TestUnsaid: a layer nobody told of is not one in force.
func TestUnsaid(t *testing.T) {
	s := good(t)
	s.Findings = nil
	got := results(t, List(s))
	for _, id := range []string{IDLockdown, IDExecute, IDConnect, IDFiles, IDIsolation, IDSignature} {
		if got[id].Status != login.CheckFailed {
			t.Errorf("%s: %+v", id, got[id])
		}
	}
}

// TestUnexplained: what is not known, with nothing that failed to explain it, is a failure.
func TestUnexplained(t *testing.T) {
	check := Check{Entry{ID: IDPin, Grade: login.GradeBlocking, Code: "R4"}, func(context.Context) (string, error) { return unknown() }}
	if got := results(t, []Check{check}); got[IDPin].Status != login.CheckFailed || !Blocked([]Result{got[IDPin]}) {
		t.Errorf("%+v", got)
	}
}

func TestKeyring(t *testing.T) {
	s := good(t)
	s.Keyring = func(context.Context) error { return errors.New("locked") }
	expect(t, s, IDKeyring, "locked")
}

// TestDemonstration: nothing signs it, and that is no matter.
func TestDemonstration(t *testing.T) {
	s := good(t)
	s.Signed, s.Keyring = false, nil
	got := results(t, List(s))
	for _, id := range []string{IDSignature, IDExpiry, IDKeyring} {
		if _, there := got[id]; there {
			t.Errorf("%s is asked of a demonstration", id)
		}
	}
}

// TestLimit: a probe that never ends costs its limit and no more.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		stuck := func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }
		got := results(t, []Check{{Entry{ID: "stuck", Grade: login.GradeBlocking}, stuck}})
		if took := time.Since(began); took != limit {
			t.Errorf("took %s", took)
		}
		if got["stuck"].Status != login.CheckFailed {
			t.Errorf("%+v", got)
		}
	})
}

func TestNoChecks(t *testing.T) { results(t, nil) }

// TestEntries: no two checks share an ID or a code that is read out on the phone.
func TestEntries(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range Entries() {
		if seen[e.ID] || seen[e.Code] || e.Code == "" || e.Layer == "" || e.Grade == "" {
			t.Errorf("%+v", e)
		}
		seen[e.ID], seen[e.Code] = true, true
	}
}

func TestSealFacts(t *testing.T) {
	got := Tried("screen", map[lockdown.Way][]string{lockdown.WayConnect: {"tcp-25", "udp-53"}})
	for _, f := range got {
		if f.OK == (f.ID == IDConnect) {
			t.Errorf("%+v", f)
		}
		if f.ID == IDConnect && f.Detail != "screen: open: tcp-25, udp-53" {
			t.Errorf("%q", f.Detail)
		}
	}
	advice := lockdown.Report{Status: []lockdown.Status{{Part: lockdown.PartMemfd, Why: "0"}, {Part: lockdown.PartFilter, Applied: true}}}
	if f := Established("x", nil, advice); !f.OK || f.Detail == "" {
		t.Errorf("%+v", f)
	}
	missing := lockdown.Report{Status: []lockdown.Status{{Part: lockdown.PartTCP, Why: "ABI 2"}}}
	if f := Established("x", nil, missing); f.OK || !strings.Contains(f.Detail, "ABI 2") {
		t.Errorf("%+v", f)
	}
	if f := Established("x", errors.New("refused")); f.OK || f.Detail == "" {
		t.Errorf("%+v", f)
	}
}

func TestLines(t *testing.T) {
	e := Entries()[0]
	for _, status := range []login.CheckStatus{login.CheckOK, login.CheckFailed, login.CheckUnknown, login.CheckRunning} {
		l := Lines([]Result{{Entry: e, Status: status}})[0]
		if l.ID != e.ID || l.Grade != e.Grade || l.Status != status || (l.Code != "") != (status == login.CheckFailed) {
			t.Errorf("%+v", l)
		}
	}
}

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
