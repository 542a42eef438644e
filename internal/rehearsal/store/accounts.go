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
type Inserter struct{ account, address *sql.Stmt }

// NewInserter prepares the statements; they end with the transaction.
func (t *Tx) NewInserter() (*Inserter, error) {
	a, err := t.tx.PrepareContext(t.ctx, `INSERT INTO accounts
		(sub, name, extra_time, password, blocked_until, created_at) VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return nil, fmt.Errorf("insert account: %w", err)
	}
	b, err := t.tx.PrepareContext(t.ctx, `INSERT INTO addresses (address, account_id, kind)
		VALUES (?, ?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		return nil, fmt.Errorf("insert address: %w", err)
	}
	return &Inserter{a, b}, nil
}

// Add inserts an account with its primary address and further, secondary ones. It
// fails with ErrAddressTaken, after which the transaction must be given up.
func (in *Inserter) Add(a Account, now time.Time, primary string, secondary ...string) error {
	phc := sql.NullString{String: a.Password, Valid: a.Password != ""}
	var blocked int64
	if !a.BlockedUntil.IsZero() {
		blocked = millis(a.BlockedUntil)
	}
	res, err := in.account.Exec(a.Sub, a.Name, a.ExtraTime, phc, blocked, millis(now))
	if err != nil {
		return fmt.Errorf("insert account: %w", err)
	}
	id, err := res.LastInsertId()
	if err != nil {
		return fmt.Errorf("insert account: %w", err)
	}
	kind := "primary"
	for _, addr := range append([]string{primary}, secondary...) {
		res, err := in.address.Exec(Normalise(addr), id, kind)
		if err != nil {
			return fmt.Errorf("insert address: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(ErrAddressTaken, err)
		}
		kind = "secondary"
	}
	return nil
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

// AccountByAddress finds the account an address, primary or secondary, belongs to.
func (t *Tx) AccountByAddress(address string) (Account, bool, error) {
	return t.account(`SELECT `+accountColumns+` FROM addresses d JOIN accounts a ON a.id = d.account_id
		WHERE d.address = ?`, Normalise(address))
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
