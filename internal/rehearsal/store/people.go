package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a change of a person may fail with.
var (
	// ErrAddressLeaving: the address was taken from another account, whose login knows it
	// until the next slot.
	ErrAddressLeaving = errors.New("address is still known to the account it was taken from")
	// ErrINETaken and ErrRPPSTaken: the number is another person's.
	ErrINETaken  = errors.New("INE is another person's")
	ErrRPPSTaken = errors.New("RPPS is another person's")
	// ErrChanged: somebody else changed the person meanwhile.
	ErrChanged = errors.New("person was changed meanwhile")
)

const (
	kindPrimary   = "primary"
	kindSecondary = "secondary"
)

// Person is an account as the cockpit shows it.
type Person struct {
	ID            int64
	Sub           string // opaque, stable
	Given, Family string
	Birth         string // YYYY-MM-DD, "": not known
	StudentNumber string
	INE, RPPS     string
	Email         string // the primary address, normalised
	ExtraTime     string // "" or "1/3"
	Configured    bool   // a password was created
	Revision      int64  // raised by every change
	Secondary     []Address
}

// Address is one address of a person.
type Address struct {
	Text    string    // normalised
	Primary bool      // or secondary
	From    time.Time // when the login knows it; zero or past: it does
	Until   time.Time // when the login forgets it; zero: not asked for
}

// Name is how the person is called: what a tablet shows.
func (p Person) Name() string { return strings.TrimSpace(p.Given + " " + p.Family) }

// PersonOf makes a person of an account that has but a name: the first word is the given
// name.
func PersonOf(a Account) Person {
	given, family, _ := strings.Cut(strings.TrimSpace(a.Name), " ")
	return Person{ID: a.ID, Sub: a.Sub, Given: given, Family: strings.TrimSpace(family), ExtraTime: a.ExtraTime, Configured: a.Password != ""}
}

// searched is what the search index has of a person, folded, in the order of indexed.
func (p Person) searched() []string {
	var more []string
	for _, s := range p.Secondary {
		if s.Until.IsZero() {
			more = append(more, Fold(s.Text))
		}
	}
	return []string{Fold(p.Given), Fold(p.Family), Fold(BirthText(p.Birth)), Fold(p.StudentNumber), Fold(p.INE), Fold(p.RPPS),
		Fold(p.Email), strings.Join(more, " ")}
}

// BirthText is a date as the cockpit writes it: DD-MM-YYYY. Anything else stays as it is.
func BirthText(iso string) string {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return iso
	}
	return t.Format("02-01-2006")
}

// indexPeople is the migration that makes persons of the accounts there were.
func (t *Tx) indexPeople() error {
	var list []Person
	err := t.rows("accounts", `SELECT a.id, a.name, coalesce(d.address, '') FROM accounts a
		LEFT JOIN addresses d ON d.account_id = a.id AND d.kind = 'primary'`, nil, func(r *sql.Rows) error {
		var a Account
		var email string
		if err := r.Scan(&a.ID, &a.Name, &email); err != nil {
			return err
		}
		p := PersonOf(a)
		p.Email = email
		list = append(list, p)
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Secondary, err = t.Addresses(p.ID); err != nil {
			return err
		}
		if _, err := t.exec("name person", `UPDATE accounts SET given_name = ?, family_name = ?, given_key = ?, family_key = ?,
			email = ? WHERE id = ?`, p.Given, p.Family, Fold(p.Given), Fold(p.Family), p.Email, p.ID); err != nil {
			return err
		}
		if err := t.reindex(p); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) reindex(p Person) error {
	if _, err := t.exec("index person", `DELETE FROM people_search WHERE rowid = ?`, p.ID); err != nil {
		return err
	}
	_, err := t.exec("index person", t.engine.insertSearch(), t.engine.searchRow(p)...)
	return err
}

// Addresses lists the addresses of an account that are or will be known, and those that
// leave: the primary ones first, then by text.
func (t *Tx) Addresses(account int64) (out []Address, err error) {
	err = t.rows("addresses", `SELECT address, kind, known_from, known_until FROM addresses WHERE account_id = ?
		ORDER BY kind, address`, []any{account}, func(r *sql.Rows) error {
		var a Address
		var kind string
		var from int64
		var until sql.NullInt64
		if err := r.Scan(&a.Text, &kind, &from, &until); err != nil {
			return err
		}
		a.Primary, a.From, a.Until = kind == kindPrimary, moment(from), optional(until)
		out = append(out, a)
		return nil
	})
	return out, err
}

const personColumns = `a.id, a.sub, a.given_name, a.family_name, a.birth_date, a.student_number, a.ine, a.rpps, a.email,
	a.extra_time, a.password IS NOT NULL, a.revision`

func (p *Person) fields() []any {
	return []any{&p.ID, &p.Sub, &p.Given, &p.Family, &p.Birth, &p.StudentNumber, &p.INE, &p.RPPS, &p.Email,
		&p.ExtraTime, &p.Configured, &p.Revision}
}

// Person finds a person with the addresses that are or will be known, or leave: all but
// the primary one the cockpit has.
func (t *Tx) Person(id int64) (p Person, found bool, err error) {
	found, err = t.row("person", `SELECT `+personColumns+` FROM accounts a WHERE a.id = ?`, []any{id}, p.fields()...)
	if err != nil || !found {
		return p, found, err
	}
	all, err := t.Addresses(id)
	for _, a := range all {
		if a.Text != p.Email {
			p.Secondary = append(p.Secondary, a)
		}
	}
	return p, true, err
}

// UpdatePerson writes p's own fields, all but its addresses. It fails with ErrChanged where
// p.Revision is not the newest, with ErrINETaken and with ErrRPPSTaken.
func (t *Tx) UpdatePerson(p Person) error {
	n, err := t.exec("update person", `UPDATE accounts SET name = ?, given_name = ?, family_name = ?, given_key = ?, family_key = ?,
		birth_date = ?, student_number = ?, ine = ?, rpps = ?, extra_time = ?, revision = revision + 1
		WHERE id = ? AND revision = ?`, p.Name(), p.Given, p.Family, Fold(p.Given), Fold(p.Family),
		p.Birth, p.StudentNumber, p.INE, p.RPPS, p.ExtraTime, p.ID, p.Revision)
	if err != nil {
		return numberTaken(t.engine, "update person", err)
	}
	if n == 0 {
		return ErrChanged
	}
	return t.refresh(p.ID)
}

// refresh indexes a person as the database has it.
func (t *Tx) refresh(id int64) error {
	p, found, err := t.Person(id)
	if err != nil || !found {
		return err
	}
	return t.reindex(p)
}

// numberTaken tells a breach of the unique numbers from other errors.
func numberTaken(e engine, op string, err error) error {
	switch e.duplicate(err) {
	case "accounts.ine":
		return ErrINETaken
	case "accounts.rpps":
		return ErrRPPSTaken
	}
	return fmt.Errorf("%s: %w", op, err)
}

// SetExtraTime sets the extra time of a person; changed is false where it was so already.
func (t *Tx) SetExtraTime(id int64, extra string) (changed bool, err error) {
	n, err := t.exec("extra time", `UPDATE accounts SET extra_time = ?, revision = revision + 1 WHERE id = ? AND extra_time <> ?`,
		extra, id, extra)
	return n > 0, err
}

// AddAddress attaches an address to an account; the login knows it from the moment known.
// One that leaves stays. It fails with ErrAddressTaken, for the account's own too, and with
// ErrAddressLeaving.
func (t *Tx) AddAddress(account int64, address string, now, known time.Time) error {
	return t.attach(account, address, kindSecondary, now, known)
}

func (t *Tx) attach(account int64, address, kind string, now, known time.Time) error {
	address = Normalise(address)
	var holder, from int64
	var until sql.NullInt64
	found, err := t.row("address", `SELECT account_id, known_from, known_until FROM addresses WHERE address = ?`, []any{address},
		&holder, &from, &until)
	switch {
	case err != nil:
		return err
	case found && !until.Valid:
		return ErrAddressTaken
	case found && holder == account && until.Int64 > millis(now): // it was to leave and stays
		_, err = t.exec("keep address", `UPDATE addresses SET known_until = NULL, kind = ? WHERE address = ?`, kind, address)
	case found && until.Int64 > millis(now):
		return ErrAddressLeaving
	case found:
		_, err = t.exec("move address", `UPDATE addresses SET account_id = ?, kind = ?, known_from = ?, known_until = NULL
			WHERE address = ?`, account, kind, millis(known), address)
	default:
		_, err = t.exec("add address", `INSERT INTO addresses (address, account_id, kind, known_from) VALUES (?, ?, ?, ?)`,
			address, account, kind, millis(known))
	}
	if err != nil {
		return err
	}
	return t.refresh(account)
}

// AddressFree tells whether an address may be attached to a new account: nil, or
// ErrAddressTaken or ErrAddressLeaving.
func (t *Tx) AddressFree(address string, now time.Time) error {
	var until sql.NullInt64
	found, err := t.row("address", `SELECT known_until FROM addresses WHERE address = ?`, []any{Normalise(address)}, &until)
	switch {
	case err != nil || !found:
		return err
	case !until.Valid:
		return ErrAddressTaken
	case until.Int64 > millis(now):
		return ErrAddressLeaving
	}
	return nil
}

// NumbersTaken tells whether the INE and the RPPS number of p are another person's.
func (t *Tx) NumbersTaken(p Person) (ine, rpps bool, err error) {
	_, err = t.row("numbers", `SELECT EXISTS (SELECT 1 FROM accounts WHERE ine <> '' AND ine = ? AND id <> ?),
		EXISTS (SELECT 1 FROM accounts WHERE rpps <> '' AND rpps = ? AND id <> ?)`, []any{p.INE, p.ID, p.RPPS, p.ID}, &ine, &rpps)
	return ine, rpps, err
}

// RemoveAddress takes a secondary address from an account; the login knows it until the
// moment gone. One that was not known yet goes at once. found is false where the account
// has no such address.
func (t *Tx) RemoveAddress(account int64, address string, now, gone time.Time) (found bool, err error) {
	return t.detach(account, Normalise(address), kindSecondary, now, gone)
}

func (t *Tx) detach(account int64, address, kind string, now, gone time.Time) (found bool, err error) {
	n, err := t.exec("remove address", `DELETE FROM addresses WHERE account_id = ? AND address = ? AND kind = ?
		AND known_from > ?`, account, address, kind, millis(now))
	if err != nil {
		return false, err
	}
	if n == 0 {
		n, err = t.exec("remove address", `UPDATE addresses SET known_until = ? WHERE account_id = ? AND address = ?
			AND kind = ? AND known_until IS NULL`, millis(gone), account, address, kind)
		if err != nil {
			return false, err
		}
	}
	return n > 0, t.refresh(account)
}

// SetEmail replaces the primary address of an account: from the moment at on the login
// knows the new one and no longer the old one. A secondary address of the account may
// become the primary one; it is known as before. It fails as AddAddress does.
func (t *Tx) SetEmail(account int64, address string, now, at time.Time) error {
	address = Normalise(address)
	p, found, err := t.Person(account)
	if err != nil || !found || p.Email == address {
		return err
	}
	if _, err := t.detach(account, p.Email, kindPrimary, now, at); err != nil {
		return err
	}
	n, err := t.exec("promote address", `UPDATE addresses SET kind = ? WHERE address = ? AND account_id = ? AND known_until IS NULL`,
		kindPrimary, address, account)
	if err != nil {
		return err
	}
	if n == 0 {
		if err := t.attach(account, address, kindPrimary, now, at); err != nil {
			return err
		}
	}
	if _, err := t.exec("set e-mail", `UPDATE accounts SET email = ?, revision = revision + 1 WHERE id = ?`, address, account); err != nil {
		return err
	}
	return t.refresh(account)
}
