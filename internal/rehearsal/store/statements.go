package store

import (
	"context"
	"database/sql"
	"sync"
)

// statements keeps the queries of a login's steps prepared on SQLite's one connection that
// writes: to parse and plan them each time took a quarter of a login's time in the database
// (pgx keeps PostgreSQL's by itself). Their texts are constants of this package, some thirty.
type statements struct {
	mu    sync.Mutex
	ready map[string]*sql.Stmt
}

// of is the prepared statement of a query, nil where there is none yet.
func (s *statements) of(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready[query]
}

// prepare prepares queries for the next time. Outside of transactions: there is one connection.
// One that cannot be prepared is run as it is, and says then what is wrong with it.
func (s *statements) prepare(ctx context.Context, db *sql.DB, queries []string) {
	for _, q := range queries {
		if s.of(q) != nil {
			continue
		}
		stmt, err := db.PrepareContext(ctx, q)
		if err != nil {
			continue
		}
		s.mu.Lock()
		if s.ready[q] == nil {
			s.ready[q], stmt = stmt, nil
		}
		s.mu.Unlock()
		if stmt != nil { // another was faster
			_ = stmt.Close() // nothing was done with it
		}
	}
}

// query runs a query that returns rows, prepared where it is.
func (t *Tx) query(query string, args []any) (*sql.Rows, error) {
	text, values := t.engine.rebind(query), t.engine.bind(args)
	if stmt := t.prepared(text); stmt != nil {
		return stmt.QueryContext(t.ctx, values...)
	}
	return t.tx.QueryContext(t.ctx, text, values...)
}

// execute runs a query that returns none, prepared where it is.
func (t *Tx) execute(query string, args []any) (sql.Result, error) {
	text, values := t.engine.rebind(query), t.engine.bind(args)
	if stmt := t.prepared(text); stmt != nil {
		return stmt.ExecContext(t.ctx, values...)
	}
	return t.tx.ExecContext(t.ctx, text, values...)
}

// prepared is a query's statement within the transaction, and nil where it is not to be
// prepared, or not yet: the next transaction has it.
func (t *Tx) prepared(query string) *sql.Stmt {
	if t.statements == nil {
		return nil
	}
	if stmt := t.statements.of(query); stmt != nil {
		return t.tx.StmtContext(t.ctx, stmt)
	}
	t.missed = append(t.missed, query)
	return nil
}
