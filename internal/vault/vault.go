// Package vault is where a session may rest between two runs of the screen
// process: the operating system's keyring where there is one that works, else this
// process's memory. The kiosk alone calls it; what it holds is one record,
// sealed by identity, and nothing that was typed.
//
//	Open ─ Probe: bus? service? unlocked? round trip? ─yes→ Keyring
//	                                                  ─no─→ Memory
package vault

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"portillon/internal/identity"
)

var (
	// ErrEmpty: nothing is kept.
	ErrEmpty = errors.New("vault: empty")
	// ErrUnavailable: the keyring did not do what it was asked, or not in time.
	ErrUnavailable = errors.New("vault: keyring unavailable")
	// ErrUnreadable: what is kept is no record; Wipe it.
	ErrUnreadable = errors.New("vault: record unreadable")
)

// Record is what is kept: a session, whose it is without saying so, and when.
type Record struct {
	Sealed      []byte // identity.Session.Seal
	EmailDigest []byte // Digest of the address it was granted to
	BootID      string // the boot it was kept in
	KeptAt      time.Time
}

// Vault keeps one record. Its methods may be called from several goroutines and
// return when the context is done at the latest.
type Vault interface {
	// Put keeps r instead of what was kept before. It fails with ErrUnavailable.
	Put(ctx context.Context, r Record) error
	// Get returns what is kept. It fails with ErrEmpty, ErrUnreadable or
	// ErrUnavailable.
	Get(ctx context.Context) (Record, error)
	// Wipe forgets what is kept; nothing kept is no error. It fails with
	// ErrUnavailable.
	Wipe(ctx context.Context) error
	// Survives reports whether a record outlives this process. It turns false when a
	// keyring stops answering.
	Survives() bool
}

// Digest recognises an address again without keeping it: HMAC-SHA-256 of the
// address under a salt of this tablet's own. Upper and lower case are one: no mail
// server of a university tells them apart, and a tablet's keyboard mixes them.
func Digest(email identity.Email, salt []byte) []byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(strings.ToLower(email.Address()))) // a hash never fails
	return mac.Sum(nil)
}

// memory is the vault that ends with the process.
type memory struct {
	mu     sync.Mutex
	record *Record
}

// Memory returns an empty vault in this process's memory.
func Memory() Vault { return &memory{} }

func (m *memory) Put(ctx context.Context, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	r = r.clone()
	m.record = &r
	return nil
}

func (m *memory) Get(ctx context.Context) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.record == nil {
		return Record{}, ErrEmpty
	}
	return m.record.clone(), nil
}

// Wipe works under a done context, too: it cannot wait for anything.
func (m *memory) Wipe(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	return nil
}

func (m *memory) Survives() bool { return false }

func (m *memory) forget() {
	if m.record != nil {
		clear(m.record.Sealed)
		m.record = nil
	}
}

// clone keeps the caller's bytes and the vault's apart.
func (r Record) clone() Record {
	r.Sealed = bytes.Clone(r.Sealed)
	r.EmailDigest = bytes.Clone(r.EmailDigest)
	return r
}
