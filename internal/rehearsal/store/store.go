// Package store is the rehearsal service's memory: SQL and nothing else. It knows
// no protocol and makes no decision; oauth, mail and people ask it questions
// inside a transaction and decide.
//
//	Open(dir) → DB ── Write(func(*Tx)) one writer at a time, immediate
//	               └─ Read(func(*Tx))  any number, each a consistent view
//
// SQLite in WAL mode, through database/sql. The writer has one connection, so that
// writers queue in the process (and obey their context) in place of colliding in
// the file; the commands that work beside a running service wait busyTimeout.
// synchronous=NORMAL: a power cut may lose the last moments, never the database.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// File is the database's name inside the data directory.
const File = "rehearsal.db"

const (
	busyTimeoutMillis = 5000
	readers           = 8
)

//go:embed migrations
var migrations embed.FS

// DB is an open database. Its methods may be called from several goroutines.
type DB struct {
	writer, reader *sql.DB
	engine         engine
}

// Tx is one transaction. It is not to be kept.
type Tx struct {
	ctx    context.Context
	tx     *sql.Tx
	engine engine
}

// Open opens the database in dir, which must exist, and brings its schema up to
// date. The error names the file.
func Open(ctx context.Context, dir string) (*DB, error) {
	path := filepath.Join(dir, File)
	fail := func(err error) (*DB, error) { return nil, fmt.Errorf("database %s: %w", path, err) }
	// SQLite would make the file, and the two beside it, as the umask allows.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("database: %w", err) // names the file
	}
	writer, err := sql.Open("sqlite", dsn(path, "immediate"))
	if err != nil {
		return fail(err)
	}
	writer.SetMaxOpenConns(1)
	if err := migrate(ctx, writer); err != nil {
		return fail(errors.Join(err, writer.Close()))
	}
	reader, err := sql.Open("sqlite", dsn(path, "deferred"))
	if err != nil {
		return fail(errors.Join(err, writer.Close()))
	}
	reader.SetMaxOpenConns(readers)
	return &DB{writer: writer, reader: reader, engine: sqlite{}}, nil
}

func dsn(path, lock string) string {
	q := url.Values{"_txlock": {lock}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeoutMillis), "journal_mode(WAL)",
		"synchronous(NORMAL)", "foreign_keys(1)", "secure_delete(1)",
	}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

func migrate(ctx context.Context, db *sql.DB) error {
	sub, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	index := goose.NewGoMigration(4, &goose.GoFunc{RunTx: sqlite{}.indexPeople}, &goose.GoFunc{})
	p, err := goose.NewProvider(goose.DialectSQLite3, db, sub, goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(index))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the database.
func (d *DB) Close() error { return errors.Join(d.writer.Close(), d.reader.Close()) }

// Write runs f in the one writing transaction and commits when f returns nil.
func (d *DB) Write(ctx context.Context, f func(*Tx) error) error {
	return d.run(ctx, d.writer, nil, f)
}

// Read runs f on one consistent view of the database.
func (d *DB) Read(ctx context.Context, f func(*Tx) error) error {
	return d.run(ctx, d.reader, &sql.TxOptions{ReadOnly: true}, f)
}

func (d *DB) run(ctx context.Context, db *sql.DB, o *sql.TxOptions, f func(*Tx) error) error {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(&Tx{ctx: ctx, tx: tx, engine: d.engine}); err != nil {
		if rb := tx.Rollback(); rb != nil && !errors.Is(rb, sql.ErrTxDone) {
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
	res, err := t.tx.ExecContext(t.ctx, t.engine.rebind(query), args...)
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
	switch err := t.tx.QueryRowContext(t.ctx, t.engine.rebind(query), args...).Scan(dest...); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s: %w", op, err)
	}
	return true, nil
}

// rows calls scan for each row.
func (t *Tx) rows(op, query string, args []any, scan func(*sql.Rows) error) (err error) {
	rs, err := t.tx.QueryContext(t.ctx, t.engine.rebind(query), args...)
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
