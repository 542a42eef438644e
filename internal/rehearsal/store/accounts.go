package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// ErrAddressTaken: the address belongs to another account.
var ErrAddressTaken = errors.New("address already attached to an account")

// Account is a person who may log in.
type Account struct {
	ID           int64
	Sub          string // opaque, stable
	Name         string
	ExtraTime    string    // "" or "1/3"
	Password     string    // PHC string; "": never created
	BlockedUntil time.Time // zero or past: not blocked
}

// Normalise is the spelling under which addresses are compared: NFC, lower case
// (no university mail server tells cases apart), no surrounding white space.
func Normalise(address string) string {
	return strings.ToLower(norm.NFC.String(strings.TrimSpace(address)))
}

// Inserter adds many accounts within one transaction with prepared statements.
type Inserter struct {
	engine                   engine
	account, address, search *sql.Stmt
}

// NewInserter prepares the statements; they end with the transaction.
func (t *Tx) NewInserter() (*Inserter, error) {
	in := Inserter{engine: t.engine}
	for into, query := range map[**sql.Stmt]string{
		&in.account: `INSERT INTO accounts (sub, name, extra_time, password, blocked_until, created_at,
			given_name, family_name, given_key, family_key, birth_date, student_number, ine, rpps, email)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		&in.address: `INSERT INTO addresses (address, account_id, kind, known_from) VALUES (?, ?, ?, ?)
			ON CONFLICT (address) DO UPDATE SET account_id = excluded.account_id, kind = excluded.kind,
				known_from = excluded.known_from, known_until = NULL WHERE addresses.known_until <= ?`,
		&in.search: t.engine.insertSearch(),
	} {
		stmt, err := t.tx.PrepareContext(t.ctx, t.engine.rebind(query))
		if err != nil {
			return nil, fmt.Errorf("prepare inserts: %w", err)
		}
		*into = stmt
	}
	return &in, nil
}

// Add inserts an account with its primary address and further, secondary ones, all known
// to the login at once. It fails with ErrAddressTaken, after which the transaction must be
// given up.
func (in *Inserter) Add(a Account, now time.Time, primary string, secondary ...string) error {
	p := PersonOf(a)
	p.Email = primary
	for _, s := range secondary {
		p.Secondary = append(p.Secondary, Address{Text: s})
	}
	_, err := in.AddPerson(p, a, now, time.Time{})
	return err
}

// AddPerson is Add for a person the cockpit knows, whose addresses the login knows from
// the moment known; it returns the account's ID. Of a it takes password and block.
func (in *Inserter) AddPerson(p Person, a Account, now, known time.Time) (int64, error) {
	phc := sql.NullString{String: a.Password, Valid: a.Password != ""}
	var blocked, from int64
	if !a.BlockedUntil.IsZero() {
		blocked = millis(a.BlockedUntil)
	}
	if !known.IsZero() {
		from = millis(known)
	}
	err := in.account.QueryRow(in.engine.bind([]any{p.Sub, p.Name(), p.ExtraTime, phc, blocked, millis(now),
		p.Given, p.Family, Fold(p.Given), Fold(p.Family), p.Birth, p.StudentNumber, p.INE, p.RPPS, Normalise(p.Email)})...).Scan(&p.ID)
	if err != nil {
		return 0, numberTaken(in.engine, "insert account", err)
	}
	kind := kindPrimary
	for _, addr := range append([]Address{{Text: p.Email}}, p.Secondary...) {
		res, err := in.address.Exec(in.engine.bind([]any{Normalise(addr.Text), p.ID, kind, from, millis(now)})...)
		if err != nil {
			return 0, fmt.Errorf("insert address: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return 0, errors.Join(ErrAddressTaken, err)
		}
		kind = kindSecondary
	}
	if _, err := in.search.Exec(in.engine.searchRow(p)...); err != nil {
		return 0, fmt.Errorf("index person: %w", err)
	}
	return p.ID, nil
}

const accountColumns = `a.id, a.sub, a.name, a.extra_time, a.password, a.blocked_until`

func (t *Tx) account(query string, args ...any) (Account, bool, error) {
	var a Account
	var phc sql.NullString
	var blocked int64
	found, err := t.row("account", query, args, &a.ID, &a.Sub, &a.Name, &a.ExtraTime, &phc, &blocked)
	a.Password, a.BlockedUntil = phc.String, moment(blocked)
	return a, found, err
}

// AccountByAddress finds the account an address, primary or secondary, belongs to at the
// moment now: not before the slot at which an addition takes effect, and until the one at
// which a removal does.
func (t *Tx) AccountByAddress(address string, now time.Time) (Account, bool, error) {
	return t.account(`SELECT `+accountColumns+` FROM addresses d JOIN accounts a ON a.id = d.account_id
		WHERE d.address = ? AND d.known_from <= ? AND (d.known_until IS NULL OR d.known_until > ?)`,
		Normalise(address), millis(now), millis(now))
}

// AccountByID finds an account.
func (t *Tx) AccountByID(id int64) (Account, bool, error) {
	return t.account(`SELECT `+accountColumns+` FROM accounts a WHERE a.id = ?`, id)
}

// Accounts counts them.
func (t *Tx) Accounts() (n int, err error) {
	_, err = t.row("count accounts", `SELECT count(*) FROM accounts`, nil, &n)
	return n, err
}
