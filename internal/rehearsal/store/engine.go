package store

import "github.com/pressly/goose/v3"

// engine is what differs between the databases the service can rest on. Every query is
// written once, in the SQL they share, with "?" for a parameter.
type engine interface {
	// name is the folder of its migrations.
	name() string
	dialect() goose.Dialect
	// shared reports whether several processes may serve from one database.
	shared() bool
	// away reports whether err says that the database does not answer.
	away(err error) bool
	// rebind writes a query's parameters as the engine wants them.
	rebind(query string) string
	// bind makes of a parameter's value what the engine can hold.
	bind(args []any) []any
	// duplicate tells which unique column, "table.column", an insert or update has
	// violated; "" for any other error.
	duplicate(err error) string
	// forUpdate ends a query whose rows of tables are to stay as they are until the
	// transaction's end.
	forUpdate(tables string) string
	// insertSearch puts a person into the index of names, and searchRow is what it takes.
	insertSearch() string
	searchRow(p Person) []any
	// match is the condition on people_search that a question asks, and its one argument.
	// words is not empty.
	match(words []word) (cond string, arg any)
	// among is the condition that column is one of those a query gives.
	among(column, query string) string
	// join is the aggregate that joins texts with spaces.
	join(column string) string
}
