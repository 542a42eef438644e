package store_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"portillon/internal/postgrestest"
	"portillon/internal/rehearsal/store"
)

// server is this test binary's PostgreSQL.
var server postgrestest.Lazy

func TestMain(m *testing.M) {
	os.Exit(server.End(m.Run()))
}

// migrated is a database with the newest schema and nothing in it.
var migrated struct {
	once sync.Once
	name string
	err  error
}

func migrate(s *postgrestest.Server) (name string, err error) {
	if name, err = s.Create(context.Background(), ""); err != nil {
		return "", err
	}
	db, err := store.Connect(context.Background(), s.URL(name))
	if err != nil {
		return "", err
	}
	return name, db.Close()
}

// place is where a test's database is: it can be opened, again and at once.
type place func(t testing.TB) *store.DB

// engines are the databases the service can rest on, and how to have an empty one of each.
func engines() []struct {
	name  string
	fresh func(t testing.TB) place // nil: not on this machine
} {
	return []struct {
		name  string
		fresh func(t testing.TB) place
	}{
		{"sqlite", func(t testing.TB) place {
			dir := t.TempDir()
			return func(t testing.TB) *store.DB { return opened(t)(store.Open(context.Background(), dir)) }
		}},
		{"postgres", func(t testing.TB) place {
			url := database(t)
			if url == "" {
				return nil
			}
			return func(t testing.TB) *store.DB { return opened(t)(store.Connect(context.Background(), url)) }
		}},
	}
}

// database is the address of a migrated database of the test's own; "": no PostgreSQL here.
func database(t testing.TB) string {
	t.Helper()
	s := server.Server(t)
	if s == nil {
		return ""
	}
	migrated.once.Do(func() { migrated.name, migrated.err = migrate(s) })
	if migrated.err != nil {
		t.Fatal(migrated.err)
	}
	name, err := s.Create(context.Background(), migrated.name)
	if err != nil {
		t.Fatal(err)
	}
	return s.URL(name)
}

func opened(t testing.TB) func(*store.DB, error) *store.DB {
	return func(db *store.DB, err error) *store.DB {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
}

// onBoth runs a test on an empty database of each engine.
func onBoth(t *testing.T, test func(*testing.T, *store.DB)) {
	onBothPlaces(t, func(t *testing.T, p place) {
		db := p(t)
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, db)
	})
}

func onBothPlaces(t *testing.T, test func(*testing.T, place)) {
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			if p := e.fresh(t); p != nil {
				test(t, p)
			}
		})
	}
}
