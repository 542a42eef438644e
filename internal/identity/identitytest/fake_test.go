package identitytest

import (
	"context"
	"errors"
	"testing"

	"portillon/internal/identity"
)

func fakeService(f *Fake) *Service {
	return &Service{
		Provider:    f,
		Add:         func(_ testing.TB, a Account) { f.Add(a) },
		Codes:       func(_ testing.TB, to string, _ int) []string { return f.Mailed(to) },
		Expire:      func(testing.TB) { f.Pass(FakeCodeValid) },
		AllowResend: func(testing.TB) { f.Pass(fakeResend) },
		Down:        func(_ testing.TB, down bool) { f.SetDown(down) },
		KnownTablet: func(_ testing.TB, known bool) { f.SetKnownTablet(known) },
	}
}

// The unknown account needs at least one known one.
func start(f func() *Fake) func(*testing.T) *Service {
	return func(*testing.T) *Service {
		fake := f()
		fake.Add(Account{Email: "autre@univ-uness.fr", Password: "autre"})
		return fakeService(fake)
	}
}

func TestFakeConforms(t *testing.T) {
	Run(t, Harness{Start: start(func() *Fake { return new(Fake) })})
}

func TestLimitedFakeConforms(t *testing.T) {
	all := identity.Traits{TellsExpiry: true, TellsRemaining: true, Remembers: true}
	Run(t, Harness{Start: start(func() *Fake { return &Fake{Limited: all} })})
}

func TestFakeZeroValue(t *testing.T) {
	var f Fake
	flow, c, err := f.Begin(t.Context(), Email(t, "a@b.fr"))
	if err != nil || !c.Password || !c.EmailCode {
		t.Fatal(c, err)
	}
	o, err := flow.Answer(t.Context(), identity.PasswordAnswer{Password: Secret(t, "x")})
	if err != nil || o.Session == nil {
		t.Fatal(o, err)
	}
	if f.Count("begin") != 1 || f.Count("password") != 1 {
		t.Errorf("calls %+v", f.Calls())
	}
}

func TestFakeReplies(t *testing.T) {
	var f Fake
	want := identity.Fail("begin", identity.Busy, "")
	f.Next("begin", Reply{Err: want})
	if _, _, err := f.Begin(t.Context(), Email(t, "a@b.fr")); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	flow, _, err := f.Begin(t.Context(), Email(t, "a@b.fr"))
	if err != nil {
		t.Fatal(err)
	}
	f.Next("send_code", Reply{Until: make(chan struct{})})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := flow.Answer(ctx, identity.CodeRequest{}); identity.KindOf(err) != identity.Canceled {
		t.Errorf("held back and cancelled: %v", err)
	}
	granted := &identity.Session{AccessToken: "t"}
	f.Next("code", Reply{Session: granted})
	o, err := flow.Answer(t.Context(), identity.CodeAnswer{Code: Secret(t, "000000")})
	if err != nil || o.Session != granted {
		t.Errorf("got %+v, %v", o, err)
	}
}
