package store

import (
	"context"
	"database/sql"
	"strings"
)

// engine is what differs between the databases the service can rest on. Every query is
// written once, in the SQL they share, with "?" for a parameter.
type engine interface {
	// rebind writes a query's parameters as the engine wants them.
	rebind(query string) string
	// duplicate tells which unique column, "table.column", an insert or update has
	// violated; "" for any other error.
	duplicate(err error) string
	// insertSearch puts a person into the index of names, and searchRow is what it takes.
	insertSearch() string
	searchRow(p Person) []any
	// match is the condition on people_search that a question asks, and its one argument.
	// words is not empty.
	match(words []word) (cond string, arg any)
	// join is the aggregate that joins texts with spaces.
	join(column string) string
	// indexPeople is the migration that makes persons of the accounts there were.
	indexPeople(ctx context.Context, tx *sql.Tx) error
}

// sqlite is the engine of one file, for one process.
type sqlite struct{}

func (sqlite) rebind(query string) string { return query }

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

func (sqlite) join(column string) string { return "group_concat(" + column + ", ' ')" }

func (e sqlite) indexPeople(ctx context.Context, tx *sql.Tx) error {
	return (&Tx{ctx: ctx, tx: tx, engine: e}).indexPeople()
}
