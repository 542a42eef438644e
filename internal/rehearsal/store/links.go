package store

import (
	"database/sql"
	"time"
)

// Link is a mailed address by which a password is created, once.
type Link struct {
	ID        int64
	Address   string // to which it was mailed; normalised
	Name      string // the person's, for an account that is not there yet
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero: not used
	VoidAt    time.Time // zero: no other link to the address has been used since
}

// Spent reports whether a password has been created since the link was made.
func (l Link) Spent() bool { return !l.UsedAt.IsZero() || !l.VoidAt.IsZero() }

// InsertLink stores l under hash and sets its ID. Earlier links to the address stay
// as good as they were.
func (t *Tx) InsertLink(l *Link, hash []byte) (err error) {
	l.Address = Normalise(l.Address)
	l.ID, err = t.insert("insert link", `INSERT INTO links (hash, address, name, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?)`, hash, l.Address, l.Name, millis(l.CreatedAt), millis(l.ExpiresAt))
	return err
}

const linkColumns = `SELECT id, address, name, created_at, expires_at, used_at, void_at FROM links WHERE `

func (t *Tx) link(where string, arg any) (Link, bool, error) {
	var l Link
	var created, expires int64
	var used, void sql.NullInt64
	found, err := t.row("link", linkColumns+where, []any{arg}, &l.ID, &l.Address, &l.Name, &created, &expires, &used, &void)
	l.CreatedAt, l.ExpiresAt, l.UsedAt, l.VoidAt = moment(created), moment(expires), optional(used), optional(void)
	return l, found, err
}

// LinkByHash finds a link by the hash of its secret.
func (t *Tx) LinkByHash(hash []byte) (Link, bool, error) { return t.link(`hash = ?`, hash) }

// LinkByID finds a link.
func (t *Tx) LinkByID(id int64) (Link, bool, error) { return t.link(`id = ?`, id) }

// UseLink marks a link used and every other link to its address void; first is false,
// and nothing changes, where it was spent before.
func (t *Tx) UseLink(l Link, now time.Time) (first bool, err error) {
	n, err := t.exec("use link", `UPDATE links SET used_at = ? WHERE id = ? AND used_at IS NULL AND void_at IS NULL`,
		millis(now), l.ID)
	if err != nil || n != 1 {
		return false, err
	}
	_, err = t.exec("void links", `UPDATE links SET void_at = ? WHERE address = ? AND used_at IS NULL AND void_at IS NULL`,
		millis(now), l.Address)
	return true, err
}

// Links counts the links made to an address since that have not been spent, with the
// time of the last.
func (t *Tx) Links(address string, since time.Time) (n int, last time.Time, err error) {
	var at sql.NullInt64
	_, err = t.row("count links", `SELECT count(*), max(created_at) FROM links WHERE address = ? AND created_at > ?
		AND used_at IS NULL AND void_at IS NULL`, []any{Normalise(address), millis(since)}, &n, &at)
	return n, optional(at), err
}

// SetPassword gives an account another password, a PHC string; found is false where
// there is no such account.
func (t *Tx) SetPassword(account int64, phc string) (found bool, err error) {
	n, err := t.exec("set password", `UPDATE accounts SET password = ? WHERE id = ?`, phc, account)
	return n == 1, err
}

// ClaimAuthorizationCode marks a code used that nothing is exchanged for; first is
// false where it was used before.
func (t *Tx) ClaimAuthorizationCode(hash []byte, now time.Time) (first bool, err error) {
	n, err := t.exec("claim authorization code", `UPDATE authorization_codes SET used_at = ? WHERE hash = ? AND used_at IS NULL`,
		millis(now), hash)
	return n == 1, err
}
