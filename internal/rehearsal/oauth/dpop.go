package oauth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"

	"portillon/internal/dpop"
)

const (
	// proofLeeway forgives a tablet's clock; the nonce is what proves freshness.
	proofLeeway = 5 * time.Minute
	nonceStep   = time.Minute
	nonceSteps  = 5 // how many steps a nonce lives
	maxReplays  = 1 << 20
)

// nonces hands out DPoP nonces (RFC 9449 §8) without remembering them: a nonce is a
// MAC over the minute. The key dies with the process, and with it every older proof.
type nonces struct {
	key []byte
	now func() time.Time
}

func newNonces(now func() time.Time) *nonces {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return &nonces{key, now}
}

func (n *nonces) at(step int64) string {
	h := hmac.New(sha256.New, n.key)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(step))
	h.Write(b[:])
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

func (n *nonces) step() int64 { return n.now().Unix() / int64(nonceStep/time.Second) }

func (n *nonces) current() string { return n.at(n.step()) }

func (n *nonces) valid(nonce string) bool {
	good := 0
	for i := range int64(nonceSteps) {
		good |= subtle.ConstantTimeCompare([]byte(nonce), []byte(n.at(n.step()-i)))
	}
	return good == 1
}

// replays remembers the proofs seen while they could still be accepted.
type replays struct {
	mu   sync.Mutex
	seen map[[32]byte]time.Time // until when
}

func newReplays() *replays { return &replays{seen: make(map[[32]byte]time.Time)} }

type novelty int

const (
	fresh novelty = iota
	replayed
	full
)

func (r *replays) add(p dpop.Proof, now time.Time) novelty {
	id := sha256.Sum256([]byte(p.Thumbprint + "\x00" + p.JTI))
	r.mu.Lock()
	defer r.mu.Unlock()
	if until, ok := r.seen[id]; ok && !now.After(until) {
		return replayed
	}
	if len(r.seen) >= maxReplays {
		return full
	}
	r.seen[id] = p.IssuedAt.Add(proofLeeway + time.Second)
	return fresh
}

func (r *replays) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, until := range r.seen {
		if now.After(until) {
			delete(r.seen, id)
		}
	}
}
