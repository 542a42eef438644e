package store

import (
	"context"
	"database/sql"
	"time"
)

// Mail is a message that waits to be sent. Recipient and text are sealed.
type Mail struct {
	ID       int64
	Sealed   []byte
	Phantom  bool // for nobody: removed unsent
	NotAfter time.Time
	Tries    int
}

// InsertMail queues m for now.
func (t *Tx) InsertMail(m Mail, now time.Time) error {
	_, err := t.exec("insert mail", `INSERT INTO mails (sealed, phantom, not_after, next_at) VALUES (?, ?, ?, ?)`,
		m.Sealed, m.Phantom, millis(m.NotAfter), millis(now))
	return err
}

// DueMails lists up to limit messages whose time has come, oldest first.
func (t *Tx) DueMails(now time.Time, limit int) (out []Mail, err error) {
	err = t.mails("due mails", `SELECT id, sealed, phantom, not_after, tries FROM mails WHERE next_at <= ?
		ORDER BY next_at, id LIMIT ?`, []any{millis(now), limit}, func(m Mail) { out = append(out, m) })
	return out, err
}

func (t *Tx) mails(op, query string, args []any, each func(Mail)) error {
	return t.rows(op, query, args, func(r *sql.Rows) error {
		var m Mail
		var notAfter int64
		if err := r.Scan(&m.ID, &m.Sealed, &m.Phantom, &notAfter, &m.Tries); err != nil {
			return err
		}
		m.NotAfter = moment(notAfter)
		each(m)
		return nil
	})
}

// deliverTimeout bounds a delivery; a relay that takes longer is a broken one.
const deliverTimeout = 40 * time.Second

// Fate is what becomes of a mail: nothing further, or another try.
type Fate struct{ Next time.Time } // zero: it is removed

// Deliver hands the mail whose time came first to send, and to nobody else in any process
// as long as send takes, at most deliverTimeout, and does with it what send says. Where the
// process dies meanwhile the mail is due again at once. found is false where none is due.
// It is for a database that is shared: on SQLite it would keep every other writer waiting.
func (d *DB) Deliver(ctx context.Context, now time.Time, send func(Mail) Fate) (found bool, err error) {
	// What was sent must not be sent again because the service is stopping.
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliverTimeout)
	defer cancel()
	err = d.run(wait, d.writer, nil, true, func(tx *Tx) error {
		var m Mail
		err := tx.mails("next mail", `SELECT id, sealed, phantom, not_after, tries FROM mails WHERE next_at <= ?
			ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`, []any{millis(now)}, func(got Mail) { m, found = got, true })
		if err != nil || !found {
			return err
		}
		if fate := send(m); !fate.Next.IsZero() {
			return tx.RetryMail(m.ID, fate.Next)
		}
		return tx.DeleteMail(m.ID)
	})
	return found, d.fault(ctx, err)
}

// RetryMail puts a message off until next.
func (t *Tx) RetryMail(id int64, next time.Time) error {
	_, err := t.exec("retry mail", `UPDATE mails SET tries = tries + 1, next_at = ? WHERE id = ?`, millis(next), id)
	return err
}

// DeleteMail removes a message.
func (t *Tx) DeleteMail(id int64) error {
	_, err := t.exec("delete mail", `DELETE FROM mails WHERE id = ?`, id)
	return err
}

// Mails counts the messages that wait.
func (t *Tx) Mails() (n int, err error) {
	_, err = t.row("count mails", `SELECT count(*) FROM mails`, nil, &n)
	return n, err
}

// Purged is how many rows Purge removed.
type Purged struct {
	Sessions           int64 `json:"sessions"`
	Events             int64 `json:"events"`
	AuthorizationCodes int64 `json:"authorization_codes"`
	Grants             int64 `json:"grants"`
	Mails              int64 `json:"mails"`
	Links              int64 `json:"links"`
	Audit              int64 `json:"audit"`
}

// Purge removes what has no further use: sessions (with their codes) untouched
// since idle, events before events, authorization codes, grants, mails and proofs that
// have expired, files that were never imported, and the audit log's lines older than AuditMonths.
func (t *Tx) Purge(now, idle, events time.Time) (p Purged, err error) {
	for _, q := range []struct {
		n     *int64
		query string
		at    time.Time
	}{
		{&p.Sessions, `DELETE FROM sessions WHERE touched_at < ?`, idle},
		{&p.Events, `DELETE FROM events WHERE at < ?`, events},
		{&p.AuthorizationCodes, `DELETE FROM authorization_codes WHERE expires_at < ?`, idle},
		{&p.Grants, `DELETE FROM grants WHERE expires_at < ?`, now},
		{&p.Mails, `DELETE FROM mails WHERE not_after < ?`, now},
		// A day more: whoever comes late is told that the link has expired.
		{&p.Links, `DELETE FROM links WHERE expires_at < ?`, events},
	} {
		if *q.n, err = t.exec("purge", q.query, millis(q.at)); err != nil {
			return p, err
		}
	}
	if _, err := t.exec("purge", `DELETE FROM proofs WHERE expires_at < ?`, millis(now)); err != nil {
		return p, err
	}
	if err := t.PurgeImports(now.Add(-ImportLife)); err != nil {
		return p, err
	}
	p.Audit, err = t.PurgeAudit(now)
	return p, err
}

// MailsWaiting counts the messages that are neither sent nor given up.
func (t *Tx) MailsWaiting() (n int, err error) {
	_, err = t.row("mails waiting", `SELECT count(*) FROM mails`, nil, &n)
	return n, err
}
