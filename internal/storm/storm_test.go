package storm_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/identity"
	"portillon/internal/storm"
)

// desk is a service whose answers a test scripts.
type desk struct {
	mu       sync.Mutex
	begins   int
	secrets  map[string]int // how often each was sent
	begin    func(n int) error
	password func(text string, n int) error
	code     func(text string) error
}

func (d *desk) Begin(context.Context, identity.Email) (identity.Flow, identity.Challenge, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begins++
	if d.begin != nil {
		if err := d.begin(d.begins); err != nil {
			return nil, identity.Challenge{}, err
		}
	}
	return &conversation{d}, identity.Challenge{Password: true, EmailCode: true}, nil
}

func (d *desk) Renew(context.Context, *identity.Session) (*identity.Session, error) {
	panic("not here")
}
func (d *desk) Revoke(context.Context, *identity.Session) error { panic("not here") }
func (d *desk) Check(context.Context) (identity.Health, error)  { return identity.Health{}, nil }
func (d *desk) Traits() identity.Traits                         { return identity.Traits{} }

type conversation struct{ d *desk }

func (c *conversation) Close() {}

func (c *conversation) Answer(_ context.Context, a identity.Answer) (identity.Outcome, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	var err error
	switch a := a.(type) {
	case identity.CodeRequest:
		return identity.Outcome{Challenge: &identity.Challenge{Sent: &identity.SentCode{Length: 6}}}, nil
	case identity.PasswordAnswer:
		text := read(a.Password)
		c.d.secrets[text]++
		if c.d.password != nil {
			err = c.d.password(text, c.d.secrets[text])
		}
	case identity.CodeAnswer:
		text := read(a.Code)
		c.d.secrets[text]++
		if c.d.code != nil {
			err = c.d.code(text)
		}
	}
	if err != nil {
		return identity.Outcome{}, err
	}
	return identity.Outcome{Session: &identity.Session{}}, nil
}

func read(s *identity.Secret) (text string) {
	s.Use(func(b []byte) { text = string(b) })
	return text
}

func fail(k identity.Kind, after time.Duration) error {
	return &identity.Error{Kind: k, RetryAfter: after}
}

// room is a storm on one desk, in virtual time.
func room(t *testing.T, d *desk, o storm.Options) (sum storm.Summary, took time.Duration) {
	t.Helper()
	d.secrets = map[string]int{}
	o.Provider = func(int) (identity.Provider, error) { return d, nil }
	o.Account = func(i int) storm.Account {
		email, err := identity.ParseEmail(fmt.Sprintf("a%d@etu.univ-uness.fr", i))
		if err != nil {
			t.Error(err)
		}
		return storm.Account{Email: email, Password: fmt.Sprintf("secret-%d", i)}
	}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var err error
		if sum, err = storm.Run(t.Context(), o); err != nil {
			t.Error(err)
		}
		took = time.Since(begin)
	})
	return sum, took
}

func TestRun(t *testing.T) {
	d := &desk{password: func(text string, _ int) error {
		if strings.HasSuffix(text, "?") {
			return fail(identity.WrongPassword, 0)
		}
		return nil
	}}
	sum, took := room(t, d, storm.Options{Tablets: 1000, Arrival: time.Minute, Wrong: 0.1})
	if sum.LoggedIn != 1000 || sum.Failed != 0 || sum.Retries != 0 {
		t.Errorf("%+v", sum)
	}
	if sum.WrongPasswords < 60 || sum.WrongPasswords > 140 {
		t.Errorf("%d mistyped, want about 100", sum.WrongPasswords)
	}
	if took < 50*time.Second || took > time.Minute {
		t.Errorf("they came within %v", took)
	}
	if d.begins != 1000 {
		t.Errorf("%d logins begun: a mistyped password begins no new one", d.begins)
	}
}

// TestWaits: a wait is kept as told; where nobody told, it is the backoff's; and a login
// that the service forgot is begun again.
func TestWaits(t *testing.T) {
	var told time.Duration
	d := &desk{begin: func(n int) error {
		if n <= 3 {
			return fail(identity.Refused, 0)
		}
		return nil
	}}
	d.password = func(_ string, n int) error {
		switch n {
		case 1:
			told = 40 * time.Second
			return fail(identity.Busy, told)
		case 2:
			return fail(identity.SessionExpired, 0)
		}
		return nil
	}
	sum, took := room(t, d, storm.Options{Tablets: 1})
	if sum.LoggedIn != 1 || sum.Retries != 5 || d.begins != 5 {
		t.Errorf("%+v after %d beginnings", sum, d.begins)
	}
	if most := 40*time.Second + 7*time.Second; took < 40*time.Second || took > most {
		t.Errorf("it took %v, want 40 s to %v", took, most)
	}
}

func TestCodes(t *testing.T) {
	d := &desk{}
	o := storm.Options{Tablets: 50, Codes: 1, Mail: func(ctx context.Context, to identity.Email, _ time.Time) (string, error) {
		return "04711" + to.Local()[len(to.Local())-1:], nil
	}}
	sum, _ := room(t, d, o)
	if sum.LoggedIn != 50 || sum.CodesSent != 50 || d.secrets["secret-1"] != 0 {
		t.Errorf("%+v, %d passwords", sum, d.secrets["secret-1"])
	}
}

// TestFailures: what no waiting mends is counted by its kind, and a student does not wait
// for ever.
func TestFailures(t *testing.T) {
	d := &desk{password: func(text string, _ int) error {
		if text == "secret-0" {
			return fail(identity.WrongPassword, 0)
		}
		return fail(identity.Busy, time.Minute)
	}}
	sum, took := room(t, d, storm.Options{Tablets: 3, Patience: 10 * time.Minute})
	if sum.Failed != 3 || sum.Failures["wrong_password"] != 1 || sum.Failures["gave_up"] != 2 {
		t.Errorf("%+v", sum)
	}
	if took != 10*time.Minute {
		t.Errorf("it took %v", took)
	}
}

func TestOptions(t *testing.T) {
	provider := func(int) (identity.Provider, error) { return &desk{}, nil }
	account := func(int) storm.Account { return storm.Account{} }
	for name, o := range map[string]storm.Options{
		"nobody":      {Provider: provider, Account: account},
		"no provider": {Tablets: 1, Account: account},
		"no accounts": {Tablets: 1, Provider: provider},
		"past":        {Tablets: 1, Provider: provider, Account: account, Arrival: -1},
		"share":       {Tablets: 1, Provider: provider, Account: account, Wrong: 1.5},
		"no mailbox":  {Tablets: 1, Provider: provider, Account: account, Codes: 0.5},
	} {
		if _, err := storm.Run(t.Context(), o); !errors.Is(err, storm.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHistogram(t *testing.T) {
	sum, _ := room(t, &desk{}, storm.Options{Tablets: 10})
	for name, s := range map[string]storm.Summary{"some": sum, "none": {}} {
		var b strings.Builder
		if err := s.Histogram(&b, "a < b & c"); err != nil {
			t.Fatal(err)
		}
		for dec := xml.NewDecoder(strings.NewReader(b.String())); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: not XML: %v", name, err)
			}
		}
	}
}
