package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// ErrNewer: a newer version of the program has changed the database's schema.
var ErrNewer = errors.New("a newer version of rehearsal has changed it: use that one")

// indexVersion is the migration that is Go: it fills the index of names.
const indexVersion = 4

//go:embed migrations
var migrations embed.FS

// migrate brings a schema up to date. Both engines have the same versions with the same
// tables and columns; a test compares them.
func migrate(ctx context.Context, db *sql.DB, e engine) error {
	sub, err := fs.Sub(migrations, "migrations/"+e.name())
	if err != nil {
		return err
	}
	index := func(ctx context.Context, tx *sql.Tx) error {
		return (&Tx{ctx: ctx, tx: tx, engine: e}).indexPeople()
	}
	p, err := goose.NewProvider(e.dialect(), db, sub, goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(indexVersion, &goose.GoFunc{RunTx: index}, &goose.GoFunc{})))
	if err != nil {
		return err
	}
	has, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	if newest := sources[len(sources)-1].Version; has > newest {
		return fmt.Errorf("schema %d, known are %d: %w", has, newest, ErrNewer)
	}
	_, err = p.Up(ctx)
	return err
}
