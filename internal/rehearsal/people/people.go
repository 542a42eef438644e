// Package people puts accounts into the rehearsal service's database: the
// demonstration's, and those of a centre's CSV file. The service's doorway and the
// command call it.
package people

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
)

// ExtraThird is the one extra time the cockpit knows.
const ExtraThird = "1/3"

// ErrCSV: a file of people cannot be read; the error names line and column, and
// quotes nobody.
var ErrCSV = errors.New("people file")

// Import adds the people of a file that ReadSheet understands, all or nobody, and says how
// many. A person without a password creates it in the portal. Addresses that are already
// there are an error.
func Import(ctx context.Context, db *store.DB, r io.Reader, now time.Time) (n int, err error) {
	content, err := io.ReadAll(io.LimitReader(r, MaxSheet+1))
	if err != nil {
		return 0, err
	}
	if len(content) > MaxSheet {
		return 0, fmt.Errorf("%w: more than %d MiB", ErrCSV, MaxSheet>>20)
	}
	s, err := ReadSheet(content, now)
	if err != nil {
		return 0, err
	}
	hashes := make([]string, len(s.Rows))
	for i, row := range s.Rows {
		if row.Password != "" {
			hashes[i] = password.Hash(row.Password)
		}
	}
	err = db.Write(ctx, func(tx *store.Tx) error {
		taken, err := Conflicts(tx, s, now)
		if err != nil {
			return err
		}
		if bad := append(s.Faults, taken...); len(bad) > 0 {
			return fmt.Errorf("%w: line %d: %w", ErrCSV, bad[0].Line, bad[0])
		}
		in, err := tx.NewInserter()
		if err != nil {
			return err
		}
		for i, row := range s.Rows {
			row.Person.Sub = NewSub()
			if _, err := in.AddPerson(row.Person, store.Account{Password: hashes[i]}, now, time.Time{}); err != nil {
				return fmt.Errorf("%w: line %d: %w", ErrCSV, row.Line, err)
			}
		}
		return nil
	})
	return len(s.Rows), err
}

// shape keeps of a CSV error the place and the kind.
func shape(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("line %d column %d: %w", p.Line, p.Column, p.Err)
	}
	return err
}

// NewSub draws an opaque subject identifier.
func NewSub() string { return strings.ToLower(rand.Text()) }
