package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// What Connect fails with, beside ErrNewer, ErrUnavailable and the network's own errors.
var (
	// ErrURL: the text is no PostgreSQL address. The error does not quote it: it may hold a password.
	ErrURL = errors.New("wanted postgres://USER@HOST:PORT/NAME")
	// ErrTooOld: the server's version is below MinPostgres.
	ErrTooOld = errors.New("PostgreSQL is too old")
	// ErrEncoding: the database holds no UTF-8.
	ErrEncoding = errors.New("its encoding must be UTF8")
	// ErrRefused: the server does not let this user in.
	ErrRefused = errors.New("user or password refused")
	// ErrNoDatabase: the server has no database of this name.
	ErrNoDatabase = errors.New("there is no such database; createdb makes it")
)

// MinPostgres is the oldest major version of PostgreSQL that will do.
const MinPostgres = 14

// Connections of one process. Requests beyond them queue in the process.
const (
	MaxConnections = 20
	connectTimeout = 5 * time.Second
	idleTime       = 5 * time.Minute
	// A process that vanished in the middle of a transaction, its machine with it, holds
	// its locks for so long. No transaction of a living one is idle for a mail's sendTimeout.
	abandoned = 60 * time.Second
)

// Advisory locks, of two numbers each: the first is this program's.
const (
	lockSpace = 0x506f7274
	lockWrite = 1 // Write
	lockBegin = 2 // migrations
)

// Connect opens a PostgreSQL database by its address, postgres://USER@HOST:PORT/NAME with
// libpq's parameters (sslmode, host for a socket's directory, passfile) or several hosts
// (HOST1,HOST2 with target_session_attrs=read-write), and brings its
// schema up to date: of several processes that begin at once, one does. The error names
// server and database, and no password.
func Connect(ctx context.Context, address string) (*DB, error) {
	conf, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*conf)
	db.SetMaxOpenConns(MaxConnections)
	db.SetMaxIdleConns(MaxConnections)
	db.SetConnMaxIdleTime(idleTime)
	if err := prepare(ctx, db); err != nil {
		return nil, fmt.Errorf("database %s: %w", place(conf), errors.Join(reason(err), db.Close()))
	}
	return &DB{writer: db, reader: db, engine: postgres{}, place: place(conf), turn: make(chan struct{}, 1)}, nil
}

func parseURL(address string) (*pgx.ConnConfig, error) {
	// Not url.Parse's business: an address may name several hosts.
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return nil, ErrURL
	}
	conf, err := pgx.ParseConfig(address)
	if err != nil {
		// pgx masks passwords as well as it can; what it says of one parameter is not worth the risk.
		return nil, fmt.Errorf("%w with parameters that libpq knows", ErrURL)
	}
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = connectTimeout
	}
	for name, value := range map[string]string{
		"application_name":                    "rehearsal",
		"idle_in_transaction_session_timeout": strconv.FormatInt(abandoned.Milliseconds(), 10),
	} {
		if conf.RuntimeParams[name] == "" {
			conf.RuntimeParams[name] = value
		}
	}
	return conf, nil
}

// place names a server and its database for people.
func place(conf *pgx.ConnConfig) string {
	return "postgres://" + net.JoinHostPort(conf.Host, strconv.Itoa(int(conf.Port))) + "/" + conf.Database
}

// prepare looks whether the server will do and migrates, one process at a time.
func prepare(ctx context.Context, db *sql.DB) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var version int
	var encoding string
	err = conn.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding')`).Scan(&version, &encoding)
	if err != nil {
		return err
	}
	if err := suits(version, encoding); err != nil {
		return err
	}
	// Held by the connection, and gone with it whatever happens to this process.
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, lockBegin); err != nil {
		return err
	}
	defer func() {
		_, e := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1, $2)`, lockSpace, lockBegin)
		err = errors.Join(err, e)
	}()
	return migrate(ctx, db, postgres{})
}

// suits tells whether a server's version, as server_version_num has it, and encoding will do.
func suits(version int, encoding string) error {
	switch {
	case version/10000 < MinPostgres:
		return fmt.Errorf("%w: it is %d, wanted %d or later", ErrTooOld, version/10000, MinPostgres)
	case encoding != "UTF8":
		return fmt.Errorf("%w, and is %s", ErrEncoding, encoding)
	}
	return nil
}

// reason says in a few words why a server does not let in, without pgx's list of
// everything it tried.
func reason(err error) error {
	var said *pgconn.PgError
	var name *net.DNSError
	var dial *net.OpError
	var cert *tls.CertificateVerificationError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &said) && (said.Code == "28P01" || said.Code == "28000"):
		return ErrRefused
	case errors.As(err, &said) && said.Code == "3D000":
		return ErrNoDatabase
	case errors.As(err, &said):
		return fmt.Errorf("%s (SQLSTATE %s)", said.Message, said.Code)
	case errors.As(err, &cert):
		return cert
	case errors.As(err, &name):
		return name
	case errors.As(err, &dial):
		return dial
	case errors.As(err, &connect):
		return errors.Unwrap(connect)
	}
	return err
}

// postgres is the engine of a server, for any number of processes.
type postgres struct{}

func (postgres) name() string           { return "postgres" }
func (postgres) dialect() goose.Dialect { return goose.DialectPostgres }
func (postgres) shared() bool           { return true }

// away knows a broken connection, a server that starts, stops or has no room, one that
// takes no writes (a standby), and a transaction that had to give way to another.
func (postgres) away(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code {
		case "25006", "40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "25P03":
			return true
		}
		return strings.HasPrefix(said.Code, "08") || strings.HasPrefix(said.Code, "53")
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE)
}

// rebind numbers the parameters: "?" stands in no text of our queries.
func (postgres) rebind(query string) string {
	var b strings.Builder
	n := 0
	for {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}

// bind puts U+FFFD for what is no text in PostgreSQL: NUL, and bytes that are not UTF-8.
// What was typed with it is then found nowhere, as it should be, and no mistake of ours.
func (postgres) bind(args []any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if s, ok := a.(string); ok && (strings.ContainsRune(s, 0) || !utf8.ValidString(s)) {
			out[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return out
}

func (postgres) duplicate(err error) string {
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "23505" {
		return ""
	}
	switch said.ConstraintName {
	case "accounts_ine_once":
		return "accounts.ine"
	case "accounts_rpps_once":
		return "accounts.rpps"
	case "staff_login_key":
		return "staff.login"
	}
	return said.TableName + "." + said.ConstraintName
}

func (postgres) forUpdate(tables string) string { return " FOR UPDATE OF " + tables }

// A text search vector made by hand: PostgreSQL's parsers would take addresses and numbers
// apart in ways of their own.
func (postgres) insertSearch() string {
	return `INSERT INTO people_search (rowid, words) VALUES (?, array_to_tsvector(string_to_array(?, ' ')))`
}

// maxLexeme bounds a word of the index, in bytes; PostgreSQL's own bound is 2046 with its
// column. Nobody has a longer name.
const maxLexeme = 1000

func (postgres) searchRow(p Person) []any {
	var all []string
	columns := indexed()
	for i, text := range p.searched() {
		for w := range strings.FieldsSeq(text) {
			if len(w) <= maxLexeme {
				all = append(all, w, string(columns[i])+"/"+w)
			}
		}
	}
	return []any{p.ID, strings.Join(all, " ")}
}

// match asks for every word by how it begins. Every word is letters and digits, and quoted:
// nothing of the question is syntax.
func (postgres) match(words []word) (string, any) {
	var all []string
	for _, w := range words {
		if len(w.text) > maxLexeme {
			return `CAST(? AS TEXT) IS NULL`, "" // nobody
		}
		q := w.text
		if w.column != "" {
			q = string(w.column) + "/" + q
		}
		all = append(all, "'"+q+"':*")
	}
	return `words @@ CAST(? AS TSQUERY)`, strings.Join(all, " & ")
}

// among asks the query first and once. Of "IN" the planner, which takes every word for rare or
// for frequent until statistics are gathered, may make a walk through everybody in the order
// asked for, with a search of the index at each: 0.3 s among 50,000 people.
func (postgres) among(column, query string) string { return column + " = ANY(ARRAY(" + query + "))" }

func (postgres) join(column string) string { return "string_agg(" + column + ", ' ')" }

// alone waits until no other Write runs, in any process.
func (t *Tx) alone() error {
	_, err := t.exec("wait for other writers", `SELECT pg_advisory_xact_lock(?, ?)`, lockSpace, lockWrite)
	return err
}

// hold keeps other transactions that hold the same names waiting until this one ends. It
// does nothing where there are none beside it, or where nothing is going to be decided.
func (t *Tx) hold(names ...string) error {
	if !t.engine.shared() || !t.writing {
		return nil
	}
	// Two sets of names with one hash wait for each other in vain, and nothing worse.
	_, err := t.exec("hold", `SELECT pg_advisory_xact_lock(hashtextextended(?, ?))`, strings.Join(names, "\n"), lockSpace)
	return err
}
