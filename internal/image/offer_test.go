package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
)

func offered(t *testing.T) []byte {
	t.Helper()
	o, _ := release("2.0")
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOffer: only what the centre's key signed is parsed, and only what a build writes is taken.
func TestOffer(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	private, public, err := config.NewKey()
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "key"), private, 0o600), os.WriteFile(filepath.Join(dir, "pub"), public, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := config.LoadPrivateKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := config.LoadPublicKey(filepath.Join(dir, "pub"))
	if err != nil {
		t.Fatal(err)
	}
	b := offered(t)
	sign := func(b []byte) []byte {
		s, err := config.Sign(b, key, 1, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	if o, err := VerifyOffer(b, sign(b), pub, now); err != nil || o.Version != "2.0" || o.Root.Room != testSlot {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := VerifyOffer(append(b, ' '), sign(b), pub, now); !errors.Is(err, config.ErrAltered) {
		t.Error(err)
	}
	if _, err := VerifyOffer(b, sign(b), pub, now.Add(2*time.Hour)); !errors.Is(err, config.ErrExpired) {
		t.Error(err)
	}
	if _, err := VerifyOffer(b, bytes.Replace(sign(b), []byte(`"serial":1`), []byte(`"serial":2`), 1), pub, now); !errors.Is(err, config.ErrBadSignature) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, OfferName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOffer(dir, pub, now); !errors.Is(err, config.ErrUnsigned) {
		t.Error(err)
	}
	for what, with := range map[string]string{
		`"version": "2.0"`: `"version": "../2.0"`, `"root_hash": "`: `"root_hash": "0`, `"room": 65536`: `"room": 1`, `"bytes": `: `"bytes": -`,
		`"verity": {`: `"verity": {"more": 1,`, "{": "[{", `"sha256": "`: `"sha256": "Z`,
	} {
		spoilt := bytes.Replace(b, []byte(what), []byte(with), 1)
		if bytes.Equal(spoilt, b) {
			t.Fatalf("nothing says %s", what)
		}
		if o, err := ParseOffer(spoilt); !errors.Is(err, ErrOffer) {
			t.Errorf("%s: %+v, %v", with, o, err)
		}
	}
}

func FuzzParseOffer(f *testing.F) {
	o, _ := release("2.0")
	b, err := json.Marshal(o)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:40])
	f.Add([]byte(strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseOffer(b)
		if err != nil {
			if !errors.Is(err, ErrOffer) {
				t.Fatal(err)
			}
			return
		}
		for _, p := range o.named() {
			if p.File != filepath.Base(p.File) || p.Bytes < 1 {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// TestTrim: the zeros behind the last block that holds anything are cut off.
func TestTrim(t *testing.T) {
	for _, c := range []struct{ size, last, want int }{
		{3 << 20, 5000, 8192}, {3 << 20, 3<<20 - 1, 3 << 20}, {3 << 20, -1, 0}, {8192, 4095, 4096}, {5000, 4999, 5000}, {2 << 20, 1 << 20, 1<<20 + 4096},
	} {
		file, b := filepath.Join(t.TempDir(), "part"), make([]byte, c.size)
		if c.last >= 0 {
			b[c.last] = 1
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		room, err := trim(file)
		if err != nil || room != int64(c.size) {
			t.Errorf("%+v: %d, %v", c, room, err)
		}
		if info, err := os.Stat(file); err != nil || info.Size() != int64(c.want) {
			t.Errorf("%+v: %v", c, info.Size())
		}
	}
}
