package rehearsal_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"portillon/internal/postgrestest"
	"portillon/internal/rehearsal"
)

var (
	// server is this test binary's PostgreSQL.
	server postgrestest.Lazy
	// onPostgres: the service's tests run on it, and not on SQLite.
	onPostgres bool
)

// sqliteAlone are tests that a second run on PostgreSQL could not answer otherwise: pages
// in a browser, which take long, and what knows no database.
const sqliteAlone = "TestProcedure3|TestCockpitPages|TestGuideCompte|TestChangeAndRecover|TestPortalByKeyboard|TestCockpitByKeyboard|" +
	"TestPagesReflow|TestUniversityTrouble|TestMetricsAddress|TestStormAccounts"

// TestMain runs the tests once on each store the service can have; STORE=postgres: on that
// one alone.
func TestMain(m *testing.M) {
	flag.Parse()
	code := 0
	if os.Getenv("STORE") != "postgres" {
		code = m.Run()
	}
	if flag.Lookup("test.bench").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" {
		code = max(code, again(m))
	}
	os.Exit(server.End(code))
}

// again runs the tests on PostgreSQL.
func again(m *testing.M) int {
	switch err := server.Begin(context.Background()); {
	case errors.Is(err, postgrestest.ErrMissing) && os.Getenv("REQUIRE_POSTGRES") == "":
		fmt.Println("NOT RUN on PostgreSQL:", err)
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if testing.Verbose() {
		fmt.Println("the same on PostgreSQL")
	}
	onPostgres = true
	skip := flag.Lookup("test.skip").Value
	if err := skip.Set(strings.Trim(skip.String()+"|"+sqliteAlone, "|")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// template is a database with the demonstration's accounts and without the keys of anybody.
var template = sync.OnceValues(func() (name string, err error) {
	ctx := context.Background()
	s := server.Running()
	if name, err = s.Create(ctx, ""); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "rehearsal")
	if err != nil {
		return "", err
	}
	srv, err := rehearsal.Start(ctx, rehearsal.Options{Data: dir, Database: s.URL(name), Demo: true})
	if err != nil {
		return "", err
	}
	return name, errors.Join(srv.Close(ctx), os.RemoveAll(dir), s.Run(ctx, name, `DELETE FROM meta WHERE name IN ('keys', 'ca')`))
})

// database is the PostgreSQL of a data directory of the test's, the same one each time;
// "": the test runs on SQLite.
func (w *world) database(o rehearsal.Options) string {
	w.t.Helper()
	if !onPostgres || w.databases[o.Data] != "" {
		return w.databases[o.Data]
	}
	from := ""
	var err error
	if o.Demo && o.Data == w.data {
		from, err = template()
	}
	if err == nil {
		from, err = server.Running().Create(context.Background(), from)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.databases[o.Data] = server.Running().URL(from)
	return w.databases[o.Data]
}

// rows is all that a PostgreSQL of the test's holds, by table.
func (w *world) rows() map[string][]byte {
	w.t.Helper()
	ctx := context.Background()
	db, err := sql.Open("pgx", w.databases[w.data]+"&bytea_output=escape")
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // only read
	out := map[string][]byte{}
	for _, table := range w.texts(ctx, db, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`) {
		out[table] = []byte(strings.Join(w.texts(ctx, db, `SELECT t::text FROM `+table+` t`), "\n"))
	}
	if len(out) < 10 {
		w.t.Errorf("only %d tables seen", len(out))
	}
	return out
}

func (w *world) texts(ctx context.Context, db *sql.DB, query string) (out []string) {
	w.t.Helper()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		w.t.Fatal(err)
	}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		w.t.Fatal(err)
	}
	return out
}
