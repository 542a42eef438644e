//go:build realidp

package realidp_test

import (
	"context"
	"testing"
	"time"

	"portillon/internal/identity/identitytest"
	"portillon/internal/identity/kratos"
	"portillon/internal/postgrestest"
	"portillon/internal/realidp"
)

// kratosCannot is what Kratos 1.3.1 does not do.
var kratosCannot = map[identitytest.Ability]string{
	identitytest.ForgetTablet:   "Kratos knows no tablets",
	identitytest.LimitAttempts:  "Kratos counts wrong codes, but no wrong passwords",
	identitytest.NoAccountYet:   "Kratos offers such an account its code, and says no more",
	identitytest.TellSuperseded: "Kratos calls a replaced code invalid",
}

// conformanceCodeLife is long enough for mail on a busy machine, and short enough to wait for.
const conformanceCodeLife = 10 * time.Second

func TestKratosConformance(t *testing.T) {
	for name, o := range map[string]realidp.KratosOptions{
		"identifier first": {CodeLife: conformanceCodeLife},
		"unified":          {CodeLife: conformanceCodeLife, Unified: true},
	} {
		t.Run(name, func(t *testing.T) {
			cannot := map[identitytest.Ability]string{}
			for a, why := range kratosCannot {
				cannot[a] = why
			}
			if o.Unified {
				cannot[identitytest.TellAccounts] = "nobody is asked for before the password"
			}
			o.Database = postgres(t) // the suite has flows at once
			k := startKratos(t, o)
			identitytest.Run(t, identitytest.Harness{Cannot: cannot, Start: func(t *testing.T) *identitytest.Service {
				return serviceOf(t, k)
			}})
		})
	}
}

// serviceOf gives k, with nobody in it, to one case.
func serviceOf(t *testing.T, k *realidp.Kratos) *identitytest.Service {
	t.Helper()
	if err := k.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	earlier := map[string]int{} // mails of other cases
	seen := func(to string) []string {
		codes := k.Codes(to)
		if _, known := earlier[to]; !known {
			earlier[to] = len(codes)
		}
		return codes[earlier[to]:]
	}
	return &identitytest.Service{
		Provider: provider(t, k, conformanceCodeLife),
		Add: func(t testing.TB, a identitytest.Account) {
			t.Helper()
			seen(a.Email)
			seen(a.Secondary)
			add(t, k, a)
		},
		Codes: func(t testing.TB, to string, n int) []string {
			t.Helper()
			eventually(t, "mail", func() bool { return len(seen(to)) >= n })
			return seen(to)
		},
		Expire:      func(t testing.TB) { pass(t, conformanceCodeLife+time.Second) },
		AllowResend: func(testing.TB) {}, // Kratos asks nobody to wait
		Down: func(t testing.TB, down bool) {
			t.Helper()
			stopOrStart(t, k, down)
		},
	}
}

func add(t testing.TB, k *realidp.Kratos, a identitytest.Account) {
	t.Helper()
	err := k.Add(t.Context(), realidp.Person{Email: a.Email, Secondary: a.Secondary, Name: a.Name, Password: a.Password})
	if err != nil {
		t.Fatal(err)
	}
}

func stopOrStart(t testing.TB, k *realidp.Kratos, stop bool) {
	t.Helper()
	var err error
	if stop {
		err = k.Stop()
	} else {
		err = k.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// postgres is the address of an empty database.
func postgres(t *testing.T) string {
	t.Helper()
	pg, err := postgrestest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Close(); err != nil {
			t.Error(err)
		}
	})
	name, err := pg.Create(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return pg.URL(name)
}

func startKratos(t *testing.T, o realidp.KratosOptions) *realidp.Kratos {
	t.Helper()
	k, err := realidp.StartKratos(t.Context(), kratosBinary, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's last complaints:\n%s", k.Complaints(5))
		}
		if err := k.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return k
}

// provider is a tablet's way to k.
func provider(t *testing.T, k *realidp.Kratos, codeValid time.Duration) *kratos.Provider {
	t.Helper()
	roots, err := k.Roots()
	if err != nil {
		t.Fatal(err)
	}
	p, err := kratos.New(kratos.Config{
		Base: k.URL, CodeValid: codeValid, NameTraits: []string{"name"}, Pins: []string{k.Pin}, RootCAs: roots,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eventually waits for what another process does.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("no %s in 30 s", what)
		case <-tick.C:
		}
	}
}

// pass lets time pass at the server, whose clock is the machine's.
func pass(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal("the test is over")
	}
}
