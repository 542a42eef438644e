package kiosk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/login"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
)

// diary is a keyring that takes its time and notes when it is done, beside what the service and
// the supervisor are asked.
type diary struct {
	vault.Vault
	takes time.Duration

	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, " ")
}

func (d *diary) Survives() bool { return true }

func (d *diary) Put(ctx context.Context, r vault.Record) error {
	time.Sleep(d.takes) // the bubble's clock
	defer d.note("put")
	return d.Vault.Put(ctx, r)
}

func (d *diary) Wipe(ctx context.Context) error {
	time.Sleep(d.takes)
	defer d.note("wipe")
	return d.Vault.Wipe(ctx)
}

// noted is a Fake whose revocations are in the diary.
type noted struct {
	*identitytest.Fake
	d *diary
}

func (n noted) Revoke(ctx context.Context, s *identity.Session) error {
	n.d.note("revoke:" + s.AccessToken)
	return n.Fake.Revoke(ctx, s)
}

// slow makes a room with a slow keyring and a diary.
func slow(t *testing.T, fake *identitytest.Fake, rest vault.Vault, hello supervisor.Hello) (*room, *diary) {
	d := &diary{Vault: rest, takes: 2 * time.Second}
	if fake == nil {
		fake = &identitytest.Fake{}
		fake.Add(identitytest.Account{Email: address, Password: password, Name: "Marie Curie"})
	}
	if hello.BootID == "" {
		hello.BootID = "boot-1"
	}
	return open(t, setup{vault: d, fake: fake, remember: true, hello: hello, provider: noted{fake, d}}), d
}

// left is a vault with a session in it that no process holds.
func left(t *testing.T, boot string) vault.Vault {
	t.Helper()
	rest := vault.Memory()
	s := identity.Session{AccessToken: "left", RefreshToken: "left", GrantedAt: time.Now()}
	b, err := s.Seal()
	if err != nil {
		t.Fatal(err)
	}
	if err := rest.Put(t.Context(), vault.Record{Sealed: b, EmailDigest: []byte("somebody"), BootID: boot}); err != nil {
		t.Fatal(err)
	}
	return rest
}

func empty(t *testing.T, v vault.Vault) {
	t.Helper()
	if _, err := v.Get(t.Context()); !errors.Is(err, vault.ErrEmpty) {
		t.Errorf("the vault is not empty: %v", err)
	}
}

// TestWipedThenRevoked: a remembered session that ends is gone from the vault before the
// service is told, and nobody waits for either.
func TestWipedThenRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := vault.Memory()
		r, d := slow(t, nil, rest, supervisor.Hello{})
		r.toPassword()
		r.do(login.ToggleRemember{}, login.SubmitPassword{Secret: secret(t, password)})
		r.pass(9 * time.Second)
		before := time.Now()
		r.sup.events <- supervisor.PlayerExited{Code: 0}
		r.on(login.ScreenEnded) // at once
		if waited := time.Since(before); waited > 0 {
			t.Errorf("the screen waited %s for the keyring", waited)
		}
		r.pass(3 * time.Second)
		if got := d.read(); got != "put wipe revoke:fake-access-1" {
			t.Error(got)
		}
		empty(t, rest)
	})
}

// TestLeftInTheVault: a session that rests in the vault and nowhere else is wiped, then revoked,
// wherever a candidate ends or another begins.
func TestLeftInTheVault(t *testing.T) {
	for name, way := range map[string]func(r *room){
		"another logs in without the tick": func(r *room) {
			r.toPassword()
			r.do(login.SubmitPassword{Secret: secret(r.t, password)})
		},
		"the tablet is left alone": func(r *room) {
			r.pass(4 * time.Second)
			r.do(login.Insert{Text: "x"})
			r.pass(5 * time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Of an earlier boot: it waits for its address.
				rest := left(t, "boot-0")
				r, d := slow(t, nil, rest, supervisor.Hello{})
				way(r)
				r.pass(5 * time.Second)
				if got := d.read(); got != "wipe revoke:left" {
					t.Errorf("%q", got)
				}
				empty(t, rest)
			})
		})
	}
}

// TestFoundAtTheStart: what the keyring still held of a candidate who has ended, or what is too
// old for anybody, does not meet the next one.
func TestFoundAtTheStart(t *testing.T) {
	for _, c := range []struct {
		name  string
		hello supervisor.Hello
		boot  string
		later time.Duration
		want  string
	}{
		{"of this boot, and its candidate has ended", supervisor.Hello{}, "boot-1", 0, "wipe revoke:left"},
		{"too old", supervisor.Hello{}, "boot-0", 7 * time.Hour, "wipe revoke:left"},
		{"of an earlier boot", supervisor.Hello{}, "boot-0", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rest := left(t, c.boot)
				time.Sleep(c.later)
				r, d := slow(t, nil, rest, c.hello)
				r.pass(5 * time.Second)
				r.on(login.ScreenEmail)
				if got := d.read(); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		})
	}
}

// TestGivenUpWhileKept: a login that is discarded while the keyring is still at it leaves
// nothing there.
func TestGivenUpWhileKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := vault.Memory()
		r, d := slow(t, nil, rest, supervisor.Hello{})
		r.toPassword()
		r.do(login.ToggleRemember{}, login.SubmitPassword{Secret: secret(t, password)})
		r.pass(time.Second) // of the two that Put takes
		r.k.discard(1)
		r.pass(10 * time.Second)
		if got := d.read(); got != "put wipe revoke:fake-access-1" {
			t.Errorf("%q", got)
		}
		empty(t, rest)
	})
}

// TestRotatedAndThenTrouble: tokens that came with an error replace the old ones, which the
// service does not know any more.
func TestRotatedAndThenTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := vault.Memory()
		r, _ := slow(t, nil, rest, supervisor.Hello{})
		r.toPassword()
		r.do(login.ToggleRemember{}, login.SubmitPassword{Secret: secret(t, password)})
		r.pass(9 * time.Second)
		r.fake.Next("renew", identitytest.Reply{Session: &identity.Session{AccessToken: "rotated", RefreshToken: "rotated", GrantedAt: time.Now()},
			Err: identity.Fail("renew", identity.TimedOut, "the keys did not come")})
		r.sup.events <- supervisor.RenewRequested{ID: 7}
		r.pass(5 * time.Second)
		if n := len(r.sup.renewals); n != 1 || len(r.sup.renewals[0]) != 0 {
			t.Errorf("the player was given %q", r.sup.renewals)
		}
		record, err := rest.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s, err := identity.Unseal(record.Sealed); err != nil || s.RefreshToken != "rotated" {
			t.Error("the vault has not got the rotated token")
		}
		if _, held, _ := r.k.inExam(); held.RefreshToken != "rotated" {
			t.Error("the exam has not got the rotated token")
		}
	})
}

// TestChores: in the order in which they were added, one at a time.
func TestChores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c chores
		var got []int
		for i := range 20 {
			c.add(func() {
				time.Sleep(time.Duration(20-i) * time.Millisecond)
				got = append(got, i)
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := c.settled(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := c.settled(t.Context()); err != nil || len(got) != 20 || !slices.IsSorted(got) {
			t.Errorf("%v %v", err, got)
		}
	})
}
