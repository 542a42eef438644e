package vault

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gokeyring "github.com/zalando/go-keyring"

	"portillon/internal/identity"
)

func record() Record {
	return Record{
		Sealed: []byte(`{"AccessToken":"t"}`), EmailDigest: []byte{0, 1, 0xff}, BootID: "boot",
		KeptAt: time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC),
	}
}

// contract is what every vault does.
func contract(t *testing.T, v Vault) {
	t.Helper()
	ctx := t.Context()
	if _, err := v.Get(ctx); !errors.Is(err, ErrEmpty) {
		t.Errorf("Get of an empty vault: %v", err)
	}
	if err := v.Wipe(ctx); err != nil {
		t.Errorf("Wipe of an empty vault: %v", err)
	}
	first, second := record(), record()
	second.BootID = "other"
	for _, r := range []Record{first, second} {
		if err := v.Put(ctx, r); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
	got, err := v.Get(ctx)
	if err != nil || !reflect.DeepEqual(got, second) {
		t.Errorf("Get: %v, %+v", err, got)
	}
	got.Sealed[0] = 'X' // the caller's bytes are its own
	if again, err := v.Get(ctx); err != nil || !reflect.DeepEqual(again, second) {
		t.Errorf("Get again: %v, %+v", err, again)
	}
	if err := v.Wipe(ctx); err != nil {
		t.Errorf("Wipe: %v", err)
	}
	if _, err := v.Get(ctx); !errors.Is(err, ErrEmpty) {
		t.Errorf("Get after Wipe: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := v.Put(done, first); !errors.Is(err, context.Canceled) {
		t.Errorf("Put under a done context: %v", err)
	}
}

func TestMemory(t *testing.T) {
	v := Memory()
	contract(t, v)
	if v.Survives() {
		t.Error("memory survives nothing")
	}
}

func TestDigest(t *testing.T) {
	email := func(s string) identity.Email {
		e, err := identity.ParseEmail(s)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	a := Digest(email("prenom.nom@univ-uness.fr"), []byte("salt"))
	if !bytes.Equal(a, Digest(email("Prenom.Nom@UNIV-uness.fr "), []byte("salt"))) {
		t.Error("capitals make another person")
	}
	if bytes.Equal(a, Digest(email("prenom.non@univ-uness.fr"), []byte("salt"))) {
		t.Error("two addresses, one digest")
	}
	if bytes.Equal(a, Digest(email("prenom.nom@univ-uness.fr"), []byte("pepper"))) {
		t.Error("the salt does nothing")
	}
}

// fake is a keyring in a map whose calls can be made to hang.
type fake struct {
	mu    sync.Mutex
	items map[string]string
	hang  chan struct{} // calls wait until it is closed; nil: they do not
	fail  error
}

func (f *fake) enter() error {
	if f.hang != nil {
		<-f.hang
	}
	f.mu.Lock()
	return f.fail
}

func (f *fake) Set(s, u, secret string) error {
	defer f.mu.Unlock()
	if err := f.enter(); err != nil {
		return err
	}
	f.items[s+"/"+u] = secret
	return nil
}

func (f *fake) Get(s, u string) (string, error) {
	defer f.mu.Unlock()
	if err := f.enter(); err != nil {
		return "", err
	}
	v, ok := f.items[s+"/"+u]
	if !ok {
		return "", gokeyring.ErrNotFound
	}
	return v, nil
}

func (f *fake) Delete(s, u string) error {
	defer f.mu.Unlock()
	if err := f.enter(); err != nil {
		return err
	}
	if _, ok := f.items[s+"/"+u]; !ok {
		return gokeyring.ErrNotFound
	}
	delete(f.items, s+"/"+u)
	return nil
}

func TestKeyringContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		contract(t, newKeyring("s", Limit, &fake{items: map[string]string{}}))
	})
}

// TestHungCall: the limit holds, the vault is gone for good at once, and a session
// that arrives late does not stay.
func TestHungCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{items: map[string]string{}, hang: make(chan struct{})}
		k := newKeyring("s", Limit, f)
		start := time.Now()
		if err := k.Put(t.Context(), record()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Put: %v", err)
		}
		if took := time.Since(start); took != Limit {
			t.Errorf("took %s", took)
		}
		if k.Survives() {
			t.Error("still claims to survive")
		}
		if _, err := k.Get(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Get: %v", err)
		}
		if err := k.Wipe(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Wipe: %v", err)
		}
		if took := time.Since(start); took != Limit {
			t.Errorf("later calls waited: %s", took)
		}
		close(f.hang)
		synctest.Wait()
		if len(f.items) != 0 {
			t.Error("a session was kept after the vault was given up")
		}
	})
}

// TestWaitingBehindAHungCall: a second caller waits its own limit and no longer.
func TestWaitingBehindAHungCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{items: map[string]string{}, hang: make(chan struct{})}
		k := newKeyring("s", Limit, f)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := k.Put(ctx, record()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Put: %v", err)
		}
		if !k.Survives() {
			t.Error("an impatient caller ended the vault")
		}
		if _, err := k.Get(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Get: %v", err)
		}
		close(f.hang)
		synctest.Wait()
	})
}

func TestFailingKeyring(t *testing.T) {
	cause := errors.New("no such bus")
	k := newKeyring("s", Limit, &fake{fail: cause})
	if _, err := k.Get(t.Context()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, cause) {
		t.Errorf("Get: %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	f := &fake{items: map[string]string{"s/" + item: `{"Sealed": "hunter2`}}
	_, err := newKeyring("s", Limit, f).Get(t.Context())
	if !errors.Is(err, ErrUnreadable) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Get: %v", err)
	}
}
