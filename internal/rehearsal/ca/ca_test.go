package ca_test

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/rehearsal/ca"
)

func open(t *testing.T, dir string, hosts ...string) *ca.Authority {
	t.Helper()
	a, err := ca.Open(dir, time.Now, hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func verify(t *testing.T, a *ca.Authority, name string) error {
	t.Helper()
	leaf, err := a.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	_, err = leaf.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: name, CurrentTime: time.Now()})
	return err
}

func TestLeafIsForItsNames(t *testing.T) {
	a := open(t, t.TempDir(), "examen.example", "192.0.2.7")
	for _, name := range []string{"127.0.0.1", "::1", "localhost", "examen.example", "192.0.2.7"} {
		if err := verify(t, a, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := verify(t, a, "autre.example"); err == nil {
		t.Error("the certificate is good for a name nobody asked for")
	}
}

func TestLeafRenewsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, t.TempDir())
		first, err := a.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		for range 400 { // days
			time.Sleep(24 * time.Hour) // the bubble's time
			if err := verify(t, a, "localhost"); err != nil {
				t.Fatalf("after %s: %v", time.Since(first.Leaf.NotBefore), err)
			}
		}
		if last, err := a.Leaf(); err != nil || last == first {
			t.Errorf("the certificate never changed (%v)", err)
		}
	})
}

func TestAuthorityIsKept(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	if a.Pin() != b.Pin() {
		t.Error("a second start made another authority")
	}
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key: mode %v (%v), want 0600", info.Mode().Perm(), err)
	}
}

func TestDamageIsNotRepaired(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"certificate gone": func(dir string) error { return os.Remove(filepath.Join(dir, "ca.pem")) },
		"key garbled":      func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca.key"), []byte("x"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir)
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := ca.Open(dir, time.Now); !errors.Is(err, ca.ErrBroken) {
				t.Errorf("got %v, want ErrBroken", err)
			}
		})
	}
}

func TestExpiredAuthorityIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	later := func() time.Time { return time.Now().AddDate(11, 0, 0) }
	if _, err := ca.Open(dir, later); !errors.Is(err, ca.ErrBroken) {
		t.Errorf("got %v, want ErrBroken", err)
	}
}
