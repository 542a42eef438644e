package identitytest

import (
	"strconv"
	"testing"
	"time"

	"portillon/internal/identity"
)

// Run puts a provider through every case that its service can be brought to.
func Run(t *testing.T, h Harness) {
	t.Run("harness", func(t *testing.T) { h.complete(t, h.Start(t)) })
	for _, c := range cases {
		if why, missing := h.missing(c.needs); missing {
			t.Logf("left out %q: %s", c.name, why)
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			c.run(&rig{t: t, Service: h.Start(t), cannot: h.Cannot})
		})
	}
}

func (h Harness) missing(needs []Ability) (string, bool) {
	for _, a := range needs {
		if why, ok := h.Cannot[a]; ok {
			return why, true
		}
	}
	return "", false
}

type testCase struct {
	name  string
	needs []Ability
	run   func(*rig)
}

var cases = []testCase{
	{"check", nil, caseCheck},
	{"password", nil, casePassword},
	{"long password with every script", nil, caseStrangePassword},
	{"wrong password, then right", nil, caseWrongPassword},
	{"nothing typed", nil, caseNothingTyped},
	{"code", nil, caseCode},
	{"wrong code, then right", nil, caseWrongCode},
	{"expired code", []Ability{ExpireCodes}, caseExpiredCode},
	{"superseded code", []Ability{AllowResends}, caseSuperseded},
	{"used code", nil, caseUsedCode},
	{"resend", []Ability{AllowResends}, caseResend},
	{"too many passwords", []Ability{LimitAttempts}, caseTooManyPasswords},
	{"too many codes", []Ability{LimitAttempts}, caseTooManyCodes},
	{"unknown account", []Ability{TellAccounts}, caseUnknownAccount},
	{"unknown account, unknown tablet", []Ability{ForgetTablet}, caseUnknownTablet},
	{"account not configured", []Ability{TellAccounts, NoAccountYet}, caseNotConfigured},
	{"secondary address", []Ability{SecondAddress}, caseSecondary},
	{"begin twice", nil, caseBeginTwice},
	{"closed flow", nil, caseClosed},
	{"done context", nil, caseDoneContext},
	{"service gone and back", []Ability{StopAndStart}, caseGoneAndBack},
	{"renew", nil, caseRenew},
	{"revoke", []Ability{EndSessions}, caseRevoke},
	{"concurrent flows", nil, caseConcurrent},
}

// A person whose every word would be seen in an error.
func canary() Account {
	return Account{
		Email: "zoe.canari-4711@etu.univ-uness.fr", Secondary: "zoe4711@courriel.example",
		Password: "Mot-2-passe+canari%&= é", Name: "Zoé Canari-Quatre", ExtraTime: "1/3",
	}
}

func caseCheck(r *rig) {
	h, err := r.Provider.Check(r.t.Context())
	if r.watch(err) != nil {
		r.t.Fatal(err)
	}
	if !h.ServerTime.IsZero() && time.Since(h.ServerTime).Abs() > 24*time.Hour {
		r.t.Errorf("server time %v", h.ServerTime)
	}
}

func casePassword(r *rig) {
	a := r.account(canary())
	s := r.granted(r.password(r.mustBegin(a.Email), a.Password))
	if s.Name != "" && s.Name != a.Name {
		r.t.Error("another person's name")
	}
	if s.ExtraTime != "" && s.ExtraTime != a.ExtraTime {
		r.t.Errorf("extra time %q", s.ExtraTime)
	}
	if n := len(r.Codes(r.t, a.Email, 0)); n != 0 {
		r.t.Errorf("%d codes mailed for a password", n)
	}
}

func caseStrangePassword(r *rig) {
	a := canary()
	a.Password = "%41+&=;\"\\<é€😀Ωж /?#[]@!$'()*,~^`{|} fin-de-phrase-de-passe-longue-comme-le-portail-les-permet"
	r.account(a)
	r.granted(r.password(r.mustBegin(a.Email), a.Password))
}

func caseWrongPassword(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	_, err := r.password(f, a.Password+"x")
	first := r.refused(err, identity.WrongPassword)
	_, err = r.password(f, "x"+a.Password)
	second := r.refused(err, identity.WrongPassword)
	if tells := r.Provider.Traits().TellsRemaining; tells != (first.Remaining != nil) {
		r.t.Errorf("tells what remains: %v, but Remaining is %v", tells, first.Remaining)
	} else if tells && *second.Remaining >= *first.Remaining {
		r.t.Errorf("remaining went from %d to %d", *first.Remaining, *second.Remaining)
	}
	r.granted(r.password(f, a.Password))
}

func caseNothingTyped(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	_, err := r.password(f, "")
	r.refused(err, identity.WrongPassword)
	_, err = r.answer(f, identity.PasswordAnswer{})
	r.refused(err, identity.WrongPassword)
	_, err = r.answer(f, identity.CodeAnswer{})
	r.refused(err, identity.WrongCode)
	r.granted(r.password(f, a.Password))
}

func caseCode(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	r.granted(r.code(f, r.send(f, a.Email, 1)))
	if n := len(r.Codes(r.t, a.Email, 0)); n != 1 {
		r.t.Errorf("%d codes mailed; checking one must send none", n)
	}
}

// other is a code of the same length that is not code.
func other(code string, by int) string {
	b := []byte(code)
	last := len(b) - 1
	b[last] = '0' + (b[last]-'0'+byte(by))%10
	return string(b)
}

func caseWrongCode(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	code := r.send(f, a.Email, 1)
	_, err := r.code(f, other(code, 1))
	e := r.refused(err, identity.WrongCode)
	if tells := r.Provider.Traits().TellsRemaining; tells != (e.Remaining != nil) {
		r.t.Errorf("tells what remains: %v, but Remaining is %v", tells, e.Remaining)
	}
	r.granted(r.code(f, code))
	if n := len(r.Codes(r.t, a.Email, 0)); n != 1 {
		r.t.Errorf("%d codes mailed", n)
	}
}

// stale is what a code that no longer counts is answered with.
func (r *rig) stale(k identity.Kind) identity.Kind {
	if r.Provider.Traits().TellsExpiry {
		return k
	}
	return identity.WrongCode
}

func caseExpiredCode(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	code := r.send(f, a.Email, 1)
	r.Expire(r.t)
	_, err := r.code(f, code)
	r.refused(err, r.stale(identity.CodeExpired))
	r.granted(r.password(f, a.Password)) // the flow goes on
}

func caseSuperseded(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	first := r.send(f, a.Email, 1)
	r.AllowResend(r.t)
	second := r.send(f, a.Email, 2)
	if first == second {
		r.t.Fatal("the same code twice: one in a million, or a fault")
	}
	_, err := r.code(f, first)
	want := r.stale(identity.CodeSuperseded)
	if _, cannot := r.cannot[TellSuperseded]; cannot {
		want = identity.WrongCode
	}
	r.refused(err, want)
	r.granted(r.code(f, second))
}

func caseUsedCode(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	code := r.send(f, a.Email, 1)
	r.granted(r.code(f, code))
	_, err := r.code(f, code)
	r.refused(err, identity.SessionExpired, identity.CodeUsed)
	// A login that asked for no code has none to give; how that is said is the service's.
	if s, err := r.code(r.mustBegin(a.Email), code); err == nil || s != nil {
		r.t.Error("a used code was granted in another login")
	}
}

func caseResend(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	r.send(f, a.Email, 1)
	if _, err := r.answer(f, identity.CodeRequest{}); err != nil {
		e := r.refused(err, identity.TooManyAttempts, identity.Busy)
		if e.RetryAfter <= 0 {
			r.t.Error("too early, but not how long to wait")
		}
		if n := len(r.Codes(r.t, a.Email, 0)); n != 1 {
			r.t.Errorf("refused, and mailed: %d", n)
		}
		r.AllowResend(r.t)
		r.send(f, a.Email, 2)
	}
	codes := r.Codes(r.t, a.Email, 2)
	r.granted(r.code(f, codes[len(codes)-1]))
}

// exhaust repeats a refused answer until the service has enough.
func (r *rig) exhaust(try func(i int) error) {
	r.t.Helper()
	const most = 20
	for i := range most {
		err := try(i)
		if err == nil {
			r.t.Fatal("a wrong answer was granted")
		}
		if identity.KindOf(err) == identity.TooManyAttempts {
			return
		}
		r.refused(err, identity.WrongPassword, identity.WrongCode)
	}
	r.t.Fatalf("%d wrong answers, and no end", most)
}

func caseTooManyPasswords(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	r.exhaust(func(i int) error {
		_, err := r.password(f, "faux-"+strconv.Itoa(i)+"-mot")
		return err
	})
	// Wrong passwords never block the code.
	r.granted(r.code(f, r.send(f, a.Email, 1)))
}

func caseTooManyCodes(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	code := r.send(f, a.Email, 1)
	r.exhaust(func(i int) error {
		_, err := r.code(f, other(code, 1+i%9))
		return err
	})
	if s, err := r.code(f, code); err == nil || s != nil {
		r.t.Error("the right code was granted after too many wrong ones")
	}
}
