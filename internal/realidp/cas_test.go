//go:build realidp

package realidp_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/cas"
	"portillon/internal/identity/identitytest"
	"portillon/internal/realidp"
)

// casCannot is what CAS does not do.
var casCannot = map[identitytest.Ability]string{
	identitytest.ForgetTablet:   "CAS knows no tablets",
	identitytest.LimitAttempts:  "CAS throttles by time, and says no more",
	identitytest.NoAccountYet:   "CAS mails such an account a code at once, and says no more",
	identitytest.TellSuperseded: "CAS says the same of every code that is not the right one",
}

// casCodeLife is long enough for mail on a busy machine, and short enough to wait for.
const casCodeLife = 20 * time.Second

func TestCASConformance(t *testing.T) {
	if casProgram == nil {
		return // TestMain has said so
	}
	c := startCAS(t, realidp.CASOptions{CodeLife: casCodeLife})
	for _, mode := range []cas.Mode{cas.ModeOAuth, cas.ModeService} {
		t.Run(string(mode), func(t *testing.T) {
			identitytest.Run(t, identitytest.Harness{Cannot: casCannot, Start: func(t *testing.T) *identitytest.Service {
				return casService(t, c, mode)
			}})
		})
	}
}

// casService gives c, with nobody in it, to one case.
func casService(t *testing.T, c *realidp.CAS, mode cas.Mode) *identitytest.Service {
	t.Helper()
	if err := c.Clear(); err != nil {
		t.Fatal(err)
	}
	earlier := map[string]int{} // mails of other cases
	seen := func(to string) []string {
		codes := c.Codes(to)
		if _, known := earlier[to]; !known {
			earlier[to] = len(codes)
		}
		return codes[earlier[to]:]
	}
	return &identitytest.Service{
		Provider: casProvider(t, c, mode, casCodeLife),
		Add: func(t testing.TB, a identitytest.Account) {
			t.Helper()
			seen(a.Email)
			seen(a.Secondary)
			if err := c.Add(realidp.Person{Email: a.Email, Secondary: a.Secondary, Name: a.Name, Password: a.Password}); err != nil {
				t.Fatal(err)
			}
		},
		Codes: func(t testing.TB, to string, n int) []string {
			t.Helper()
			eventually(t, "mail", func() bool { return len(seen(to)) >= n })
			return seen(to)
		},
		Expire:      func(t testing.TB) { pass(t, casCodeLife+time.Second) },
		AllowResend: func(testing.TB) {}, // CAS asks nobody to wait
		Down: func(t testing.TB, down bool) {
			t.Helper()
			casDown(t, c, down)
		},
	}
}

func casDown(t testing.TB, c *realidp.CAS, down bool) {
	t.Helper()
	var err error
	if down {
		err = c.Stop()
	} else {
		err = c.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func startCAS(t *testing.T, o realidp.CASOptions) *realidp.CAS {
	t.Helper()
	began := time.Now()
	c, err := realidp.StartCAS(t.Context(), casProgram, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Apereo CAS %s is ready after %v", realidp.CASVersion, time.Since(began).Round(time.Second))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's last complaints:\n%s", c.Complaints(5))
		}
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return c
}

// casProvider is a tablet's way to c.
func casProvider(t *testing.T, c *realidp.CAS, mode cas.Mode, codeValid time.Duration) *cas.Provider {
	t.Helper()
	roots, err := c.Roots()
	if err != nil {
		t.Fatal(err)
	}
	p, err := cas.New(cas.Config{
		Base: c.URL, Mode: mode, Service: realidp.CASService, ClientID: realidp.CASClient, Scope: "openid profile",
		RedirectURI: realidp.CASCallback, CodeValid: codeValid, Pins: []string{c.Pin}, RootCAs: roots,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// casDesk is one CAS with people in it.
func casDesk(t *testing.T, o realidp.CASOptions) *realidp.CAS {
	t.Helper()
	c := startCAS(t, o)
	for _, p := range []realidp.Person{
		{Email: "zoe@univ-uness.fr", Name: "Zoé Martin", Password: "Mot-2-passe"},
		{Email: "sans@univ-uness.fr", Name: "Sans Motdepasse"},
		{Email: "disabled@univ-uness.fr", Password: "Mot-2-passe", State: "disabled"},
		{Email: "locked@univ-uness.fr", Password: "Mot-2-passe", State: "locked"},
		{Email: "expired@univ-uness.fr", Password: "Mot-2-passe", State: "expired"},
		{Email: "interrupt@univ-uness.fr", Password: "Mot-2-passe", State: "interrupt"},
		{Email: "lent@univ-uness.fr", Name: "Lent Martin", Password: "Mot-2-passe"},
	} {
		if err := c.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func answerPassword(t *testing.T, p identity.Provider, address, password string) (*identity.Session, error) {
	t.Helper()
	f, _, err := p.Begin(t.Context(), identitytest.Email(t, address))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o, err := f.Answer(t.Context(), identity.PasswordAnswer{Password: identitytest.Secret(t, password)})
	return o.Session, err
}

func TestCASScenarios(t *testing.T) {
	if casProgram == nil {
		return // TestMain has said so
	}
	c := casDesk(t, realidp.CASOptions{FlowLife: casFlowLife})
	p := casProvider(t, c, cas.ModeService, 180*time.Second)
	slow := newSlowStudent(t, c, p)
	t.Run("what a doctor sees", func(t *testing.T) {
		h, err := p.Check(t.Context())
		if err != nil || !strings.Contains(h.Detail, "Apereo CAS "+realidp.CASVersion) || !strings.Contains(h.Detail, "identifier first") {
			t.Errorf("%q, %v", h.Detail, err)
		}
	})
	t.Run("one judgement a password", func(t *testing.T) { casOneJudgement(t, c, p) })
	t.Run("accounts that may not", func(t *testing.T) {
		for _, who := range []string{"disabled", "locked", "expired"} {
			_, err := answerPassword(t, p, who+"@univ-uness.fr", "Mot-2-passe")
			if identity.KindOf(err) != identity.AccountBlocked {
				t.Errorf("%s: %v", who, err)
			}
		}
	})
	t.Run("steps without a screen", func(t *testing.T) { casSteps(t, c, p) })
	t.Run("an account without a password", func(t *testing.T) {
		f, ch, err := p.Begin(t.Context(), identitytest.Email(t, "sans@univ-uness.fr"))
		if err != nil || ch.Password || !ch.EmailCode || ch.Sent == nil {
			t.Fatal(ch, err)
		}
		f.Close()
	})
	t.Run("a client nobody knows", func(t *testing.T) {
		roots, err := c.Roots()
		if err != nil {
			t.Fatal(err)
		}
		for _, cfg := range []cas.Config{
			{Mode: cas.ModeService, Service: "https://elsewhere.example/"},
			{Mode: cas.ModeOAuth, ClientID: "nobody", RedirectURI: realidp.CASCallback},
		} {
			cfg.Base, cfg.CodeValid, cfg.RootCAs = c.URL, time.Minute, roots
			stranger, err := cas.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stranger.Check(t.Context()); identity.KindOf(err) != identity.Misconfigured {
				t.Errorf("%s: %v", cfg.Mode, err)
			}
		}
	})
	t.Run("twenty at once", func(t *testing.T) { casTwenty(t, c) })
	t.Run("a flow that ran out", slow.answers)
}

func casOneJudgement(t *testing.T, c *realidp.CAS, p *cas.Provider) {
	t.Helper()
	before, err := c.Attempts()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answerPassword(t, p, "zoe@univ-uness.fr", "faux"); identity.KindOf(err) != identity.WrongPassword {
		t.Error(err)
	}
	if _, err := answerPassword(t, p, "zoe@univ-uness.fr", "Mot-2-passe"); err != nil {
		t.Error(err)
	}
	after := before
	eventually(t, "judgement in the server's log", func() bool {
		after, err = c.Attempts()
		return err != nil || after >= before+2
	})
	if err != nil || after != before+2 {
		t.Errorf("CAS judged %d times (%v), want 2", after-before, err)
	}
}

func casTwenty(t *testing.T, c *realidp.CAS) {
	t.Helper()
	p := casProvider(t, c, cas.ModeOAuth, time.Minute)
	var wg sync.WaitGroup
	for i := range 20 {
		who := "e" + strconv.Itoa(i) + "@univ-uness.fr"
		if err := c.Add(realidp.Person{Email: who, Name: "Étudiant " + strconv.Itoa(i), Password: "Mot-2-passe"}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		wg.Go(func() {
			s, err := answerPassword(t, p, "e"+strconv.Itoa(i)+"@univ-uness.fr", "Mot-2-passe")
			if err != nil || s.Name != "Étudiant "+strconv.Itoa(i) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
}
