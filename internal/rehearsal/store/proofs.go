package store

import "time"

// UseProof notes that a proof of possession, known by its hash, was used; fresh is false
// where it was noted before. It need not be remembered after expires.
func (t *Tx) UseProof(id []byte, expires time.Time) (fresh bool, err error) {
	n, err := t.exec("use proof", `INSERT INTO proofs (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`, id, millis(expires))
	return n == 1, err
}
