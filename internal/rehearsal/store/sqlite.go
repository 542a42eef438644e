package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// File is the database's name inside the data directory.
const File = "rehearsal.db"

const (
	busyTimeoutMillis = 5000
	readers           = 8
)

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
	if err := migrate(ctx, writer, sqlite{}); err != nil {
		return fail(errors.Join(err, writer.Close()))
	}
	reader, err := sql.Open("sqlite", dsn(path, "deferred"))
	if err != nil {
		return fail(errors.Join(err, writer.Close()))
	}
	reader.SetMaxOpenConns(readers)
	return &DB{writer: writer, reader: reader, engine: sqlite{}, place: path, statements: &statements{ready: map[string]*sql.Stmt{}}}, nil
}

func dsn(path, lock string) string {
	q := url.Values{"_txlock": {lock}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeoutMillis), "journal_mode(WAL)",
		"synchronous(NORMAL)", "foreign_keys(1)", "secure_delete(1)",
	}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// sqlite is the engine of one file, for one process.
type sqlite struct{}

func (sqlite) name() string            { return "sqlite" }
func (sqlite) dialect() goose.Dialect  { return goose.DialectSQLite3 }
func (sqlite) shared() bool            { return false }
func (sqlite) away(error) bool         { return false }
func (sqlite) forUpdate(string) string { return "" }

func (sqlite) rebind(query string) string { return query }

func (sqlite) bind(args []any) []any { return args }

func (sqlite) duplicate(err error) string {
	_, column, found := strings.Cut(err.Error(), "UNIQUE constraint failed: ")
	if !found {
		return ""
	}
	column, _, _ = strings.Cut(column, " ")
	return column
}

func (sqlite) insertSearch() string {
	return `INSERT INTO people_search (rowid, given, family, birth, student, ine, rpps, email, secondary)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
}

func (sqlite) searchRow(p Person) []any {
	row := []any{p.ID}
	for _, text := range p.searched() {
		row = append(row, text)
	}
	return row
}

// match asks in FTS5's language. Every word is letters and digits, and quoted: nothing of
// the question is syntax.
func (sqlite) match(words []word) (string, any) {
	var all []string
	for _, w := range words {
		q := `"` + w.text + `" *`
		if w.column != "" {
			q = string(w.column) + " : " + q
		}
		all = append(all, q)
	}
	return `people_search MATCH ?`, strings.Join(all, " AND ")
}

func (sqlite) among(column, query string) string { return column + " IN (" + query + ")" }

func (sqlite) join(column string) string { return "group_concat(" + column + ", ' ')" }
