package identitytest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"portillon/internal/identity"
)

// Call is one call of a Fake, without its secrets.
type Call struct {
	Op    string // "begin", "password", "send_code", "code", "renew", "revoke", "check", "close"
	Email identity.Email
}

// Reply is what a Fake answers instead of what it would.
type Reply struct {
	// Challenge, Session or Err; the first that is set counts. A begin is given
	// Challenge or Err, an answer any, revoke and check Err alone; a renewal Session, Err or both.
	Challenge *identity.Challenge
	Session   *identity.Session
	Err       error
	// Until, when not nil, holds the answer back until it is closed or the context is done.
	Until <-chan struct{}
}

// The way a Fake's service behaves where nothing else is set.
const (
	FakeCodeValid = 180 * time.Second
	fakeResend    = 30 * time.Second
	fakeTries     = 5
)

// Fake is an identity.Provider without a server. The zero value knows everybody,
// grants any password, and any code it has sent. Once Add was called it
// knows only those accounts, as a real service would. Its methods may be
// called from several goroutines.
type Fake struct {
	// Now is the clock codes expire by; nil: time.Now.
	Now func() time.Time
	// Limited: what it cannot tell; the zero value tells everything.
	Limited identity.Traits

	mu       sync.Mutex
	calls    []Call
	replies  map[string][]Reply
	accounts []*fakeAccount
	mails    map[string][]string
	sessions map[string]*identity.Session // by refresh token
	serial   int
	stranger bool
	down     bool
	ahead    time.Duration
}

type fakeAccount struct {
	Account
	wrong  int
	sentAt time.Time
}

var _ identity.Provider = (*Fake)(nil)

// Next queues a reply to the next call of op; see Call for the names.
func (f *Fake) Next(op string, r Reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.replies == nil {
		f.replies = map[string][]Reply{}
	}
	f.replies[op] = append(f.replies[op], r)
}

// Calls lists the calls so far.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

// Count is how many calls of op there were.
func (f *Fake) Count(op string) (n int) {
	for _, c := range f.Calls() {
		if c.Op == op {
			n++
		}
	}
	return n
}

// Add makes an account; from then on others are unknown.
func (f *Fake) Add(a Account) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accounts = append(f.accounts, &fakeAccount{Account: a})
}

// Mailed lists the codes sent to an address, oldest first.
func (f *Fake) Mailed(to string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.mails[to]...)
}

// Pass moves the fake's clock ahead.
func (f *Fake) Pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead += d
}

// SetKnownTablet says whether this tablet is known; it is at first.
func (f *Fake) SetKnownTablet(known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stranger = !known
}

// SetDown makes every call fail with Refused.
func (f *Fake) SetDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// Traits implements identity.Provider.
func (f *Fake) Traits() identity.Traits {
	return identity.Traits{
		TellsExpiry:    !f.Limited.TellsExpiry,
		TellsRemaining: !f.Limited.TellsRemaining,
		Remembers:      !f.Limited.Remembers,
	}
}

// enter records the call, and gives the queued reply or the reason it cannot be answered.
func (f *Fake) enter(ctx context.Context, op string, email identity.Email) (*Reply, error) {
	f.mu.Lock()
	f.calls = append(f.calls, Call{op, email})
	var r *Reply
	if q := f.replies[op]; len(q) > 0 {
		r, f.replies[op] = &q[0], q[1:]
	}
	down := f.down
	f.mu.Unlock()

	if r != nil && r.Until != nil {
		select {
		case <-r.Until:
		case <-ctx.Done():
		}
	}
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return nil, identity.Fail(op, identity.TimedOut, "%w", ctx.Err())
	case ctx.Err() != nil:
		return nil, identity.Fail(op, identity.Canceled, "%w", ctx.Err())
	case down:
		return nil, identity.Fail(op, identity.Refused, "down")
	case r != nil && r.Err != nil:
		return r, r.Err
	}
	return r, nil
}

// now wants f.mu held.
func (f *Fake) now() time.Time {
	if f.Now != nil {
		return f.Now().Add(f.ahead)
	}
	return time.Now().Add(f.ahead)
}

// find wants f.mu held. The second result is false for an address nobody has.
func (f *Fake) find(address string) (*fakeAccount, bool) {
	for _, a := range f.accounts {
		if address != "" && (a.Email == address || a.Secondary == address) {
			return a, true
		}
	}
	return &fakeAccount{Account: Account{Email: address}}, len(f.accounts) == 0
}

// Begin implements identity.Provider.
func (f *Fake) Begin(ctx context.Context, email identity.Email) (identity.Flow, identity.Challenge, error) {
	r, err := f.enter(ctx, "begin", email)
	if err != nil {
		return nil, identity.Challenge{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a, known := f.find(email.Address())
	c := identity.Challenge{Password: true, EmailCode: true, CodeValid: FakeCodeValid}
	switch {
	case r != nil && r.Challenge != nil:
		c = *r.Challenge
	case f.stranger: // told nothing
	case !known:
		return nil, identity.Challenge{}, identity.Fail("begin", identity.AccountUnknown, "")
	case a.Unconfigured:
		e := identity.Fail("begin", identity.AccountNotConfigured, "")
		e.SetupURI = "https://portail.example/"
		return nil, identity.Challenge{}, e
	}
	return &fakeFlow{f: f, email: email, account: a, known: known}, c, nil
}

// Check implements identity.Provider.
func (f *Fake) Check(ctx context.Context) (identity.Health, error) {
	if _, err := f.enter(ctx, "check", identity.Email{}); err != nil {
		return identity.Health{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return identity.Health{ServerTime: f.now(), Detail: "fake"}, nil
}

// grant wants f.mu held.
func (f *Fake) grant(a *fakeAccount) *identity.Session {
	f.serial++
	s := &identity.Session{
		AccessToken:  fmt.Sprintf("fake-access-%d", f.serial),
		RefreshToken: fmt.Sprintf("fake-refresh-%d", f.serial),
		TokenType:    "DPoP", ExpiresAt: f.now().Add(time.Hour),
		Subject: "fake|" + a.Email, Name: a.Name, ExtraTime: a.ExtraTime, GrantedAt: f.now(),
	}
	f.remember(s)
	return s
}

func (f *Fake) remember(s *identity.Session) {
	if f.sessions == nil {
		f.sessions = map[string]*identity.Session{}
	}
	kept := *s
	f.sessions[s.RefreshToken] = &kept
}

// Renew implements identity.Provider. It rotates.
func (f *Fake) Renew(ctx context.Context, s *identity.Session) (*identity.Session, error) {
	r, err := f.enter(ctx, "renew", identity.Email{})
	if r != nil && r.Session != nil {
		return r.Session, err
	}
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old, ok := f.sessions[s.RefreshToken]
	if !ok || f.Limited.Remembers {
		return nil, identity.Fail("renew", identity.SessionExpired, "")
	}
	delete(f.sessions, s.RefreshToken)
	f.serial++
	fresh := *old
	fresh.AccessToken = fmt.Sprintf("fake-access-%d", f.serial)
	fresh.RefreshToken = fmt.Sprintf("fake-refresh-%d", f.serial)
	fresh.ExpiresAt = f.now().Add(time.Hour)
	f.remember(&fresh)
	return &fresh, nil
}

// Revoke implements identity.Provider.
func (f *Fake) Revoke(ctx context.Context, s *identity.Session) error {
	if _, err := f.enter(ctx, "revoke", identity.Email{}); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s != nil {
		delete(f.sessions, s.RefreshToken)
	}
	return nil
}
