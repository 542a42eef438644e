package storm_test

import (
	"database/sql"
	"os"
	"testing"

	"portillon/internal/demo"
	"portillon/internal/postgrestest"
)

// server is this test binary's PostgreSQL.
var server postgrestest.Lazy

func TestMain(m *testing.M) {
	os.Exit(server.End(m.Run()))
}

// BenchmarkStormOnPostgres is BenchmarkStorm against three processes that share a PostgreSQL,
// behind what hands connections to them in turn: a tablet that was told to come back most
// often comes to another one. The database is on the same cores too, and counts as "others".
func BenchmarkStormOnPostgres(b *testing.B) {
	s := server.Server(b)
	if s == nil {
		return // not on this machine, said so
	}
	name, err := s.Create(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	bin, data := buildService(b), b.TempDir()
	var services []*demo.Service
	for range 3 {
		services = append(services, startService(b, bin, "--demo", "--data", data, "--database", s.URL(name), "--issuer", "https://localhost:4443"))
	}
	pass(b, tabletsWanted(b), services...)
	db, err := sql.Open("pgx", s.URL(name))
	if err != nil {
		b.Fatal(err)
	}
	checkHashes(b, db)
}
