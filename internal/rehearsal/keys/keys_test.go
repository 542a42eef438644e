package keys_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"portillon/internal/rehearsal/keys"
)

func load(t *testing.T, dir string) *keys.Ring {
	t.Helper()
	r, err := keys.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeysAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	a, b := load(t, dir), load(t, dir)
	if !bytes.Equal(a.MAC("x", []byte("y")), b.MAC("x", []byte("y"))) || a.Signing().KeyID != b.Signing().KeyID {
		t.Error("a second start made other keys")
	}
	if plain, err := b.Open(a.Seal([]byte("courrier"))); err != nil || string(plain) != "courrier" {
		t.Errorf("sealed before, opened after: %q, %v", plain, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v (%v), want 0600", f.Name(), info.Mode().Perm(), err)
		}
	}
}

func TestOthersKeysOpenNothing(t *testing.T) {
	a, b := load(t, t.TempDir()), load(t, t.TempDir())
	sealed := a.Seal([]byte("courrier"))
	if _, err := b.Open(sealed); !errors.Is(err, keys.ErrUnsealed) {
		t.Errorf("another ring: %v", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := a.Open(sealed); !errors.Is(err, keys.ErrUnsealed) {
		t.Errorf("altered: %v", err)
	}
	if bytes.Equal(a.Seal([]byte("x")), a.Seal([]byte("x"))) {
		t.Error("the same mail is sealed the same way twice")
	}
}

func TestMACKeepsItsPartsApart(t *testing.T) {
	r := load(t, t.TempDir())
	base := r.MAC("p", []byte("ab"), []byte("c"))
	for _, other := range [][]byte{r.MAC("p", []byte("a"), []byte("bc")), r.MAC("pa", []byte("b"), []byte("c")), r.MAC("p", []byte("abc"))} {
		if bytes.Equal(base, other) {
			t.Error("two different inputs give one MAC")
		}
	}
}

func TestDamageIsNotRepaired(t *testing.T) {
	for _, name := range []string{"mac.key", "mail.key", "signing.pem"} {
		dir := t.TempDir()
		load(t, dir)
		if err := os.WriteFile(filepath.Join(dir, name), []byte("court"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Load(dir); !errors.Is(err, keys.ErrBroken) {
			t.Errorf("%s: got %v, want ErrBroken", name, err)
		}
	}
}
