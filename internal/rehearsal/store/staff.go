package store

import (
	"database/sql"
	"errors"
	"time"
)

// ErrLoginTaken: another member of staff signs in by that name.
var ErrLoginTaken = errors.New("login is another member of staff's")

// Role is what a member of staff may do in the cockpit.
type Role string

// The roles, each with what the one before may do.
const (
	RoleReader  Role = "reader"  // look people up
	RoleManager Role = "manager" // change them, import, export
	RoleAdmin   Role = "admin"   // read the audit log
)

// Roles lists them, the least first.
func Roles() []Role { return []Role{RoleReader, RoleManager, RoleAdmin} }

// Staff is a member of staff.
type Staff struct {
	ID         int64
	Login      string // normalised
	Name       string
	Role       Role
	Password   string // PHC string
	Epoch      int64  // sessions of an earlier one have ended
	DisabledAt time.Time
}

// AddStaff adds a member of staff; it fails with ErrLoginTaken.
func (t *Tx) AddStaff(s Staff, now time.Time) error {
	_, err := t.exec("add staff", `INSERT INTO staff (login, name, role, password, created_at) VALUES (?, ?, ?, ?, ?)`,
		Normalise(s.Login), s.Name, string(s.Role), s.Password, millis(now))
	if err != nil && t.engine.duplicate(err) == "staff.login" {
		return ErrLoginTaken
	}
	return err
}

const staffColumns = `id, login, name, role, password, epoch, disabled_at`

func (s *Staff) scan(row func(...any) error) error {
	var disabled sql.NullInt64
	err := row(&s.ID, &s.Login, &s.Name, (*string)(&s.Role), &s.Password, &s.Epoch, &disabled)
	s.DisabledAt = optional(disabled)
	return err
}

// StaffByLogin finds a member of staff.
func (t *Tx) StaffByLogin(login string) (Staff, bool, error) {
	return t.oneStaff(`SELECT `+staffColumns+` FROM staff WHERE login = ?`, Normalise(login))
}

// StaffByID finds a member of staff.
func (t *Tx) StaffByID(id int64) (Staff, bool, error) {
	return t.oneStaff(`SELECT `+staffColumns+` FROM staff WHERE id = ?`, id)
}

func (t *Tx) oneStaff(query string, args ...any) (s Staff, found bool, err error) {
	err = s.scan(func(dest ...any) (err error) {
		found, err = t.row("staff", query, args, dest...)
		return err
	})
	return s, found, err
}

// ListStaff lists all, by login.
func (t *Tx) ListStaff() (out []Staff, err error) {
	err = t.rows("staff", `SELECT `+staffColumns+` FROM staff ORDER BY login`, nil, func(r *sql.Rows) error {
		var s Staff
		if err := s.scan(r.Scan); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

// SetStaffPassword changes a password, which ends every session; found is false where
// there is no such login.
func (t *Tx) SetStaffPassword(login, phc string) (found bool, err error) {
	n, err := t.exec("staff password", `UPDATE staff SET password = ?, epoch = epoch + 1 WHERE login = ?`, phc, Normalise(login))
	return n > 0, err
}

// DisableStaff shuts a member of staff out; found is false where there is no such login.
func (t *Tx) DisableStaff(login string, now time.Time) (found bool, err error) {
	n, err := t.exec("disable staff", `UPDATE staff SET disabled_at = ?, epoch = epoch + 1 WHERE login = ?`, millis(now), Normalise(login))
	return n > 0, err
}

// ImportLife is how long a file waits for its import.
const ImportLife = time.Hour

// PutImport keeps a file until its import, and forgets older ones of the same member of
// staff.
func (t *Tx) PutImport(id string, staff int64, content []byte, now time.Time) error {
	if _, err := t.exec("forget imports", `DELETE FROM imports WHERE staff_id = ?`, staff); err != nil {
		return err
	}
	_, err := t.exec("keep import", `INSERT INTO imports (id, staff_id, content, created_at) VALUES (?, ?, ?, ?)`,
		id, staff, content, millis(now))
	return err
}

// Import reads a file that a member of staff sent within ImportLife.
func (t *Tx) Import(id string, staff int64, now time.Time) (content []byte, found bool, err error) {
	found, err = t.row("import", `SELECT content FROM imports WHERE id = ? AND staff_id = ? AND created_at >= ?`,
		[]any{id, staff, millis(now.Add(-ImportLife))}, &content)
	return content, found, err
}

// DeleteImport forgets a file.
func (t *Tx) DeleteImport(id string) error {
	_, err := t.exec("forget import", `DELETE FROM imports WHERE id = ?`, id)
	return err
}

// PurgeImports forgets files sent before before.
func (t *Tx) PurgeImports(before time.Time) error {
	_, err := t.exec("purge imports", `DELETE FROM imports WHERE created_at < ?`, millis(before))
	return err
}
