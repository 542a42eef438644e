package store

import (
	"database/sql"
	"time"
)

// Tablet is an enrolled key.
type Tablet struct {
	Thumbprint string    `json:"thumbprint"`
	Label      string    `json:"label"`
	EnrolledAt time.Time `json:"enrolled_at"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
}

// TabletState is what is known of a key.
type TabletState int

// The states of a key.
const (
	TabletUnseen TabletState = iota
	TabletEnrolled
	TabletRevoked
)

// Tablet tells a key's state.
func (t *Tx) Tablet(thumbprint string) (TabletState, error) {
	var revoked sql.NullInt64
	found, err := t.row("tablet", `SELECT revoked_at FROM tablets WHERE thumbprint = ?`,
		[]any{thumbprint}, &revoked)
	switch {
	case err != nil || !found:
		return TabletUnseen, err
	case revoked.Valid:
		return TabletRevoked, nil
	}
	return TabletEnrolled, nil
}

// EnrolTablet makes a key known, or known again, under a label.
func (t *Tx) EnrolTablet(thumbprint, label string, now time.Time) error {
	_, err := t.exec("enrol tablet", `INSERT INTO tablets (thumbprint, label, enrolled_at) VALUES (?, ?, ?)
		ON CONFLICT (thumbprint) DO UPDATE SET label = excluded.label, revoked_at = NULL`,
		thumbprint, label, millis(now))
	return err
}

// RevokeTablet makes a key unknown; found is false for one never enrolled.
func (t *Tx) RevokeTablet(thumbprint string, now time.Time) (found bool, err error) {
	n, err := t.exec("revoke tablet", `UPDATE tablets SET revoked_at = coalesce(revoked_at, ?)
		WHERE thumbprint = ?`, millis(now), thumbprint)
	return n > 0, err
}

// Tablets lists all, by label.
func (t *Tx) Tablets() (out []Tablet, err error) {
	err = t.rows("list tablets", `SELECT thumbprint, label, enrolled_at, revoked_at FROM tablets
		ORDER BY label, thumbprint`, nil, func(r *sql.Rows) error {
		var tab Tablet
		var enrolled int64
		var revoked sql.NullInt64
		if err := r.Scan(&tab.Thumbprint, &tab.Label, &enrolled, &revoked); err != nil {
			return err
		}
		tab.EnrolledAt, tab.RevokedAt = moment(enrolled).UTC(), optional(revoked)
		out = append(out, tab)
		return nil
	})
	return out, err
}
