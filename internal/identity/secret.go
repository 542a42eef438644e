package identity

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"unicode/utf8"
)

// MaxSecretBytes bounds a Secret; 128 characters of any script fit (ASVS 5
// §6.2.9 asks for at least 64).
const MaxSecretBytes = 1024

// ErrSecretFull is returned by Insert when a Secret cannot hold one more rune.
var ErrSecretFull = errors.New("secret is full")

// Secret holds a password or a one-time code in one page of its own: locked in
// memory, left out of core dumps and of forked children, zeroed by Wipe. The
// bytes never become a Go string. It prints as "[secret]" whatever the verb.
//
// A Secret may be used from several goroutines. After Wipe it is empty and can be filled again;
// Close gives the page back.
type Secret struct {
	mu   sync.Mutex
	page []byte
	n    int
}

// NewSecret returns an empty Secret. It fails where the kernel grants no locked
// page (RLIMIT_MEMLOCK, usually 8 MiB).
func NewSecret() (*Secret, error) {
	page, err := syscall.Mmap(-1, 0, syscall.Getpagesize(),
		syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("secret page: %w", err)
	}
	if err := syscall.Mlock(page); err != nil {
		_ = syscall.Munmap(page) // nothing was written yet
		return nil, fmt.Errorf("lock secret page: %w", err)
	}
	const dontDump, wipeOnFork = 16, 18 // MADV_DONTDUMP, MADV_WIPEONFORK: linux/mman.h
	for _, advice := range []int{dontDump, wipeOnFork} {
		if err := syscall.Madvise(page, advice); err != nil {
			_ = syscall.Munmap(page) // nothing was written yet
			return nil, fmt.Errorf("advise secret page: %w", err)
		}
	}
	return &Secret{page: page}, nil
}

// Insert puts r before the i-th rune (0 ≤ i ≤ Runes()).
func (s *Secret) Insert(i int, r rune) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := utf8.RuneLen(r)
	if size < 0 {
		return fmt.Errorf("insert: not a character")
	}
	if s.page == nil || s.n+size > MaxSecretBytes {
		return ErrSecretFull
	}
	at := s.offset(i)
	copy(s.page[at+size:s.n+size], s.page[at:s.n])
	utf8.EncodeRune(s.page[at:at+size], r)
	s.n += size
	return nil
}

// Delete removes the i-th rune; out of range it does nothing.
func (s *Secret) Delete(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.offset(i)
	if i < 0 || at >= s.n {
		return
	}
	_, size := utf8.DecodeRune(s.page[at:s.n])
	copy(s.page[at:], s.page[at+size:s.n])
	clear(s.page[s.n-size : s.n])
	s.n -= size
}

// offset is the byte offset of the i-th rune, s.n past the end.
func (s *Secret) offset(i int) int {
	at := 0
	for ; i > 0 && at < s.n; i-- {
		_, size := utf8.DecodeRune(s.page[at:s.n])
		at += size
	}
	return at
}

// Rune is the i-th rune, for a field that shows it; 0 out of range.
func (s *Secret) Rune(i int) rune {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.offset(i)
	if i < 0 || at >= s.n {
		return 0
	}
	r, _ := utf8.DecodeRune(s.page[at:s.n])
	return r
}

// Runes is the number of runes held.
func (s *Secret) Runes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return utf8.RuneCount(s.page[:s.n])
}

// Len is the number of bytes held.
func (s *Secret) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// Use calls f with the bytes. f must neither keep nor copy them into memory it
// does not zero.
func (s *Secret) Use(f func(b []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.page[:s.n:s.n])
}

// Clone returns a second Secret with the same bytes, in a page of its own.
func (s *Secret) Clone() (*Secret, error) {
	c, err := NewSecret()
	if err != nil {
		return nil, err
	}
	s.Use(func(b []byte) { c.n = copy(c.page, b) })
	return c, nil
}

// Wipe zeroes the page and empties the Secret. A nil Secret is empty already.
func (s *Secret) Wipe() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.page)
	s.n = 0
}

// Close wipes and returns the page to the kernel. The Secret stays empty.
func (s *Secret) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.page == nil {
		return
	}
	clear(s.page)
	s.n = 0
	_ = syscall.Munmap(s.page) // it fails only for a page that is not ours
	s.page = nil
}

const redactedSecret = "[secret]"

// Format redacts for every verb of fmt.
func (s *Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redactedSecret)) }

// MarshalText redacts for encoders and log handlers.
func (s *Secret) MarshalText() ([]byte, error) { return []byte(redactedSecret), nil }
