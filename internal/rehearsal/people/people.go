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
	"slices"
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

// columns of the CSV, in any order; address and name are needed.
var columns = []string{"address", "secondary", "name", "extra_time", "password"}

// Import adds the people of a CSV file with a header line, all or nobody, and says
// how many. A person without a password creates it in the portal. Addresses that are
// already there are an error.
func Import(ctx context.Context, db *store.DB, r io.Reader, now time.Time) (n int, err error) {
	rows, err := parse(r)
	if err != nil {
		return 0, err
	}
	err = db.Write(ctx, func(tx *store.Tx) error {
		in, err := tx.NewInserter()
		if err != nil {
			return err
		}
		for _, p := range rows {
			if err := in.Add(p.account, now, p.primary, p.secondary...); err != nil {
				return fmt.Errorf("%w: line %d: %w", ErrCSV, p.line, err)
			}
		}
		return nil
	})
	return len(rows), err
}

type person struct {
	line      int
	account   store.Account
	primary   string
	secondary []string
}

func parse(r io.Reader) ([]person, error) {
	c := csv.NewReader(r)
	c.TrimLeadingSpace = true
	header, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: line 1: no header: %w", ErrCSV, shape(err))
	}
	header[0] = strings.TrimPrefix(header[0], "\uFEFF") // spreadsheets write a byte order mark
	for _, name := range header {
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("%w: line 1: unknown column; wanted %s", ErrCSV, strings.Join(columns, ", "))
		}
	}
	var out []person
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCSV, shape(err))
		}
		line, _ := c.FieldPos(0)
		p, err := one(header, rec)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrCSV, line, err)
		}
		p.line = line
		out = append(out, p)
	}
}

// shape keeps of a CSV error the place and the kind.
func shape(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("line %d column %d: %w", p.Line, p.Column, p.Err)
	}
	return err
}

func one(header, rec []string) (person, error) {
	field := func(name string) string {
		if i := slices.Index(header, name); i >= 0 {
			return strings.TrimSpace(rec[i])
		}
		return ""
	}
	p := person{primary: field("address"), account: store.Account{Sub: NewSub(), Name: field("name"), ExtraTime: field("extra_time")}}
	switch {
	case !strings.Contains(p.primary, "@"):
		return p, errors.New("column address: not an address")
	case p.account.Name == "":
		return p, errors.New("column name: empty")
	case p.account.ExtraTime != "" && p.account.ExtraTime != ExtraThird:
		return p, errors.New("column extra_time: wanted nothing or 1/3")
	}
	if s := field("secondary"); s != "" {
		p.secondary = []string{s}
	}
	if pw := field("password"); pw != "" {
		p.account.Password = password.Hash(pw)
	}
	return p, nil
}

// NewSub draws an opaque subject identifier.
func NewSub() string { return strings.ToLower(rand.Text()) }
