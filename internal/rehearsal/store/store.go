// Package store is the rehearsal service's memory: SQL and nothing else. It knows
// no protocol and makes no decision; oauth, mail and people ask it questions
// inside a transaction and decide.
//
//	Open(dir)    ─→ DB ── Write(func(*Tx))    one at a time, everywhere
//	Connect(url) ─→    ├─ Step(func(*Tx))     many at a time where the database can
//	                   ├─ Deliver(func(Mail)) a mail for one process alone
//	                   └─ Read(func(*Tx))     any number, each a consistent view
//
// Two engines, one set of queries, migrations of the same versions:
//
// SQLite, a file for one process, in WAL mode. The writer has one connection, so that
// writers queue in the process (and obey their context) in place of colliding in
// the file; the commands that work beside a running service wait busyTimeout.
// synchronous=NORMAL: a power cut may lose the last moments, never the database.
// Write and Step are the same.
//
// PostgreSQL, for any number of processes. Write takes an advisory lock that all
// processes share, so that what decides on many rows (the cockpit, imports, the portal's
// accounts) runs as alone as on SQLite. Step takes none; what it decides on is locked by
// the methods that read it, until the transaction ends:
//
//	RotateSession, RenewSession             the session, found by its name, of which there is one
//	Events, Codes                           the subject and class they count for
//	AuthorizationCode, GrantByRefreshToken  the code; the token and its grant
//	UseProof                                the proof
//
// A Step uses no other method to decide on what another Step may change.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrUnavailable: the database does not answer, or not in time: it is away, is starting or
// has no room. Nothing was changed, or nobody knows; the same may succeed later.
var ErrUnavailable = errors.New("database is not available")

// How long a transaction on PostgreSQL may take, waits for a connection and for others
// included. A client is told to come back before it gives up by itself, after 8 s.
const (
	stepTimeout  = 6 * time.Second
	writeTimeout = time.Minute
)

// DB is an open database. Its methods may be called from several goroutines.
type DB struct {
	writer, reader *sql.DB // one and the same on PostgreSQL
	engine         engine
	place          string        // for people: the file, or server and name
	turn           chan struct{} // PostgreSQL: this process's Writes, so that they do not wait on many connections
	statements     *statements   // SQLite: those of Step
}

// Tx is one transaction. It is not to be kept.
type Tx struct {
	ctx     context.Context
	tx      *sql.Tx
	engine  engine
	writing bool

	statements *statements // nil: nothing is prepared
	missed     []string    // queries that were not prepared yet
}

// Shared reports whether other processes may serve from the same database: what matters
// is then to be in it, and not in this process's memory.
func (d *DB) Shared() bool { return d.engine.shared() }

// String names the database for people, without a password.
func (d *DB) String() string { return "database " + d.place }

// Close closes the database.
func (d *DB) Close() error {
	err := d.writer.Close()
	if d.reader != d.writer {
		err = errors.Join(err, d.reader.Close())
	}
	return err
}

// Write runs f as if alone, and commits when f returns nil. It fails with ErrUnavailable.
func (d *DB) Write(ctx context.Context, f func(*Tx) error) error {
	if !d.Shared() {
		return d.run(ctx, d.writer, nil, true, f)
	}
	wait, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-wait.Done():
		return d.fault(ctx, wait.Err())
	}
	err := d.run(wait, d.writer, nil, true, func(tx *Tx) error {
		if err := tx.alone(); err != nil {
			return err
		}
		return f(tx)
	})
	return d.fault(ctx, err)
}

// Step runs f for a step of a login and commits when f returns nil. Where the database
// can, many run at a time: see the package for what f may decide on. It fails with
// ErrUnavailable.
func (d *DB) Step(ctx context.Context, f func(*Tx) error) error {
	if !d.Shared() {
		return d.stepAlone(ctx, f)
	}
	wait, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return d.fault(ctx, d.run(wait, d.writer, nil, true, f))
}

// stepAlone is Step on the one connection. It waits for it until ctx ends, and is not
// interrupted then: a step takes less than a millisecond, and a watch over each of its
// statements would take as long as the statement.
func (d *DB) stepAlone(ctx context.Context, f func(*Tx) error) error {
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	var missed []string
	err = d.run(ctx, conn, nil, true, func(tx *Tx) error {
		tx.statements = d.statements
		defer func() { missed = tx.missed }()
		return f(tx)
	})
	_ = conn.Close() // back to the pool; it fails only where it was closed already
	d.statements.prepare(ctx, d.writer, missed)
	return err
}

// Read runs f on one consistent view of the database. It fails with ErrUnavailable.
func (d *DB) Read(ctx context.Context, f func(*Tx) error) error {
	o := &sql.TxOptions{ReadOnly: true}
	if !d.Shared() {
		return d.run(ctx, d.reader, o, false, f)
	}
	o.Isolation = sql.LevelRepeatableRead
	wait, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return d.fault(ctx, d.run(wait, d.reader, o, false, f))
}

// fault marks what a caller whose ctx still holds may try again.
func (d *DB) fault(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) && !d.engine.away(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// beginner is a pool of connections, or one of them.
type beginner interface {
	BeginTx(ctx context.Context, o *sql.TxOptions) (*sql.Tx, error)
}

func (d *DB) run(ctx context.Context, db beginner, o *sql.TxOptions, writing bool, f func(*Tx) error) error {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(&Tx{ctx: ctx, tx: tx, engine: d.engine, writing: writing}); err != nil {
		if rb := tx.Rollback(); rb != nil && !errors.Is(rb, sql.ErrTxDone) && !d.engine.away(rb) {
			return errors.Join(err, fmt.Errorf("rollback: %w", rb))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (t *Tx) exec(op, query string, args ...any) (int64, error) {
	res, err := t.execute(query, args)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	return n, nil
}

// insert adds one row and returns its id.
func (t *Tx) insert(op, query string, args ...any) (id int64, err error) {
	_, err = t.row(op, query+" RETURNING id", args, &id)
	return id, err
}

// row scans one row; found is false, without an error, where there is none.
func (t *Tx) row(op, query string, args []any, dest ...any) (found bool, err error) {
	err = t.rows(op, query, args, func(r *sql.Rows) error {
		if found {
			return nil // the first counts
		}
		found = true
		return r.Scan(dest...)
	})
	return found && err == nil, err
}

// rows calls scan for each row.
func (t *Tx) rows(op, query string, args []any, scan func(*sql.Rows) error) (err error) {
	rs, err := t.query(query, args)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer func() { err = errors.Join(err, rs.Close()) }()
	for rs.Next() {
		if err := scan(rs); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	if err := rs.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func moment(ms int64) time.Time { return time.UnixMilli(ms) }

func optional(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return moment(ms.Int64)
}

// Meta reads a note about the database itself; "" where there is none.
func (t *Tx) Meta(name string) (string, error) {
	var v string
	_, err := t.row("meta", `SELECT value FROM meta WHERE name = ?`, []any{name}, &v)
	return v, err
}

// SetMeta writes a note about the database itself.
func (t *Tx) SetMeta(name, value string) error {
	_, err := t.exec("meta", `INSERT INTO meta (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}
