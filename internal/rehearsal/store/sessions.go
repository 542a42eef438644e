package store

import (
	"database/sql"
	"time"
)

// Session is a login under way. It is found by the hash of its newest
// auth_session and by nothing else.
type Session struct {
	ID            int64
	JKT           string // thumbprint of the DPoP key it is bound to
	ClientID      string
	Scope         string
	CodeChallenge string
	AccountID     int64  // 0: nobody, a phantom that only looks like somebody
	Subject       string // what limits count for: an account, or a hashed address
	Class         string // whom limits count: one known tablet, or all unknown clients
	Address       string // as typed, normalised; "" for a phantom
	Masked        string
}

// InsertSession stores s under hash and sets its ID.
func (t *Tx) InsertSession(s *Session, hash []byte, now time.Time) (err error) {
	account := sql.NullInt64{Int64: s.AccountID, Valid: s.AccountID != 0}
	s.ID, err = t.insert("insert session", `INSERT INTO sessions (hash, jkt, client_id, scope,
		code_challenge, account_id, subject, class, address, masked, touched_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, hash, s.JKT, s.ClientID, s.Scope,
		s.CodeChallenge, account, s.Subject, s.Class, s.Address, s.Masked, millis(now))
	return err
}

// RotateSession finds the session of hash that key jkt holds and that was
// touched since idle, and moves it under next. Of two concurrent calls with the same
// hash one finds it.
func (t *Tx) RotateSession(hash []byte, jkt string, next []byte, idle, now time.Time) (Session, bool, error) {
	var s Session
	var account sql.NullInt64
	found, err := t.row("rotate session", `UPDATE sessions SET hash = ?, touched_at = ?
		WHERE hash = ? AND jkt = ? AND touched_at >= ?
		RETURNING id, jkt, client_id, scope, code_challenge, account_id, subject, class, address, masked`,
		[]any{next, millis(now), hash, jkt, millis(idle)},
		&s.ID, &s.JKT, &s.ClientID, &s.Scope, &s.CodeChallenge, &account,
		&s.Subject, &s.Class, &s.Address, &s.Masked)
	s.AccountID = account.Int64
	return s, found, err
}

// RenewSession moves session id under next, for an answer that was reached by
// a token and not by an auth_session; found is false where it has ended.
func (t *Tx) RenewSession(id int64, next []byte, now time.Time) (found bool, err error) {
	n, err := t.exec("renew session", `UPDATE sessions SET hash = ?, touched_at = ? WHERE id = ?`,
		next, millis(now), id)
	return n > 0, err
}

// Code is a one-time code that was sent.
type Code struct {
	ID        int64
	SessionID int64
	Salt, MAC []byte
	SentAt    time.Time
	ExpiresAt time.Time // without grace
	Tries     int
	UsedAt    time.Time // zero: not used
}

// InsertCode stores a code for session s. It supersedes the session's older ones by
// being newer.
func (t *Tx) InsertCode(s Session, c Code) error {
	_, err := t.exec("insert code", `INSERT INTO codes (session_id, subject, class, salt, mac, sent_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, s.ID, s.Subject, s.Class, c.Salt, c.MAC, millis(c.SentAt), millis(c.ExpiresAt))
	return err
}

// Codes lists, newest first, the codes sent to the subject of s for its class of
// clients: those of the session itself, and those of earlier ones, which a student
// may find in the mailbox too. At most 16.
func (t *Tx) Codes(s Session) (out []Code, err error) {
	if err := t.hold(s.Subject, s.Class); err != nil {
		return nil, err
	}
	err = t.rows("codes", `SELECT id, session_id, salt, mac, sent_at, expires_at, tries, used_at FROM codes
		WHERE subject = ? AND class = ? ORDER BY id DESC LIMIT 16`, []any{s.Subject, s.Class},
		func(r *sql.Rows) error {
			var c Code
			var sent, expires int64
			var used sql.NullInt64
			if err := r.Scan(&c.ID, &c.SessionID, &c.Salt, &c.MAC, &sent, &expires, &c.Tries, &used); err != nil {
				return err
			}
			c.SentAt, c.ExpiresAt, c.UsedAt = moment(sent), moment(expires), optional(used)
			out = append(out, c)
			return nil
		})
	return out, err
}

// CountTry counts a wrong try of a code.
func (t *Tx) CountTry(id int64) error {
	_, err := t.exec("count try", `UPDATE codes SET tries = tries + 1 WHERE id = ?`, id)
	return err
}

// UseCode marks a code used; first is false where it already was.
func (t *Tx) UseCode(id int64, now time.Time) (first bool, err error) {
	n, err := t.exec("use code", `UPDATE codes SET used_at = ? WHERE id = ? AND used_at IS NULL`, millis(now), id)
	return n == 1, err
}

// Kind is what an event counts.
type Kind string

// The kinds of event.
const (
	WrongPassword Kind = "password"
	WrongCode     Kind = "code"
	Sent          Kind = "send"
)

// AddEvent counts one event of the session's subject and class.
func (t *Tx) AddEvent(s Session, k Kind, now time.Time) (id int64, err error) {
	return t.insert("add event", `INSERT INTO events (subject, class, kind, at) VALUES (?, ?, ?, ?)`,
		s.Subject, s.Class, string(k), millis(now))
}

// DeleteEvent takes one event back.
func (t *Tx) DeleteEvent(id int64) error {
	_, err := t.exec("delete event", `DELETE FROM events WHERE id = ?`, id)
	return err
}

// Events counts what happened since, with the times of the first and the last. Nobody
// else counts or sends for the session's subject and class until the transaction ends.
func (t *Tx) Events(s Session, k Kind, since time.Time) (n int, first, last time.Time, err error) {
	if err := t.hold(s.Subject, s.Class); err != nil {
		return 0, first, last, err
	}
	var lo, hi sql.NullInt64
	_, err = t.row("events", `SELECT count(*), min(at), max(at) FROM events
		WHERE subject = ? AND class = ? AND kind = ? AND at > ?`,
		[]any{s.Subject, s.Class, string(k), millis(since)}, &n, &lo, &hi)
	return n, optional(lo), optional(hi), err
}

// ForgiveFailures forgets wrong passwords and codes after a login that succeeded.
func (t *Tx) ForgiveFailures(s Session) error {
	_, err := t.exec("forgive", `DELETE FROM events WHERE subject = ? AND class = ? AND kind IN ('password', 'code')`,
		s.Subject, s.Class)
	return err
}
