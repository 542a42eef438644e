package password_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"portillon/internal/rehearsal/password"
)

func TestHashIsOWASPs(t *testing.T) {
	phc := password.Hash("Été-2026!")
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("PHC %q", phc)
	}
	if phc == password.Hash("Été-2026!") {
		t.Error("two hashes share a salt")
	}
}

func TestVerify(t *testing.T) {
	phc := password.Hash("Été-2026!")
	for given, want := range map[string]bool{
		"Été-2026!":               true,
		"E\u0301te\u0301-2026!":   true, // composed by another keyboard
		"Ete-2026!":               false,
		"Été-2026":                false,
		"":                        false,
		"Été-2026!\x00":           false,
		strings.Repeat("é", 5000): false,
	} {
		if got, err := password.Verify(phc, given); got != want || err != nil {
			t.Errorf("%.20q: %t, %v; want %t", given, got, err, want)
		}
	}
}

// TestVector is argon2's own: the reference program's output for "password" with
// the salt "somesalt" (argon2 -id -t 2 -k 256 -p 1, version 19).
func TestVector(t *testing.T) {
	const phc = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if ok, err := password.Verify(phc, "password"); !ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
}

func TestDamagedHashes(t *testing.T) {
	for _, phc := range []string{
		"", "$", "x$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=0$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
		"$argon2id$v=19$m=256,t=2,p=1$*$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
	} {
		if _, err := password.Verify(phc, "password"); !errors.Is(err, password.ErrFormat) {
			t.Errorf("%q: got %v, want ErrFormat", phc, err)
		}
	}
}

func TestQueue(t *testing.T) {
	h := password.New(2)
	a, err := h.Enter("somebody")
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Enter("somebody")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Enter("somebody"); !errors.Is(err, password.ErrBusy) {
		t.Errorf("a third in a queue of two: %v", err)
	}
	b.Leave()
	if ok, err := a.Check(t.Context(), "", "n’importe"); ok || err != nil {
		t.Errorf("nobody's password: %t, %v", ok, err)
	}
	for range 2 {
		if _, err := h.Enter("somebody"); err != nil {
			t.Errorf("the queue did not empty: %v", err)
		}
	}
}

func TestCheckObeysItsContext(t *testing.T) {
	h := password.New(0)
	ticket, err := h.Enter("somebody")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ticket.Check(ctx, "", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
