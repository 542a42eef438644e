//go:build realidp

package realidp_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/identity/kratos"
	"portillon/internal/realidp"
)

// desk is one server with one student, seen from a tablet.
type desk struct {
	*realidp.Kratos
	t *testing.T
	p *kratos.Provider
}

var zoe = identitytest.Account{
	Email: "zoe@univ-uness.fr", Secondary: "zoe@courriel.example", Password: "Mot-2-passe é%&=+", Name: "Zoé Martin",
}

func newDesk(t *testing.T, o realidp.KratosOptions) *desk {
	t.Helper()
	k := startKratos(t, o)
	add(t, k, zoe)
	valid := o.CodeLife
	if valid == 0 {
		valid = 3 * time.Minute
	}
	return &desk{k, t, provider(t, k, valid)}
}

func (d *desk) begin(address string) identity.Flow {
	d.t.Helper()
	f, _, err := d.p.Begin(d.t.Context(), identitytest.Email(d.t, address))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(f.Close)
	return f
}

func (d *desk) password(f identity.Flow, text string) (*identity.Session, error) {
	d.t.Helper()
	o, err := f.Answer(d.t.Context(), identity.PasswordAnswer{Password: identitytest.Secret(d.t, text)})
	return o.Session, err
}

func (d *desk) code(f identity.Flow, text string) (*identity.Session, error) {
	d.t.Helper()
	o, err := f.Answer(d.t.Context(), identity.CodeAnswer{Code: identitytest.Secret(d.t, text)})
	return o.Session, err
}

// mailed asks for a code and reads it on the student's phone.
func (d *desk) mailed(f identity.Flow, to string) string {
	d.t.Helper()
	before := len(d.Codes(to))
	if _, err := f.Answer(d.t.Context(), identity.CodeRequest{}); err != nil {
		d.t.Fatal(err)
	}
	eventually(d.t, "mail", func() bool { return len(d.Codes(to)) > before })
	codes := d.Codes(to)
	return codes[len(codes)-1]
}

func (d *desk) granted(s *identity.Session, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	if s.Name != zoe.Name || s.AccessToken == "" || s.ExpiresAt.Before(time.Now()) {
		d.t.Errorf("session of %q until %v", s.Name, s.ExpiresAt)
	}
}

func (d *desk) refused(err error, want identity.Kind) {
	d.t.Helper()
	if got := identity.KindOf(err); got != want {
		d.t.Errorf("refused with %v (%v), want %v", got, err, want)
	}
}

// posts counts what the server's own log says was posted to login flows.
func (d *desk) posts() (n int) {
	d.t.Helper()
	rs, err := d.Requests()
	if err != nil {
		d.t.Fatal(err)
	}
	for _, r := range rs {
		if r.Method == "POST" && r.Path == "/self-service/login" {
			n++
		}
	}
	return n
}

// morePosts waits until the log holds what was answered, and checks the number.
func (d *desk) morePosts(than, want int, what string) {
	d.t.Helper()
	eventually(d.t, "line in the server's log", func() bool { return d.posts() >= than+want })
	if got := d.posts() - than; got != want {
		d.t.Errorf("%s: %d requests posted, want %d", what, got, want)
	}
}

// Every way to answer, and what the server saw of it: one POST for each answer.
func TestKratosAnswers(t *testing.T) {
	d := newDesk(t, realidp.KratosOptions{})
	f := d.begin(zoe.Email)
	n := d.posts()
	_, err := d.password(f, "faux")
	d.refused(err, identity.WrongPassword)
	d.morePosts(n, 1, "wrong password")

	n = d.posts()
	d.granted(d.password(f, zoe.Password))
	d.morePosts(n, 1, "password")

	f = d.begin(zoe.Secondary)
	first := d.mailed(f, zoe.Secondary)
	n = d.posts()
	_, err = d.code(f, wrongCode(first))
	d.refused(err, identity.WrongCode)
	d.morePosts(n, 1, "wrong code")
	second := d.mailed(f, zoe.Secondary)
	_, err = d.code(f, first)
	d.refused(err, identity.WrongCode)
	n = d.posts()
	d.granted(d.code(f, second))
	d.morePosts(n, 1, "code")
	if got := len(d.Codes(zoe.Email)); got != 0 {
		t.Errorf("%d mails to the address that was not typed", got)
	}
}

func wrongCode(code string) string {
	if strings.HasPrefix(code, "0") {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

func TestKratosExpiredCode(t *testing.T) {
	const life = 3 * time.Second
	d := newDesk(t, realidp.KratosOptions{CodeLife: life})
	f := d.begin(zoe.Email)
	code := d.mailed(f, zoe.Email)
	pass(t, life+time.Second)
	_, err := d.code(f, code)
	d.refused(err, identity.CodeExpired)
	d.granted(d.password(f, zoe.Password))
}

// After five wrong codes Kratos takes no code any more in that flow, though it would mail
// more of them; a new one works, because it is asked for in a new flow.
func TestKratosTooManyCodes(t *testing.T) {
	d := newDesk(t, realidp.KratosOptions{})
	f := d.begin(zoe.Email)
	code := d.mailed(f, zoe.Email)
	for range 5 {
		_, err := d.code(f, wrongCode(code))
		d.refused(err, identity.WrongCode)
	}
	_, err := d.code(f, code)
	d.refused(err, identity.TooManyAttempts)
	d.granted(d.code(f, d.mailed(f, zoe.Email)))
}

// A flow that has run out at the server before the tablet thinks so.
func TestKratosExpiredFlow(t *testing.T) {
	const life = 20 * time.Second
	d := newDesk(t, realidp.KratosOptions{FlowLife: life})
	f := d.begin(zoe.Email)
	pass(t, life+time.Second)
	// The tablet knows, and opens another by itself.
	d.granted(d.password(f, zoe.Password))
}

// An unknown address: told at once, or hidden where Kratos is configured to.
func TestKratosUnknownUser(t *testing.T) {
	const nobody = "personne@univ-uness.fr"
	d := newDesk(t, realidp.KratosOptions{})
	_, _, err := d.p.Begin(t.Context(), identitytest.Email(t, nobody))
	d.refused(err, identity.AccountUnknown)

	d = newDesk(t, realidp.KratosOptions{HideAccounts: true})
	f := d.begin(nobody)
	_, err = d.password(f, "quelque chose")
	d.refused(err, identity.WrongPassword)
	// Of the code, Kratos says it all the same.
	_, err = f.Answer(t.Context(), identity.CodeRequest{})
	d.refused(err, identity.AccountUnknown)
	if n := len(d.Codes(nobody)); n != 0 {
		t.Errorf("%d mails to nobody", n)
	}
	d.granted(d.password(d.begin(zoe.Email), zoe.Password))
}

// An account that the administrator has taken out of use: told once the password is right.
func TestKratosDisabled(t *testing.T) {
	d := newDesk(t, realidp.KratosOptions{})
	if err := d.Add(t.Context(), realidp.Person{Email: "lea@univ-uness.fr", Password: zoe.Password, State: "disabled"}); err != nil {
		t.Fatal(err)
	}
	f := d.begin("lea@univ-uness.fr")
	_, err := d.password(f, "faux")
	d.refused(err, identity.WrongPassword)
	_, err = d.password(f, zoe.Password)
	d.refused(err, identity.AccountBlocked)
	_, err = d.code(f, d.mailed(f, "lea@univ-uness.fr"))
	d.refused(err, identity.AccountBlocked)
}

// An account without a password is offered its code alone; a server without codes offers
// none.
func TestKratosOffers(t *testing.T) {
	d := newDesk(t, realidp.KratosOptions{})
	if err := d.Add(t.Context(), realidp.Person{Email: "leo@univ-uness.fr"}); err != nil {
		t.Fatal(err)
	}
	_, c, err := d.p.Begin(t.Context(), identitytest.Email(t, "leo@univ-uness.fr"))
	if err != nil || c.Password || !c.EmailCode {
		t.Errorf("%+v, %v", c, err)
	}
	d = newDesk(t, realidp.KratosOptions{NoCode: true})
	_, c, err = d.p.Begin(t.Context(), identitytest.Email(t, zoe.Email))
	if err != nil || !c.Password || c.EmailCode || c.CodeValid != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

// The server is restarted while a student reads his mail: nothing is lost.
func TestKratosRestart(t *testing.T) {
	d := newDesk(t, realidp.KratosOptions{})
	f, g := d.begin(zoe.Email), d.begin(zoe.Email)
	code := d.mailed(f, zoe.Email)
	stopOrStart(t, d.Kratos, true)
	_, err := d.password(g, zoe.Password)
	d.refused(err, identity.Refused)
	stopOrStart(t, d.Kratos, false)
	d.granted(d.code(f, code))
	d.granted(d.password(g, zoe.Password))
}

// Twenty tablets, half of them with codes.
func TestKratosTwentyAtOnce(t *testing.T) {
	d := newDesk(t, realidp.KratosOptions{Database: postgres(t)})
	var wg sync.WaitGroup
	for i := range 20 {
		a := identitytest.Account{
			Email: fmt.Sprintf("etu%02d@univ-uness.fr", i), Password: fmt.Sprintf("Mot-2-passe-%02d", i), Name: fmt.Sprintf("Étudiant %02d", i),
		}
		add(t, d.Kratos, a)
		wg.Go(func() {
			s, err := d.login(a, i%2 == 0)
			if err != nil || s.Name != a.Name {
				t.Errorf("student %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func (d *desk) login(a identitytest.Account, byPassword bool) (*identity.Session, error) {
	f, _, err := d.p.Begin(d.t.Context(), identitytest.Email(d.t, a.Email))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if byPassword {
		return d.password(f, a.Password)
	}
	if _, err := f.Answer(d.t.Context(), identity.CodeRequest{}); err != nil {
		return nil, err
	}
	eventually(d.t, "mail", func() bool { return len(d.Codes(a.Email)) == 1 })
	return d.code(f, d.Codes(a.Email)[0])
}

// Nothing personal and nothing secret is in an address, which servers and proxies log.
func TestKratosAddressesTellNothing(t *testing.T) {
	d := newDesk(t, realidp.KratosOptions{})
	f := d.begin(zoe.Email)
	_, err := d.password(f, "faux")
	d.refused(err, identity.WrongPassword)
	code := d.mailed(f, zoe.Email)
	s, err := d.code(f, code)
	d.granted(s, err)
	if s, err = d.p.Renew(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := d.p.Revoke(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := d.p.Renew(t.Context(), s); identity.KindOf(err) != identity.SessionExpired || strings.Contains(err.Error(), s.AccessToken) {
		t.Errorf("%v", err)
	}
	eventually(t, "line of the logout", func() bool {
		rs, err := d.Requests()
		return err == nil && strings.HasPrefix(rs[len(rs)-1].Path, "/sessions/whoami") && rs[len(rs)-1].Status == 401
	})
	rs, err := d.Requests()
	if err != nil {
		t.Fatal(err)
	}
	flowOnly := regexp.MustCompile(`^(flow=[0-9a-f-]{36})?$`)
	for _, r := range rs {
		if !flowOnly.MatchString(r.Query) {
			q, _ := url.QueryUnescape(r.Query)
			t.Errorf("%s %s?%s", r.Method, r.Path, q)
		}
	}
	if len(rs) < 8 {
		t.Errorf("the log shows %d requests", len(rs))
	}
}

// What a technician reads.
func TestKratosCheck(t *testing.T) {
	d := newDesk(t, realidp.KratosOptions{Unified: true})
	h, err := d.p.Check(t.Context())
	if err != nil || !strings.HasPrefix(h.Detail, "Ory Kratos, password, code, flows live 1h0m0s, TLS 1.3, certificate until ") ||
		time.Since(h.ServerTime).Abs() > time.Minute {
		t.Errorf("%+v, %v", h, err)
	}
}
