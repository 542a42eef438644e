package supervisor

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portillon/internal/config"
)

// TestComply: every way a configuration can be no good under lockdown = "required" is found, and
// a good one is remembered.
func TestComply(t *testing.T) {
	dir := t.TempDir()
	private, public, err := config.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	keyFile, file := filepath.Join(dir, "k"), filepath.Join(dir, "portillon.toml")
	write := func(path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(keyFile, private)
	write(keyFile+".pub", public)
	key, err := config.LoadPrivateKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)
	data := []byte("lockdown = \"required\"\n")
	sign := func(key ed25519.PrivateKey, serial uint64, until time.Time) {
		t.Helper()
		s, err := config.Sign(data, key, serial, until)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		write(file+config.SignatureSuffix, b)
	}
	state, err := openState(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := state.close(); err != nil {
			t.Error(err)
		}
	}()
	check := func(raw []byte, pub string) error {
		_, err := (&config.Config{Path: file, Raw: raw}).Accept(pub, state.serial(), now)
		return err
	}
	later := now.Add(time.Hour)
	if err := check(data, keyFile+".pub"); !errors.Is(err, config.ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
	sign(key, 5, later)
	if err := check(data, filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no key: %v", err)
	}
	if err := check(data, keyFile+".pub"); err != nil {
		t.Errorf("good: %v", err)
	}
	if err := check([]byte("lockdown = \"off\"\n"), keyFile+".pub"); !errors.Is(err, config.ErrAltered) {
		t.Errorf("altered: %v", err)
	}
	sign(key, 4, later)
	if err := check(data, keyFile+".pub"); !errors.Is(err, config.ErrRolledBack) {
		t.Errorf("rolled back: %v", err)
	}
	sign(key, 6, now.Add(-time.Second))
	if err := check(data, keyFile+".pub"); !errors.Is(err, config.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	write(state.serial(), []byte("x"))
	sign(key, 7, later)
	if err := check(data, keyFile+".pub"); err == nil {
		t.Error("a damaged serial was taken for none")
	}
}

// TestComplyFails: required without anything to seal the process is not compliant, a
// demonstration is asked for no signature.
func TestComplyFails(t *testing.T) {
	s := &supervisor{o: Options{Config: &config.Config{Lockdown: config.LockdownRequired}}, log: slog.New(slog.DiscardHandler), state: &state{dir: t.TempDir()}}
	now := time.Now()
	check := func() []Finding {
		s.standing = nil
		s.comply(now)
		if err := s.seal(); err != nil {
			t.Fatal(err)
		}
		return append(s.standing.findings(now), s.sealed()...)
	}
	if got := check(); len(got) != 2 || got[0].OK || got[1].OK || got[0].Detail == "" || got[1].Detail == "" {
		t.Errorf("%+v", got)
	}
	s.o.Sealed = func() []Finding { return []Finding{{ID: "lockdown", OK: true}} }
	if got := check(); len(got) != 2 || got[1] != (Finding{ID: "lockdown", OK: true}) {
		t.Errorf("%+v", got)
	}
	s.o.Config.Lockdown = config.LockdownOff
	if got := check(); len(got) != 1 || got[0] != (Finding{ID: "lockdown", OK: true}) {
		t.Errorf("%+v", got)
	}
}
