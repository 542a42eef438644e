package identitytest

import (
	"context"
	"net/url"
	"strconv"
	"sync"
	"time"

	"portillon/internal/identity"
)

// The cases about accounts, flows and sessions; those about secrets are in suite.go.

func caseUnknownAccount(r *rig) {
	_, _, err := r.begin("personne-4711@univ-uness.fr")
	r.refused(err, identity.AccountUnknown)
}

func caseUnknownTablet(r *rig) {
	a := r.account(canary())
	r.KnownTablet(r.t, false)
	_, known, err := r.begin(a.Email)
	if err != nil {
		r.t.Fatal(err)
	}
	f, unknown, err := r.begin("personne-4711@univ-uness.fr")
	if err != nil {
		r.t.Fatal(err)
	}
	if known != unknown {
		r.t.Errorf("an account shows: %+v, none: %+v", known, unknown)
	}
	_, err = r.password(f, "quelque chose")
	r.refused(err, identity.WrongPassword)
	if n := len(r.Codes(r.t, "personne-4711@univ-uness.fr", 0)); n != 0 {
		r.t.Errorf("%d mails to nobody", n)
	}
}

func caseNotConfigured(r *rig) {
	a := canary()
	a.Unconfigured, a.Password = true, ""
	r.account(a)
	_, _, err := r.begin(a.Email)
	e := r.refused(err, identity.AccountNotConfigured)
	if u, perr := url.Parse(e.SetupURI); perr != nil || e.SetupURI != "" && u.Scheme != "https" {
		r.t.Errorf("set-up address %q", e.SetupURI)
	}
}

func caseSecondary(r *rig) {
	a := r.account(canary())
	r.granted(r.password(r.mustBegin(a.Secondary), a.Password))
	f := r.mustBegin(a.Secondary)
	r.granted(r.code(f, r.send(f, a.Secondary, 1)))
	if n := len(r.Codes(r.t, a.Email, 0)); n != 0 {
		r.t.Errorf("%d codes went to the address that was not typed", n)
	}
}

func caseBeginTwice(r *rig) {
	a := r.account(canary())
	r.mustBegin(a.Email)
	r.granted(r.password(r.mustBegin(a.Email), a.Password))
	if n := len(r.Codes(r.t, a.Email, 0)); n != 0 {
		r.t.Errorf("%d codes mailed unasked", n)
	}
}

func caseClosed(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	f.Close()
	f.Close()
	_, err := r.password(f, a.Password)
	r.refused(err, identity.SessionExpired)
	_, err = r.answer(f, identity.CodeRequest{})
	r.refused(err, identity.SessionExpired)
	_, err = r.code(f, "000000")
	r.refused(err, identity.SessionExpired)
}

func caseDoneContext(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	canceled, cancel := context.WithCancel(r.t.Context())
	cancel()
	late, cancel := context.WithTimeout(r.t.Context(), -time.Second)
	defer cancel()
	for ctx, want := range map[context.Context]identity.Kind{
		canceled: identity.Canceled, late: identity.TimedOut,
	} {
		_, _, err := r.Provider.Begin(ctx, Email(r.t, a.Email))
		r.refused(r.watch(err), want)
		_, err = f.Answer(ctx, identity.PasswordAnswer{Password: Secret(r.t, a.Password)})
		r.refused(r.watch(err), want)
		_, err = r.Provider.Check(ctx)
		r.refused(r.watch(err), want)
	}
	r.granted(r.password(f, a.Password))
}

func caseGoneAndBack(r *rig) {
	a := r.account(canary())
	f := r.mustBegin(a.Email)
	r.Down(r.t, true)
	gone := []identity.Kind{identity.Refused, identity.TimedOut, identity.ConnectionLost, identity.NoRoute,
		identity.NoNetwork, identity.ServiceUnavailable, identity.Busy, identity.NameNotFound}
	_, _, err := r.begin(a.Email)
	r.refused(err, gone...)
	_, err = r.password(f, a.Password)
	r.refused(err, gone...)
	_, err = r.Provider.Check(r.t.Context())
	r.refused(r.watch(err), gone...)
	r.Down(r.t, false)
	if _, err := r.Provider.Check(r.t.Context()); r.watch(err) != nil {
		r.t.Fatal(err)
	}
	s, err := r.password(f, a.Password)
	if identity.KindOf(err) == identity.SessionExpired {
		s, err = r.password(r.mustBegin(a.Email), a.Password)
	}
	r.granted(s, err)
}

func caseRenew(r *rig) {
	_, err := r.Provider.Renew(r.t.Context(), &identity.Session{})
	r.refused(r.watch(err), identity.SessionExpired)
	a := r.account(canary())
	old := r.granted(r.password(r.mustBegin(a.Email), a.Password))
	r.secretly(old.AccessToken, old.RefreshToken, old.Cookie)
	if !r.Provider.Traits().Remembers {
		_, err := r.Provider.Renew(r.t.Context(), old)
		r.refused(r.watch(err), identity.SessionExpired)
		return
	}
	fresh, err := r.Provider.Renew(r.t.Context(), old)
	r.granted(fresh, r.watch(err))
	if fresh.Subject != old.Subject || fresh.Name != old.Name || fresh.ExtraTime != old.ExtraTime ||
		!fresh.GrantedAt.Equal(old.GrantedAt) {
		r.t.Error("renewing changed who, or since when")
	}
	again, err := r.Provider.Renew(r.t.Context(), fresh)
	r.granted(again, r.watch(err))
	if old.RefreshToken != fresh.RefreshToken {
		_, err := r.Provider.Renew(r.t.Context(), old)
		r.refused(r.watch(err), identity.SessionExpired)
	}
}

func caseRevoke(r *rig) {
	a := r.account(canary())
	s := r.granted(r.password(r.mustBegin(a.Email), a.Password))
	if err := r.watch(r.Provider.Revoke(r.t.Context(), s)); err != nil {
		r.t.Fatal(err)
	}
	_, err := r.Provider.Renew(r.t.Context(), s)
	r.refused(r.watch(err), identity.SessionExpired)
}

func caseConcurrent(r *rig) {
	const flows = 8
	var wg sync.WaitGroup
	for i := range flows {
		a := canary()
		a.Email, a.Secondary = "zoe."+strconv.Itoa(i)+"@univ-uness.fr", ""
		a.Name += " " + string(rune('A'+i))
		r.account(a)
		wg.Go(func() {
			f, _, err := r.begin(a.Email)
			if err != nil {
				r.t.Error(err)
				return
			}
			s, err := r.password(f, a.Password)
			if err != nil {
				r.t.Error(err)
				return
			}
			if s.Name != "" && s.Name != a.Name {
				r.t.Error("one flow got another's session")
			}
		})
	}
	wg.Wait()
}
