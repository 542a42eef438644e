package config

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var signedAt = time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)

func TestSignature(t *testing.T) {
	dir := t.TempDir()
	priv, pub := filepath.Join(dir, "k"), filepath.Join(dir, "k.pub")
	private, public, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(priv, private, 0o600), os.WriteFile(pub, public, 0o644)); err != nil {
		t.Fatal(err)
	}
	key, err := LoadPrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	open, err := LoadPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("lockdown = \"required\"\n")
	s, err := Sign(data, key, 7, signedAt.Add(48*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		change  func(s *Signature, data *[]byte)
		now     time.Time
		highest uint64
		want    error
	}{
		{"good", nil, signedAt, 7, nil},
		{"altered", func(_ *Signature, d *[]byte) { *d = append([]byte(nil), "lockdown = \"off\"\n"...) }, signedAt, 0, ErrAltered},
		{"expired", nil, signedAt.Add(49 * time.Hour), 0, ErrExpired},
		{"rolled back", nil, signedAt, 8, ErrRolledBack},
		{"serial raised", func(s *Signature, _ *[]byte) { s.Serial = 9 }, signedAt, 8, ErrBadSignature},
		{"expiry moved", func(s *Signature, _ *[]byte) { s.NotAfter = s.NotAfter.Add(time.Hour) }, signedAt, 0, ErrBadSignature},
		{"no signature", func(s *Signature, _ *[]byte) { s.Value = "" }, signedAt, 0, ErrBadSignature},
	} {
		s, d := s, data
		if c.change != nil {
			c.change(&s, &d)
		}
		if err := s.Verify(d, open, c.now, c.highest); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Sign(data, key, 0, signedAt); err == nil {
		t.Error("serial 0 was signed")
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	private, public, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		data    []byte
		mode    os.FileMode
		private bool
		want    error
	}{
		{"open to others", private, 0o640, true, ErrKeyTooOpen},
		{"public for private", public, 0o600, true, ErrKeyBroken},
		{"private for public", private, 0o600, false, ErrKeyBroken},
		{"no PEM", []byte("hello"), 0o600, true, ErrKeyBroken},
		{"cut short", private[:60], 0o600, true, ErrKeyBroken},
	} {
		p := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-"))
		if err := os.WriteFile(p, c.data, c.mode); err != nil {
			t.Fatal(err)
		}
		if c.private {
			_, err = LoadPrivateKey(p)
		} else {
			_, err = LoadPublicKey(p)
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), p) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := LoadSignature(filepath.Join(dir, "none.toml")); !errors.Is(err, ErrUnsigned) {
		t.Errorf("no signature: %v", err)
	}
}

// TestSignatureAnyByte: whatever byte of the signature file changes, nothing else is accepted.
func TestSignatureAnyByte(t *testing.T) {
	private, _, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(t.TempDir(), "k")
	if err := os.WriteFile(p, private, 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := LoadPrivateKey(p)
	if err != nil {
		t.Fatal(err)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("not an Ed25519 key")
	}
	data := []byte("x = 1\n")
	good, err := Sign(data, key, 3, signedAt.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		changed := append([]byte(nil), file...)
		changed[rapid.IntRange(0, len(file)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		s, err := ParseSignature(changed)
		if err != nil {
			return
		}
		if err := s.Verify(data, public, signedAt, 0); err == nil && !same(s, good) {
			t.Fatalf("accepted %s", changed)
		}
	})
}

func same(a, b Signature) bool {
	return a.SHA256 == b.SHA256 && a.Serial == b.Serial && a.NotAfter.Equal(b.NotAfter)
}

func FuzzParseSignature(f *testing.F) {
	f.Add([]byte(`{"sha256":"00","serial":1,"not_after":"2026-10-01T00:00:00Z","signature":"AA=="}`))
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSignature(b)
		if err == nil && s.Verify(nil, public, signedAt, 0) == nil {
			t.Fatal("a signature of nothing was accepted")
		}
	})
}
