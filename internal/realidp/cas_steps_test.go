//go:build realidp

package realidp_test

import (
	"errors"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/cas"
	"portillon/internal/identity/identitytest"
	"portillon/internal/realidp"
)

// casFlowLife is the shortest that Tomcat has for a session.
const casFlowLife = time.Minute

// slowStudent asks for a code and takes longer to type it than CAS keeps a flow.
type slowStudent struct {
	c     *realidp.CAS
	f     identity.Flow
	asked time.Time
}

const slowAddress = "lent@univ-uness.fr"

func newSlowStudent(t *testing.T, c *realidp.CAS, p *cas.Provider) *slowStudent {
	t.Helper()
	f, _, err := p.Begin(t.Context(), identitytest.Email(t, slowAddress))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	if _, err := f.Answer(t.Context(), identity.CodeRequest{}); err != nil {
		t.Fatal(err)
	}
	return &slowStudent{c, f, time.Now()}
}

// answers: the code is of no use any more, which is said at once; a new one works.
func (s *slowStudent) answers(t *testing.T) {
	pass(t, max(0, time.Until(s.asked.Add(casFlowLife+5*time.Second))))
	give := func(n int) (*identity.Session, error) {
		eventually(t, "mail", func() bool { return len(s.c.Codes(slowAddress)) >= n })
		o, err := s.f.Answer(t.Context(), identity.CodeAnswer{Code: identitytest.Secret(t, s.c.Codes(slowAddress)[n-1])})
		return o.Session, err
	}
	if _, err := give(1); identity.KindOf(err) != identity.CodeExpired {
		t.Errorf("%v", err)
	}
	if _, err := s.f.Answer(t.Context(), identity.CodeRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := give(2); err != nil {
		t.Error(err)
	}
}

// casSteps: pages of CAS's own that want more than a password or a code. Nothing is submitted to
// them: a second time each is there again.
func casSteps(t *testing.T, c *realidp.CAS, exam *cas.Provider) {
	t.Helper()
	at := func(cfg cas.Config) *cas.Provider {
		roots, err := c.Roots()
		if err != nil {
			t.Fatal(err)
		}
		cfg.Base, cfg.CodeValid, cfg.RootCAs, cfg.Pins = c.URL, time.Minute, roots, []string{c.Pin}
		p, err := cas.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, step := range map[string]struct {
		p      *cas.Provider
		who    string
		reason cas.Reason
	}{
		"terms of use":  {at(cas.Config{Mode: cas.ModeService, Service: realidp.CASTerms}), "zoe", cas.ReasonOtherStep},
		"consent":       {at(cas.Config{Mode: cas.ModeService, Service: realidp.CASConsent}), "zoe", cas.ReasonOtherStep},
		"second factor": {at(cas.Config{Mode: cas.ModeService, Service: realidp.CASSecondFactor}), "zoe", cas.ReasonOtherStep},
		"interrupt":     {exam, "interrupt", cas.ReasonOtherStep},
		"approval": {at(cas.Config{Mode: cas.ModeOAuth, ClientID: realidp.CASApproval, Scope: "openid profile", RedirectURI: realidp.CASCallback}),
			"zoe", cas.ReasonNoLogin},
	} {
		for range 2 {
			_, err := answerPassword(t, step.p, step.who+"@univ-uness.fr", "Mot-2-passe")
			var u *cas.UnexpectedPage
			if identity.KindOf(err) != identity.WebRequired || !errors.As(err, &u) || u.Reason != step.reason {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A CAS without passwordless login, which throttles by name.
func TestCASOnePage(t *testing.T) {
	if casProgram == nil {
		return // TestMain has said so
	}
	c := casDesk(t, realidp.CASOptions{OnePage: true, Throttle: true})
	for mode, who := range map[cas.Mode]string{cas.ModeOAuth: "zoe@univ-uness.fr", cas.ModeService: slowAddress} {
		p := casProvider(t, c, mode, time.Minute)
		f, ch, err := p.Begin(t.Context(), identitytest.Email(t, who))
		if err != nil || !ch.Password || ch.EmailCode {
			t.Fatal(ch, err)
		}
		f.Close()
		s, err := p.Survey(t.Context())
		if err != nil || len(s.Methods) != 1 || s.Methods[0] != "password" {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := answerPassword(t, p, who, "Mot-2-passe"); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
		if _, err := answerPassword(t, p, who, "faux"); identity.KindOf(err) != identity.WrongPassword {
			t.Errorf("%s: %v", mode, err)
		}
		casThrottled(t, c, p, who)
	}
}

// casThrottled: whoever has just failed is sent away, and what was given is not judged. For how long
// is CAS's to know: the failures go on until it has enough.
func casThrottled(t *testing.T, c *realidp.CAS, p *cas.Provider, who string) {
	t.Helper()
	const most = 20
	for range most {
		before, err := c.Attempts()
		if err != nil {
			t.Fatal(err)
		}
		switch _, err := answerPassword(t, p, who, "faux"); identity.KindOf(err) {
		case identity.WrongPassword:
			continue
		case identity.TooManyAttempts:
			if after, err := c.Attempts(); err != nil || after != before {
				t.Errorf("CAS judged %d passwords more, %v", after-before, err)
			}
		default:
			t.Error(err)
		}
		return
	}
	t.Errorf("%d failures in a row, and no end", most)
}
