package argon2id_test

import (
	"bytes"
	"encoding/hex"
	"runtime"
	"testing"

	"golang.org/x/crypto/argon2"

	"portillon/internal/rehearsal/argon2id"
)

// TestAsXCrypto compares with golang.org/x/crypto/argon2, in memory that has held other hashes.
func TestAsXCrypto(t *testing.T) {
	var m argon2id.Memory
	for _, kib := range []uint32{19456, 8, 1, 9, 16, 515, 1024, 4099} {
		for passes := uint32(1); passes <= 3; passes++ {
			for _, length := range []uint32{1, 16, 32, 64, 65, 100} {
				compare(t, &m, []byte("épreuve"), []byte("0123456789abcdef"), passes, kib, length)
			}
		}
	}
}

func compare(t *testing.T, m *argon2id.Memory, password, salt []byte, passes, kib, length uint32) {
	t.Helper()
	want := argon2.IDKey(password, salt, passes, kib, 1, length)
	if got := m.Key(password, salt, passes, kib, length); !bytes.Equal(got, want) {
		t.Errorf("%d passes over %d KiB, %d bytes: %x, want %x", passes, kib, length, got, want)
	}
}

// TestVector is one of the reference implementation (phc-winner-argon2, test.c).
func TestVector(t *testing.T) {
	var m argon2id.Memory
	const want = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
	if got := hex.EncodeToString(m.Key([]byte("password"), []byte("somesalt"), 2, 65536, 32)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzAsXCrypto(f *testing.F) {
	f.Add([]byte("motdepasse"), []byte("sel de mer"), uint8(2), uint16(64), uint8(32))
	f.Add([]byte{}, []byte{}, uint8(1), uint16(0), uint8(1))
	var m argon2id.Memory
	f.Fuzz(func(t *testing.T, password, salt []byte, passes uint8, kib uint16, length uint8) {
		compare(t, &m, password, salt, uint32(passes%4)+1, uint32(kib%2048), uint32(length)+1)
	})
}

// TestKeepsItsMemory: nothing large is allocated for the next password.
func TestKeepsItsMemory(t *testing.T) {
	var m argon2id.Memory
	key := func() { m.Key([]byte("motdepasse"), []byte("0123456789abcdef"), 1, 1024, 32) }
	key()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	key()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
		t.Errorf("%d bytes a hash", n)
	}
}
