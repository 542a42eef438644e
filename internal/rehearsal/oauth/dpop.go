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
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

const (
	// proofLeeway forgives a tablet's clock; the nonce is what proves freshness.
	proofLeeway = 5 * time.Minute
	nonceStep   = time.Minute
	nonceSteps  = 5 // how many steps a nonce lives
	maxReplays  = 1 << 20
)

// nonces hands out DPoP nonces (RFC 9449 §8) without remembering them: a nonce is a
// MAC over the minute. Where one process serves, the key dies with it, and with it every
// older proof; several share one, and proofs that were used are in their database.
type nonces struct {
	key []byte
	now func() time.Time
}

func newNonces(d Deps) *nonces {
	if d.DB.Shared() {
		return &nonces{d.Keys.MAC("DPoP nonces"), d.Now}
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return &nonces{key, d.Now}
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

// replays remembers the proofs that this process has seen while they could still be
// accepted. Where others serve beside it, spend asks the database too.
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

// proofID names a proof, and until is how long it could be accepted.
func proofID(p dpop.Proof) (id [32]byte, until time.Time) {
	return sha256.Sum256([]byte(p.Thumbprint + "\x00" + p.JTI)), p.IssuedAt.Add(proofLeeway + time.Second)
}

func (r *replays) add(p dpop.Proof, now time.Time) novelty {
	id, until := proofID(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if until, ok := r.seen[id]; ok && !now.After(until) {
		return replayed
	}
	if len(r.seen) >= maxReplays {
		return full
	}
	r.seen[id] = until
	return fresh
}

// step is one transaction of a request, in which its proof is spent.
func (s *Service) step(r *request, f func(*store.Tx) error) error {
	return s.DB.Step(r.ctx, func(tx *store.Tx) error {
		if err := s.spend(r, tx); err != nil {
			return err
		}
		return f(tx)
	})
}

// spend refuses a proof that another process has accepted.
func (s *Service) spend(r *request, tx *store.Tx) error {
	if r.proof.JTI == "" || !s.DB.Shared() {
		return nil // from inside; or all there is to know is in seen
	}
	id, until := proofID(r.proof)
	first, err := tx.UseProof(id[:], until)
	if err == nil && !first {
		err = errReplayed()
	}
	return err
}

func errReplayed() *problem { return refuse(wire.ErrorInvalidDPoPProof, "the proof was used before") }

func (r *replays) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, until := range r.seen {
		if now.After(until) {
			delete(r.seen, id)
		}
	}
}
