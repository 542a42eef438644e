package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"portillon/internal/postgrestest"
	"portillon/internal/rehearsal/store"
)

// secret is a password that no error may hold.
const secret = "Mot-de-passe-9!"

// TestRefusals: what is wrong with a database is said in one line that names it, and never
// with the password of its address.
func TestRefusals(t *testing.T) {
	closed := refusing(t)
	for address, want := range map[string]error{
		"":                                      store.ErrURL,
		"rehearsal":                             store.ErrURL,
		"mysql://u@h/db":                        store.ErrURL,
		"postgres://u:" + secret + "@[::1/db":   store.ErrURL,
		"postgres://u:" + secret + "@h:port/db": store.ErrURL,
		"postgres://u:" + secret + "@h/db?sslmode=peut-etre":                           store.ErrURL,
		"postgres://u:" + secret + "@" + closed + "/db?sslmode=disable":                syscall.ECONNREFUSED,
		"postgres://u:" + secret + "@" + closed + "," + closed + "/db?sslmode=disable": syscall.ECONNREFUSED,
	} {
		refused(t, address, want)
	}
}

// refusing is an address of this machine where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// refused opens a database that is not to be had, and wants the reason.
func refused(t *testing.T, address string, want error) {
	t.Helper()
	db, err := store.Connect(t.Context(), address)
	if err == nil {
		t.Errorf("opened: %v", db.Close())
		return
	}
	if text := err.Error(); !errors.Is(err, want) || strings.Contains(text, secret) || strings.Contains(text, "\n") {
		t.Errorf("%q, want %v in one line without the password", text, want)
	}
}

// TestServerRefuses: a wrong password, a database that is not there, one of another
// encoding, a newer schema.
func TestServerRefuses(t *testing.T) {
	s := server.Server(t)
	if s == nil {
		return
	}
	ctx := t.Context()
	name, err := s.Create(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	guarded, latin := "garde_"+name, "latin_"+name // of this run
	err = errors.Join(s.Run(ctx, "postgres", "CREATE ROLE "+guarded+" LOGIN PASSWORD 'juste'"),
		s.Run(ctx, "postgres", "CREATE DATABASE "+latin+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"),
		s.Hba(ctx, "local all "+guarded+" scram-sha-256", "local all all trust"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(guarded, secret)
	// A server that reads its new rules a moment later lets everybody in meanwhile.
	until(t, "the rules", func() bool {
		db, err := store.Connect(ctx, u.String())
		if err == nil {
			return db.Close() != nil
		}
		return errors.Is(err, store.ErrRefused)
	})
	refused(t, u.String(), store.ErrRefused)
	refused(t, s.URL("absente"), store.ErrNoDatabase)
	refused(t, s.URL(latin), store.ErrEncoding)
	if err := opened(t)(store.Connect(ctx, s.URL(name))).Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(ctx, name, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)"); err != nil {
		t.Fatal(err)
	}
	refused(t, s.URL(name), store.ErrNewer)
}

// until waits for what another process does.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		<-tick.C
	}
}

// TestFirstStart: several processes that begin at once on an empty database all find it
// ready.
func TestFirstStart(t *testing.T) {
	s := server.Server(t)
	if s == nil {
		return
	}
	name, err := s.Create(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			db, err := store.Connect(t.Context(), s.URL(name))
			if err == nil {
				err = errors.Join(db.Write(t.Context(), func(tx *store.Tx) error { return tx.SetMeta("a", "b") }), db.Close())
			}
			if err != nil {
				t.Errorf("process %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

// TestAway: a database that crashes is told as unavailable, while it is away and for what
// was under way, and the same DB serves again once it is back, with all that was
// acknowledged.
func TestAway(t *testing.T) {
	if server.Server(t) == nil {
		return
	}
	s, err := postgrestest.Start(t.Context()) // its own: it is going to die
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	db := opened(t)(store.Connect(ctx, s.URL("postgres")))
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	set := func(value string) error {
		return db.Write(ctx, func(tx *store.Tx) error { return tx.SetMeta("a", value) })
	}
	for _, end := range []func() error{s.Kill, s.End} {
		if err := set("before"); err != nil {
			t.Fatal(err)
		}
		err := db.Write(ctx, func(tx *store.Tx) error {
			return errors.Join(tx.SetMeta("a", "under way"), end(), tx.SetMeta("a", "gone"))
		})
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("under way: %v", err)
		}
		for what, f := range map[string]func(context.Context, func(*store.Tx) error) error{"write": db.Write, "step": db.Step, "read": db.Read} {
			err := f(ctx, func(tx *store.Tx) error { _, err := tx.Meta("a"); return err })
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s while it is away: %v", what, err)
			}
		}
		if _, err := db.Deliver(ctx, noon, nil); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("mail while it is away: %v", err)
		}
		if err := s.Begin(ctx); err != nil {
			t.Fatal(err)
		}
		var got string
		err = db.Read(ctx, func(tx *store.Tx) (err error) { got, err = tx.Meta("a"); return err })
		if err != nil || got != "before" {
			t.Errorf("back: %q, %v", got, err)
		}
		if err := set("after"); err != nil {
			t.Errorf("back: %v", err)
		}
	}
}

// TestSchemas: both engines have the same tables with the same columns, and the same of
// them may be NULL.
func TestSchemas(t *testing.T) {
	address := database(t)
	if address == "" {
		return
	}
	dir := t.TempDir()
	if err := opened(t)(store.Open(t.Context(), dir)).Close(); err != nil {
		t.Fatal(err)
	}
	file := columns(t, "sqlite", dir+"/"+store.File, `SELECT m.name || '.' || c.name || CASE WHEN c."notnull" OR c.pk THEN '' ELSE ' or NULL' END
		FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`)
	shared := columns(t, "pgx", address, `SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN '' ELSE ' or NULL' END
		FROM information_schema.columns WHERE table_schema = 'public'`)
	for _, c := range file {
		if !slices.Contains(shared, c) {
			t.Errorf("PostgreSQL has no %s", c)
		}
	}
	for _, c := range shared {
		if !slices.Contains(file, c) {
			t.Errorf("SQLite has no %s", c)
		}
	}
	if len(file) < 80 {
		t.Errorf("only %d columns seen", len(file))
	}
}

// columns lists what query finds, but the migrations' own table and the index of names,
// which each engine has in its own way.
func columns(t *testing.T, driver, address, query string) (out []string) {
	t.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // only read
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, "goose_") && !strings.HasPrefix(name, "people_search") && !strings.HasPrefix(name, "sqlite_") {
			out = append(out, name)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNewerFile: a file of a newer version is left alone.
func TestNewerFile(t *testing.T) {
	dir := t.TempDir()
	if err := opened(t)(store.Open(t.Context(), dir)).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dir+"/"+store.File)
	if err == nil {
		_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), dir); !errors.Is(err, store.ErrNewer) {
		t.Errorf("got %v", err)
	}
}

// TestSuits: an old server and one without UTF-8 are told apart from a good one.
func TestSuits(t *testing.T) {
	for _, c := range []struct {
		version  int
		encoding string
		want     error
	}{{140000, "UTF8", nil}, {180001, "UTF8", nil}, {130022, "UTF8", store.ErrTooOld}, {90624, "UTF8", store.ErrTooOld}, {150000, "LATIN1", store.ErrEncoding}} {
		if err := store.Suits(c.version, c.encoding); !errors.Is(err, c.want) {
			t.Error(fmt.Sprint(c), err)
		}
	}
}
