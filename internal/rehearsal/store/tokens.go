package store

import (
	"database/sql"
	"time"
)

// AuthorizationCode is what a token request exchanges (RFC 6749 §4.1.3).
type AuthorizationCode struct {
	SessionID     int64
	AccountID     int64
	ClientID      string
	JKT           string
	Scope         string
	CodeChallenge string
	GrantedAt     time.Time
	ExpiresAt     time.Time
	UsedAt        time.Time // zero: not used
	GrantID       int64     // what it was exchanged for; 0: nothing
}

// InsertAuthorizationCode stores c under hash.
func (t *Tx) InsertAuthorizationCode(hash []byte, c AuthorizationCode) error {
	_, err := t.exec("insert authorization code", `INSERT INTO authorization_codes
		(hash, session_id, account_id, client_id, jkt, scope, code_challenge, granted_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, hash, c.SessionID, c.AccountID, c.ClientID, c.JKT, c.Scope,
		c.CodeChallenge, millis(c.GrantedAt), millis(c.ExpiresAt))
	return err
}

// AuthorizationCode finds one, and holds it until the transaction ends.
func (t *Tx) AuthorizationCode(hash []byte) (AuthorizationCode, bool, error) {
	var c AuthorizationCode
	var granted, expires int64
	var used, grant sql.NullInt64
	found, err := t.row("authorization code", `SELECT session_id, account_id, client_id, jkt, scope,
		code_challenge, granted_at, expires_at, used_at, grant_id FROM authorization_codes WHERE hash = ?`+t.engine.forUpdate("authorization_codes"),
		[]any{hash}, &c.SessionID, &c.AccountID, &c.ClientID, &c.JKT, &c.Scope, &c.CodeChallenge,
		&granted, &expires, &used, &grant)
	c.GrantedAt, c.ExpiresAt, c.UsedAt, c.GrantID = moment(granted), moment(expires), optional(used), grant.Int64
	return c, found, err
}

// UseAuthorizationCode notes what a code was exchanged for.
func (t *Tx) UseAuthorizationCode(hash []byte, grant int64, now time.Time) error {
	_, err := t.exec("use authorization code", `UPDATE authorization_codes SET used_at = ?, grant_id = ?
		WHERE hash = ?`, millis(now), grant, hash)
	return err
}

// Grant is a login that succeeded: the family of its refresh tokens.
type Grant struct {
	ID        int64
	AccountID int64
	SessionID int64 // 0: ended
	ClientID  string
	JKT       string
	Scope     string
	GrantedAt time.Time
	ExpiresAt time.Time
	RevokedAt time.Time // zero: in force
}

// InsertGrant stores g and sets its ID.
func (t *Tx) InsertGrant(g *Grant) (err error) {
	g.ID, err = t.insert("insert grant", `INSERT INTO grants
		(account_id, session_id, client_id, jkt, scope, granted_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		g.AccountID, g.SessionID, g.ClientID, g.JKT, g.Scope, millis(g.GrantedAt), millis(g.ExpiresAt))
	return err
}

// RevokeGrant ends a grant and with it every token of its family.
func (t *Tx) RevokeGrant(id int64, now time.Time) error {
	_, err := t.exec("revoke grant", `UPDATE grants SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?`,
		millis(now), id)
	return err
}

const grantColumns = `g.id, g.account_id, g.session_id, g.client_id, g.jkt, g.scope, g.granted_at, g.expires_at, g.revoked_at`

func (t *Tx) grant(query string, args []any, more ...any) (Grant, bool, error) {
	var g Grant
	var granted, expires int64
	var revoked, session sql.NullInt64
	dest := append([]any{&g.ID, &g.AccountID, &session, &g.ClientID, &g.JKT, &g.Scope, &granted, &expires, &revoked}, more...)
	found, err := t.row("grant", query, args, dest...)
	g.SessionID = session.Int64
	g.GrantedAt, g.ExpiresAt, g.RevokedAt = moment(granted), moment(expires), optional(revoked)
	return g, found, err
}

// GrantByID finds a grant.
func (t *Tx) GrantByID(id int64) (Grant, bool, error) {
	return t.grant(`SELECT `+grantColumns+` FROM grants g WHERE g.id = ?`, []any{id})
}

// InsertRefreshToken adds a token to a grant's family.
func (t *Tx) InsertRefreshToken(hash []byte, grant int64) error {
	_, err := t.exec("insert refresh token", `INSERT INTO refresh_tokens (hash, grant_id) VALUES (?, ?)`, hash, grant)
	return err
}

// GrantByRefreshToken finds the grant of a refresh token, and when the token was
// used; zero: it is the newest of its family. Both are held until the transaction ends.
func (t *Tx) GrantByRefreshToken(hash []byte) (g Grant, usedAt time.Time, found bool, err error) {
	var used sql.NullInt64
	g, found, err = t.grant(`SELECT `+grantColumns+`, r.used_at FROM refresh_tokens r
		JOIN grants g ON g.id = r.grant_id WHERE r.hash = ?`+t.engine.forUpdate("r, g"), []any{hash}, &used)
	return g, optional(used), found, err
}

// UseRefreshToken marks a token used.
func (t *Tx) UseRefreshToken(hash []byte, now time.Time) error {
	_, err := t.exec("use refresh token", `UPDATE refresh_tokens SET used_at = ? WHERE hash = ?`, millis(now), hash)
	return err
}
