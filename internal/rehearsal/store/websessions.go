package store

import "time"

// WebSession is what one site remembers of one browser. It is found by the hash of its
// cookie's token and by nothing else.
type WebSession struct {
	Data                 []byte
	CreatedAt, TouchedAt time.Time
}

// WebSession finds the session of hash; found is false where there is none.
func (t *Tx) WebSession(site, hash string) (s WebSession, found bool, err error) {
	var created, touched int64
	found, err = t.row("web session", `SELECT data, created_at, touched_at FROM web_sessions
		WHERE hash = ? AND site = ?`, []any{hash, site}, &s.Data, &created, &touched)
	s.CreatedAt, s.TouchedAt = moment(created), moment(touched)
	return s, found, err
}

// PutWebSession stores data under hash; the age of a session that already is stays.
func (t *Tx) PutWebSession(site, hash string, data []byte, now time.Time) error {
	_, err := t.exec("put web session", `INSERT INTO web_sessions (hash, site, data, created_at, touched_at)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET data = excluded.data, touched_at = excluded.touched_at
		WHERE web_sessions.site = excluded.site`, hash, site, data, millis(now), millis(now))
	return err
}

// TouchWebSession notes that the session is in use. It never brings back one that ended.
func (t *Tx) TouchWebSession(site, hash string, now time.Time) error {
	_, err := t.exec("touch web session", `UPDATE web_sessions SET touched_at = ? WHERE hash = ? AND site = ?`,
		millis(now), hash, site)
	return err
}

// DeleteWebSession ends a session; ending none is no error.
func (t *Tx) DeleteWebSession(site, hash string) error {
	_, err := t.exec("delete web session", `DELETE FROM web_sessions WHERE hash = ? AND site = ?`, hash, site)
	return err
}

// PurgeWebSessions forgets the site's sessions that were made before created or touched
// before touched.
func (t *Tx) PurgeWebSessions(site string, created, touched time.Time) error {
	_, err := t.exec("purge web sessions", `DELETE FROM web_sessions
		WHERE site = ? AND (created_at < ? OR touched_at < ?)`, site, millis(created), millis(touched))
	return err
}
