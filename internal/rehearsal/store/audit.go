package store

import (
	"database/sql"
	"time"
)

// AuditMonths is how long the audit log is kept.
const AuditMonths = 12

// Entry is one line of the audit log: who changed what of whom.
type Entry struct {
	ID            int64
	At            time.Time
	Actor         string // a member of staff's login
	Action        string // a key of the cockpit's words: cockpit.log.action.ACTION
	Sub, Person   string // whom it is about, and their name then; "" for none or many
	Field         string // a key of the cockpit's words, or a count
	Before, After string
}

// AddAudit writes entries. Nothing changes them afterwards: the database refuses.
func (t *Tx) AddAudit(now time.Time, entries ...Entry) error {
	for _, e := range entries {
		_, err := t.exec("audit", `INSERT INTO audit (at, actor, action, sub, person, field, before, after)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, millis(now), e.Actor, e.Action, e.Sub, e.Person, e.Field, e.Before, e.After)
		if err != nil {
			return err
		}
	}
	return nil
}

// Audit lists the newest entries below the ID before (0: all), of one person where sub is
// not "", at most limit.
func (t *Tx) Audit(sub string, before int64, limit int) (out []Entry, err error) {
	err = t.rows("audit", `SELECT id, at, actor, action, sub, person, field, before, after FROM audit
		WHERE (? = '' OR sub = ?) AND (CAST(? AS BIGINT) = 0 OR id < ?) ORDER BY id DESC LIMIT ?`, []any{sub, sub, before, before, limit},
		func(r *sql.Rows) error {
			var e Entry
			var at int64
			if err := r.Scan(&e.ID, &at, &e.Actor, &e.Action, &e.Sub, &e.Person, &e.Field, &e.Before, &e.After); err != nil {
				return err
			}
			e.At = moment(at)
			out = append(out, e)
			return nil
		})
	return out, err
}

// PurgeAudit removes what is older than AuditMonths, and says how many lines.
func (t *Tx) PurgeAudit(now time.Time) (int64, error) {
	before := millis(now.AddDate(0, -AuditMonths, 0))
	if _, err := t.exec("purge audit", `UPDATE audit_horizon SET before = ? WHERE before < ?`, before, before); err != nil {
		return 0, err
	}
	return t.exec("purge audit", `DELETE FROM audit WHERE at < ?`, before)
}
