package identitytest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"portillon/internal/identity"
)

// Ability names something that a harness makes its service do. Each but AddAccounts
// and ReadMail, which every harness has, may be listed in Harness.Cannot.
type Ability string

// The abilities, and the member of Service that each stands for.
const (
	ExpireCodes   Ability = "expire codes"    // Service.Expire
	AllowResends  Ability = "allow resends"   // Service.AllowResend
	StopAndStart  Ability = "stop and start"  // Service.Down
	ForgetTablet  Ability = "forget tablet"   // Service.KnownTablet
	TellAccounts  Ability = "tell accounts"   // to a known tablet: AccountUnknown, AccountNotConfigured
	EndSessions   Ability = "end sessions"    // Revoke makes Renew fail
	LimitAttempts Ability = "limit attempts"  // wrong passwords end in TooManyAttempts
	SecondAddress Ability = "second address"  // Account.Secondary
	NoAccountYet  Ability = "unset passwords" // Account.Unconfigured
	// TellSuperseded: a code that a newer one replaced is told from a wrong one; else it must
	// be refused as wrong.
	TellSuperseded Ability = "tell superseded codes"
)

// Account is a person at the service.
type Account struct {
	Email     string
	Secondary string // another address of the same account; empty: none
	Password  string
	Name      string
	ExtraTime string
	// Unconfigured: the account exists, its password was never made.
	Unconfigured bool
}

// Service is a service under test, fresh for one case, with a provider that speaks to it from
// a known tablet.
type Service struct {
	Provider identity.Provider
	// Add makes an account.
	Add func(t testing.TB, a Account)
	// Codes lists the one-time codes mailed to an address so far, oldest first,
	// as soon as there are at least n.
	Codes func(t testing.TB, to string, n int) []string

	// Expire lets every code that was sent run out.
	Expire func(t testing.TB)
	// AllowResend lets the wait between two codes pass.
	AllowResend func(t testing.TB)
	// Down makes the service unreachable, or reachable again.
	Down func(t testing.TB, down bool)
	// KnownTablet says whether the service knows this tablet.
	KnownTablet func(t testing.TB, known bool)
}

// Harness starts services for Run.
type Harness struct {
	// Start gives a fresh service; it cleans up by t.Cleanup.
	Start func(t *testing.T) *Service
	// Cannot lists what the server cannot do, with the reason.
	Cannot map[Ability]string
}

// complete fails where a function is absent and nobody says why.
func (h Harness) complete(t testing.TB, s *Service) {
	t.Helper()
	for a, absent := range map[Ability]bool{
		ExpireCodes: s.Expire == nil, AllowResends: s.AllowResend == nil,
		StopAndStart: s.Down == nil, ForgetTablet: s.KnownTablet == nil,
	} {
		if _, told := h.Cannot[a]; absent != told {
			t.Errorf("ability %q: absent %v, declared absent %v", a, absent, told)
		}
	}
	if s.Provider == nil || s.Add == nil || s.Codes == nil {
		t.Fatal("harness gives no provider, or no way to add accounts or read mail")
	}
}

// rig is one case's service, with a watch over everything its provider says.
type rig struct {
	t *testing.T
	*Service
	cannot  map[Ability]string
	mu      sync.Mutex
	secrets []string // must be in no error
}

func (r *rig) secretly(s ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range s {
		if s != "" {
			r.secrets = append(r.secrets, s)
		}
	}
}

func (r *rig) account(a Account) Account {
	r.t.Helper()
	r.Add(r.t, a)
	r.secretly(a.Email, a.Secondary, a.Password, a.Name)
	return a
}

// watch checks what the port promises of every error.
func (r *rig) watch(err error) error {
	r.t.Helper()
	if err == nil {
		return nil
	}
	var e *identity.Error
	if !errors.As(err, &e) {
		r.t.Errorf("error of type %T, not *identity.Error", err)
		return err
	}
	if e.Kind == identity.KindUnknown || e.Op == "" {
		r.t.Errorf("error without kind or step: %v", err)
	}
	text := fmt.Sprintf("%v %+v %q %s", err, e, e.SetupURI, e.Correlation)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.secrets {
		if strings.Contains(text, s) {
			r.t.Errorf("an error of kind %v holds something personal", e.Kind)
		}
	}
	return err
}

func (r *rig) begin(address string) (identity.Flow, identity.Challenge, error) {
	r.t.Helper()
	r.secretly(address)
	f, c, err := r.Provider.Begin(r.t.Context(), Email(r.t, address))
	if err == nil {
		r.t.Cleanup(f.Close)
	} else if f != nil {
		r.t.Error("a flow beside an error")
	}
	return f, c, r.watch(err)
}

func (r *rig) mustBegin(address string) identity.Flow {
	r.t.Helper()
	f, c, err := r.begin(address)
	if err != nil {
		r.t.Fatalf("begin: %v", err)
	}
	if !c.Password && !c.EmailCode {
		r.t.Fatal("nothing is on offer")
	}
	return f
}

// answer checks that exactly one of outcome's members, or the error, is set.
func (r *rig) answer(f identity.Flow, a identity.Answer) (identity.Outcome, error) {
	r.t.Helper()
	o, err := f.Answer(r.t.Context(), a)
	set := 0
	for _, is := range []bool{o.Challenge != nil, o.Session != nil, err != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		r.t.Errorf("outcome %+v beside error %v", o, err)
	}
	return o, r.watch(err)
}

func (r *rig) password(f identity.Flow, text string) (*identity.Session, error) {
	r.t.Helper()
	r.secretly(text)
	o, err := r.answer(f, identity.PasswordAnswer{Password: Secret(r.t, text)})
	return o.Session, err
}

func (r *rig) code(f identity.Flow, digits string) (*identity.Session, error) {
	r.t.Helper()
	r.secretly(digits)
	o, err := r.answer(f, identity.CodeAnswer{Code: Secret(r.t, digits)})
	return o.Session, err
}

// send asks for a code and returns it, the n-th mailed to this address.
func (r *rig) send(f identity.Flow, to string, n int) string {
	r.t.Helper()
	o, err := r.answer(f, identity.CodeRequest{})
	if err != nil {
		r.t.Fatalf("ask for a code: %v", err)
	}
	if o.Challenge == nil || o.Challenge.Sent == nil {
		r.t.Fatal("asked for a code, and none was sent")
	}
	sent := *o.Challenge.Sent
	codes := r.Codes(r.t, to, n)
	if len(codes) != n {
		r.t.Fatalf("%d codes were mailed, want %d", len(codes), n)
	}
	code := codes[n-1]
	if sent.Length != len(code) || sent.ValidFor <= 0 || sent.ResendAfter < 0 {
		r.t.Errorf("sent %+v, and the code has %d digits", sent, len(code))
	}
	return code
}

func (r *rig) granted(s *identity.Session, err error) *identity.Session {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("not granted: %v", err)
	}
	if s == nil || s.AccessToken == "" && s.ServiceURL == "" || s.GrantedAt.IsZero() {
		r.t.Fatal("granted, without a usable session")
	}
	return s
}

func (r *rig) refused(err error, want ...identity.Kind) *identity.Error {
	r.t.Helper()
	got := identity.KindOf(err)
	for _, k := range want {
		if got == k {
			var e *identity.Error
			errors.As(err, &e)
			return e
		}
	}
	r.t.Fatalf("refused with %v, want one of %v (%v)", got, want, err)
	return nil
}

// Email parses an address that is known to be good.
func Email(t testing.TB, address string) identity.Email {
	t.Helper()
	e, err := identity.ParseEmail(address)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Secret fills a secret, which the test's end closes.
func Secret(t testing.TB, text string) *identity.Secret {
	t.Helper()
	s, err := identity.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for i, r := range []rune(text) {
		if err := s.Insert(i, r); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
