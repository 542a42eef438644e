package cas

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
)

// cannot is what CAS does not do, here and in truth.
var cannot = map[identitytest.Ability]string{
	identitytest.ForgetTablet:   "CAS knows no tablets",
	identitytest.LimitAttempts:  "CAS throttles by time, and says no more",
	identitytest.NoAccountYet:   "CAS mails such an account a code at once, and says no more",
	identitytest.TellSuperseded: "CAS says the same of every code that is not the right one",
}

func TestConformance(t *testing.T) {
	for _, m := range []Mode{ModeOAuth, ModeService} {
		t.Run(string(m), func(t *testing.T) {
			identitytest.Run(t, identitytest.Harness{Start: started(m, false), Cannot: cannot})
		})
	}
}

var zoe = identitytest.Account{Email: "zoe@univ-uness.fr", Password: "Mot-2-passe+&=%20é", Name: "Zoé Martin"}

// tabletFor is a provider for r, where zoe has an account.
func tabletFor(t *testing.T, r *reference, m Mode) *Provider {
	t.Helper()
	r.accounts = append(r.accounts, zoe)
	return mustNew(t, r.config(m))
}

// A code after a wrong password takes a flow of its own, and the password is posted once.
func TestCodeAfterWrongPassword(t *testing.T) {
	r := newReference(t)
	f := identitytest.Begin(t, tabletFor(t, r, ModeService), zoe.Email)
	_, err := identitytest.Password(t, f, "faux")
	identitytest.Refused(t, err, identity.WrongPassword)
	o, err := f.Answer(t.Context(), identity.CodeRequest{})
	if err != nil || o.Challenge.Sent == nil || o.Challenge.Sent.ValidFor != refCodeLife {
		t.Fatal(err)
	}
	s, err := identitytest.Code(t, f, r.mails[zoe.Email][0])
	if err != nil || !strings.HasPrefix(s.ServiceURL, service+"&ticket=ST-") || !strings.HasPrefix(s.Cookie, "TGC=") {
		t.Errorf("%v", err)
	}
	want := []string{
		"GET /login", "POST /login username", "POST /login PASSWORD", "POST /login username password",
		"GET /login", "POST /login username", "POST /login TOKEN", "POST /login token",
	}
	if got := r.lines(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A page that waited for a student is not given the password: CAS may have forgotten it.
func TestOldPagesAreNotTrusted(t *testing.T) {
	r := newReference(t)
	cfg := r.config(ModeOAuth)
	r.accounts = append(r.accounts, zoe)
	ahead := time.Duration(0)
	cfg.Now = func() time.Time { return time.Now().Add(ahead) }
	f := identitytest.Begin(t, mustNew(t, cfg), zoe.Email)
	ahead = time.Minute
	r.set(func() { clear(r.flows) }) // a restart
	s, err := identitytest.Password(t, f, zoe.Password)
	if err != nil || s.Name != zoe.Name || s.Subject != zoe.Email {
		t.Fatal(err)
	}
	if n := r.posts("password"); n != 1 {
		t.Errorf("the password was posted %d times", n)
	}
}

// CAS restarted while a code was on its way: the code is of no use, a new one works.
func TestRestartBetweenCodeAndAnswer(t *testing.T) {
	r := newReference(t)
	f := identitytest.Begin(t, tabletFor(t, r, ModeOAuth), zoe.Email)
	if _, err := f.Answer(t.Context(), identity.CodeRequest{}); err != nil {
		t.Fatal(err)
	}
	r.set(func() { clear(r.flows); clear(r.codes) })
	for range 2 {
		_, err := identitytest.Code(t, f, r.mails[zoe.Email][0])
		identitytest.Refused(t, err, identity.CodeExpired)
	}
	if _, err := f.Answer(t.Context(), identity.CodeRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := identitytest.Code(t, f, r.mails[zoe.Email][1]); err != nil {
		t.Error(err)
	}
	if n := r.posts("token"); n != 2 {
		t.Errorf("%d codes were posted", n)
	}
}

// A code that CAS could not be given, or did not judge, is as good as before.
func TestCodeOutlivesTrouble(t *testing.T) {
	var n identitytest.Network
	r := newReference(t)
	cfg := r.config(ModeOAuth)
	cfg.Dial = n.Dial
	r.accounts = append(r.accounts, zoe)
	f := identitytest.Begin(t, mustNew(t, cfg), zoe.Email)
	if _, err := f.Answer(t.Context(), identity.CodeRequest{}); err != nil {
		t.Fatal(err)
	}
	n.Cut(true)
	r.srv.CloseClientConnections()
	_, err := identitytest.Code(t, f, r.mails[zoe.Email][0])
	if k := identity.KindOf(err); k != identity.Refused && k != identity.ConnectionLost { // the old connection's end may not have been seen yet
		t.Error(err)
	}
	n.Cut(false)
	for status, want := range map[int]identity.Kind{
		http.StatusServiceUnavailable: identity.Busy, http.StatusTooManyRequests: identity.Busy, http.StatusLocked: identity.TooManyAttempts,
	} {
		r.set(func() { r.override = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) } })
		_, err := identitytest.Code(t, f, r.mails[zoe.Email][0])
		identitytest.Refused(t, err, want)
	}
	r.set(func() { r.override = nil })
	if _, err := identitytest.Code(t, f, r.mails[zoe.Email][0]); err != nil {
		t.Error(err)
	}
}

// CAS that is broken is told from CAS that has forgotten.
func TestCodeToBrokenCAS(t *testing.T) {
	r := newReference(t)
	f := identitytest.Begin(t, tabletFor(t, r, ModeService), zoe.Email)
	if _, err := f.Answer(t.Context(), identity.CodeRequest{}); err != nil {
		t.Fatal(err)
	}
	r.set(func() {
		r.override = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	})
	_, err := identitytest.Code(t, f, r.mails[zoe.Email][0])
	identitytest.Refused(t, err, identity.ServiceUnavailable)
	r.set(func() { r.override = nil })
	_, err = identitytest.Code(t, f, r.mails[zoe.Email][0])
	identitytest.Refused(t, err, identity.CodeExpired)
}

// The way breaks after CAS has let the student in: it is asked once more, by the session.
func TestWayBreaksAfterTheGrant(t *testing.T) {
	r := newReference(t)
	f := identitytest.Begin(t, tabletFor(t, r, ModeOAuth), zoe.Email)
	broken := 0
	r.set(func() {
		r.override = func(_ http.ResponseWriter, req *http.Request) {
			if broken < 2 && r.tgc(req) != "" {
				broken++ // net/http tries twice by itself
				panic(http.ErrAbortHandler)
			}
		}
	})
	s, err := identitytest.Password(t, f, zoe.Password)
	if err != nil || s.Name != zoe.Name || broken != 2 {
		t.Fatal(err, broken)
	}
	if n := r.posts("password"); n != 1 {
		t.Errorf("the password was posted %d times", n)
	}
}

func TestSurvey(t *testing.T) {
	for combined, want := range map[bool]string{
		false: "Apereo CAS 7.2.0; methods told per account; mode service, identifier first, page ",
		true:  "Apereo CAS 7.2.0; methods: password; mode service, identifier and password on one page: no code, page ",
	} {
		r := newReference(t)
		r.combined = combined
		s, err := mustNew(t, r.config(ModeService)).Survey(t.Context())
		if err != nil || !strings.HasPrefix(s.String(), want) || s.ServerTime.IsZero() || !strings.Contains(s.Detail, "TLS 1.3") {
			t.Errorf("%q, %v", s, err)
		}
	}
	r := newReference(t)
	answering := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	r.set(func() { r.override = answering })
	s, err := mustNew(t, r.config(ModeOAuth)).Survey(t.Context())
	identitytest.Refused(t, err, identity.ServiceUnavailable)
	if s.ServerTime.IsZero() || s.Protocol == "" {
		t.Errorf("%+v", s)
	}
}

// A CAS without the menu: no code, and no way to know who is known.
func TestIdentifierAndPasswordOnOnePage(t *testing.T) {
	r := newReference(t)
	r.combined = true
	p := tabletFor(t, r, ModeService)
	f, c, err := p.Begin(t.Context(), identitytest.Email(t, zoe.Email))
	if err != nil || !c.Password || c.EmailCode || c.CodeValid != 0 {
		t.Fatal(c, err)
	}
	defer f.Close()
	_, err = identitytest.Password(t, f, "faux")
	identitytest.Refused(t, err, identity.WrongPassword)
	_, err = f.Answer(t.Context(), identity.CodeRequest{})
	identitytest.Refused(t, err, identity.WebRequired)
	if _, err := identitytest.Password(t, f, zoe.Password); err != nil {
		t.Error(err)
	}
}

// answering has the reference answer a request that carries a password with something else.
func answering(r *reference, status int, name string) {
	r.set(func() {
		r.override = func(w http.ResponseWriter, req *http.Request) {
			if req.Method != http.MethodPost || !strings.HasSuffix(r.seen[len(r.seen)-1], "password") {
				return
			}
			a := fixture(r.t, name)
			w.Header().Set("Content-Type", htmlType)
			w.WriteHeader(status)
			_, _ = w.Write(a.Body)
		}
	})
}

func TestWhatFollowsAPassword(t *testing.T) {
	for _, c := range []struct {
		status int
		name   string
		want   identity.Kind
	}{
		{401, "account-disabled", identity.AccountBlocked}, {401, "account-locked", identity.AccountBlocked},
		{200, "terms-of-use", identity.WebRequired}, {200, "consent", identity.WebRequired}, {200, "second-factor", identity.WebRequired},
		{200, "interrupt", identity.WebRequired}, {401, "password-expired", identity.AccountBlocked}, {200, "account-locked", identity.UnexpectedAnswer},
		{401, "wrong-password", identity.WrongPassword}, {401, "password", identity.WrongPassword},
		{200, "password", identity.WrongPassword}, {200, "who", identity.SessionExpired}, {200, "token", identity.WebRequired},
		{423, "who", identity.TooManyAttempts}, {429, "who", identity.Busy}, {503, "who", identity.Busy},
		{500, "stale", identity.ServiceUnavailable}, {307, "who", identity.UnexpectedAnswer}, {302, "who", identity.UnexpectedAnswer},
	} {
		r := newReference(t)
		f := identitytest.Begin(t, tabletFor(t, r, ModeService), zoe.Email)
		answering(r, c.status, c.name)
		_, err := identitytest.Password(t, f, zoe.Password)
		identitytest.Refused(t, err, c.want)
		if n := r.posts("password"); n != 1 {
			t.Errorf("%d %s: posted %d times", c.status, c.name, n)
		}
	}
}

// What a login ends in is checked: state, code, ticket.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		mode Mode
		to   string
		want identity.Kind
	}{
		"no ticket":      {ModeService, service, identity.UnexpectedAnswer},
		"two tickets":    {ModeService, service + "&ticket=a&ticket=b", identity.UnexpectedAnswer},
		"other service":  {ModeService, "https://evaluation.example/login/index.php?ticket=a", identity.UnexpectedAnswer},
		"other host":     {ModeService, "https://evil.example/login/index.php?a=b&ticket=a", identity.UnexpectedAnswer},
		"a user in it":   {ModeService, "https://x@evaluation.example/login/index.php?a=b&ticket=a", identity.UnexpectedAnswer},
		"another state":  {ModeOAuth, callback + "?code=c&state=s", identity.UnexpectedAnswer},
		"no state":       {ModeOAuth, callback + "?code=c", identity.UnexpectedAnswer},
		"other callback": {ModeOAuth, callback + "/x?code=c&state=s", identity.UnexpectedAnswer},
	} {
		r := newReference(t)
		f := identitytest.Begin(t, tabletFor(t, r, c.mode), zoe.Email)
		r.set(func() {
			r.override = func(w http.ResponseWriter, req *http.Request) {
				if strings.HasSuffix(r.seen[len(r.seen)-1], "password") {
					http.Redirect(w, req, c.to, http.StatusFound)
				}
			}
		})
		_, err := identitytest.Password(t, f, zoe.Password)
		if err == nil || identity.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
