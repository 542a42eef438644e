// Package password hashes passwords with argon2id and bounds how many are
// hashed at once: each takes 19 MiB and some 20 ms of a core, and an exam room logs in
// within a minute. It also judges new ones: Judge. The oauth, people and portal
// packages use it.
//
//	Enter(who) ─→ queue.go: a place, or *BusyError{After} ── Ticket.Check ─→ a core ─→ argon2id
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"

	"portillon/internal/rehearsal/argon2id"
)

// Parameters of new hashes: OWASP's Password Storage Cheat Sheet, first choice
// but one (m=19 MiB, t=2, p=1).
const (
	memory  = 19456 // KiB
	passes  = 2
	lanes   = 1
	saltLen = 16
	keyLen  = 32
)

// Bounds on what a stored hash may ask for, so that a damaged row cannot
// exhaust the machine.
const (
	maxMemory = 1 << 20 // KiB
	maxPasses = 16
	maxLanes  = 16
)

// MaxBytes bounds a password; 128 characters of any script fit.
const MaxBytes = 1024

var (
	// ErrBusy: too many passwords are waiting to be checked; try later.
	ErrBusy = errors.New("too many passwords are being checked")
	// ErrFormat: a stored hash is not a PHC string of argon2id.
	ErrFormat = errors.New("stored hash is not argon2id in PHC form")
)

// Hasher hashes and checks with bounded concurrency. It is safe for concurrent use.
type Hasher struct {
	slots *semaphore.Weighted
	queue *Queue
	dummy string
	// memory has an *argon2id.Memory for each core that works; an idle service gives it up.
	memory sync.Pool
}

// New returns a Hasher for this machine's cores. waiting bounds how many may
// queue; 0: a default that keeps answers within seconds.
func New(waiting int) *Hasher {
	cores := runtime.GOMAXPROCS(0)
	if waiting <= 0 {
		waiting = waitingPerCore * cores
	}
	h := &Hasher{slots: semaphore.NewWeighted(int64(cores)), memory: sync.Pool{New: func() any { return new(argon2id.Memory) }}}
	start := time.Now()
	h.dummy = Hash(rand.Text())
	h.queue = NewQueue(cores, waiting, withLogin(time.Since(start)))
	return h
}

// withLogin adds to what a hash takes what the rest of a login takes its core at least:
// connections, proofs and rows, 4 ms beside 24 (docs/exam-day.md). Those who are told when to
// come back would otherwise come a tenth too early, most of them for nothing.
func withLogin(hash time.Duration) time.Duration { return hash + hash/10 }

// State is that of the queue (Queue.State).
func (h *Hasher) State() (here, promised int, each time.Duration) { return h.queue.State() }

// Done is how many passwords were hashed or checked (Queue.Done).
func (h *Hasher) Done() int { return h.queue.Done() }

// Ticket is a place in the queue. Exactly one of Check, Hash and Leave ends it.
type Ticket struct{ h *Hasher }

// Enter takes a place in the queue or fails at once with a *BusyError that says when to
// come back. It is called before anything is changed for the request, so that "try
// later" can mean it. who names the asker, so that one who comes back when told to is
// not put behind those who came meanwhile.
func (h *Hasher) Enter(who string) (Ticket, error) {
	if err := h.queue.Enter(who); err != nil {
		return Ticket{}, err
	}
	return Ticket{h}, nil
}

// Leave gives the place up unused.
func (t Ticket) Leave() { t.h.queue.Leave(0) }

// Check waits for a core and compares. An empty phc (nobody, or no password yet)
// costs the same time and never matches. It fails with ErrFormat or ctx's error.
func (t Ticket) Check(ctx context.Context, phc, password string) (bool, error) {
	var took time.Duration
	defer func() { t.h.queue.Leave(withLogin(took)) }()
	if err := t.h.slots.Acquire(ctx, 1); err != nil {
		return false, fmt.Errorf("password: %w", err)
	}
	defer t.h.slots.Release(1)
	real := phc != ""
	if !real {
		phc = t.h.dummy
	}
	m, _ := t.h.memory.Get().(*argon2id.Memory) // nothing else is put there
	defer t.h.memory.Put(m)
	start := time.Now()
	ok, err := verify(m, phc, password)
	took = time.Since(start)
	return ok && real, err
}

// Hash returns the PHC string of password under a random salt.
func Hash(password string) string { return hash(new(argon2id.Memory), password) }

func hash(m *argon2id.Memory, password string) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	sum := m.Key(normalise(password), salt, passes, memory, keyLen)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes,
		enc.EncodeToString(salt), enc.EncodeToString(sum))
}

// Verify compares password with a PHC string; it fails with ErrFormat.
func Verify(phc, password string) (bool, error) { return verify(new(argon2id.Memory), phc, password) }

func verify(m *argon2id.Memory, phc, password string) (bool, error) {
	h, err := parse(phc)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(h.key(m, normalise(password)), h.sum) == 1, nil
}

// key is what password gives with the parameters of a stored hash. m has room for those of ours;
// others' are rare, and what they need is given up again.
func (h stored) key(m *argon2id.Memory, password []byte) []byte {
	if h.lanes != 1 || h.memory > memory {
		return argon2.IDKey(password, h.salt, h.passes, h.memory, h.lanes, uint32(len(h.sum)))
	}
	return m.Key(password, h.salt, h.passes, h.memory, uint32(len(h.sum)))
}

// stored is a PHC string taken apart.
type stored struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

func parse(phc string) (h stored, err error) {
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, ErrFormat
	}
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil || n != 3 {
		return h, ErrFormat
	}
	var errs [2]error
	h.salt, errs[0] = base64.RawStdEncoding.DecodeString(part[4])
	h.sum, errs[1] = base64.RawStdEncoding.DecodeString(part[5])
	if errors.Join(errs[:]...) != nil || !h.bounded() {
		return h, ErrFormat
	}
	return h, nil
}

// bounded reports whether the cost and the lengths are ones to work with.
func (h stored) bounded() bool {
	return h.passes >= 1 && h.passes <= maxPasses && h.lanes >= 1 && h.lanes <= maxLanes &&
		h.memory >= 8*uint32(h.lanes) && h.memory <= maxMemory &&
		len(h.salt) >= 8 && len(h.sum) >= 16 && len(h.sum) <= 64
}

// normalise makes one byte string of an accented letter, however a keyboard
// composed it (NIST SP 800-63B §3.1.1.2).
func normalise(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

// Hash waits for a core and hashes a new password. It fails with ctx's error.
func (t Ticket) Hash(ctx context.Context, password string) (string, error) {
	var took time.Duration
	defer func() { t.h.queue.Leave(withLogin(took)) }()
	if err := t.h.slots.Acquire(ctx, 1); err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	defer t.h.slots.Release(1)
	m, _ := t.h.memory.Get().(*argon2id.Memory)
	defer t.h.memory.Put(m)
	start := time.Now()
	phc := hash(m, password)
	took = time.Since(start)
	return phc, nil
}
