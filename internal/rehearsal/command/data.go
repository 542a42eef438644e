package command

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"text/tabwriter"
	"time"

	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
)

// thumbprint is the shape of a key's name (RFC 7638, SHA-256).
var thumbprint = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// place is where the service's database is: a data directory, or PostgreSQL's address.
type place struct{ dir, url string }

func (p *place) flags(set *flag.FlagSet) {
	set.StringVar(&p.dir, "data", "", "`DIR` of the service")
	set.StringVar(&p.url, "database", "", "`postgres://USER@HOST:PORT/NAME` of the service, in place of --data")
}

// open opens the database. A data directory must exist: a mistyped one is not to be made
// in passing.
func (p place) open(ctx context.Context) (*store.DB, error) {
	if p.url != "" {
		db, err := store.Connect(ctx, p.url)
		return db, ofFlag(err)
	}
	dir := p.dir
	if dir == "" {
		return nil, &usageError{"--data DIR or --database postgres://… is needed"}
	}
	if _, err := os.Stat(filepath.Join(dir, store.File)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("data directory %s: no database there; \"rehearsal serve\" makes it", dir)
		}
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return store.Open(ctx, dir)
}

// ofFlag names the flag where an address is wrong.
func ofFlag(err error) error {
	if errors.Is(err, store.ErrURL) {
		return fmt.Errorf("--database: %w", err)
	}
	return err
}

// with runs f on an opened database.
func with(ctx context.Context, p place, f func(*store.DB) error) error {
	db, err := p.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}

func tablets(ctx context.Context, args []string, env Env) error {
	verb, rest := head(args)
	set := flag.NewFlagSet("tablets "+verb, flag.ContinueOnError)
	var at place
	at.flags(set)
	var file, label string
	var asJSON bool
	operands := 1
	switch verb {
	case "enrol":
		set.StringVar(&label, "label", "", "`TEXT` on the tablet")
		set.StringVar(&file, "csv", "", "`FILE` of lines thumbprint,label")
	case "revoke":
		set.StringVar(&file, "csv", "", "`FILE` of lines thumbprint")
	case "list":
		set.BoolVar(&asJSON, "json", false, "machine-readable")
		operands = 0
	default:
		return &usageError{fmt.Sprintf("tablets: unknown %q, wanted enrol, list or revoke", verb)}
	}
	words, err := parse(set, rest, operands, env)
	if err != nil {
		return err
	}
	if verb == "list" {
		return with(ctx, at, func(db *store.DB) error { return listTablets(ctx, db, asJSON, env.Stdout) })
	}
	operand, _ := head(words)
	list, err := named(operand, label, file)
	if err != nil {
		return err
	}
	return with(ctx, at, func(db *store.DB) error {
		return db.Write(ctx, func(tx *store.Tx) error { return change(tx, verb, list, env.Stdout) })
	})
}

// named collects the tablets a command line names: one operand, or a file.
func named(operand, label, file string) ([]store.Tablet, error) {
	if (operand == "") == (file == "") {
		return nil, &usageError{"tablets: wanted either THUMBPRINT or --csv FILE"}
	}
	if operand != "" {
		if !thumbprint.MatchString(operand) {
			return nil, &usageError{"tablets: THUMBPRINT is 43 characters, as \"portillonctl tablet\" prints it"}
		}
		return []store.Tablet{{Thumbprint: operand, Label: label}}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--csv: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	r := csv.NewReader(f)
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	var out []store.Tablet
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("--csv %s: %w", file, err)
		}
		line, _ := r.FieldPos(0)
		if line == 1 && rec[0] == "thumbprint" {
			continue
		}
		if !thumbprint.MatchString(rec[0]) {
			return nil, fmt.Errorf("--csv %s: line %d: not a thumbprint of 43 characters", file, line)
		}
		t := store.Tablet{Thumbprint: rec[0]}
		if len(rec) > 1 {
			t.Label = rec[1]
		}
		out = append(out, t)
	}
}

func change(tx *store.Tx, verb string, list []store.Tablet, w io.Writer) error {
	now := time.Now()
	for _, t := range list {
		if verb == "enrol" {
			if err := tx.EnrolTablet(t.Thumbprint, t.Label, now); err != nil {
				return err
			}
			continue
		}
		found, err := tx.RevokeTablet(t.Thumbprint, now)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("tablet %s was never enrolled; nothing was changed", t.Thumbprint)
		}
	}
	_, err := fmt.Fprintf(w, "%s: %d\n", verb, len(list))
	return err
}

func listTablets(ctx context.Context, db *store.DB, asJSON bool, w io.Writer) error {
	var list []store.Tablet
	err := db.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.Tablets()
		return err
	})
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(w).Encode(append([]store.Tablet{}, list...)) // [] and not null
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range list {
		state := "enrolled"
		if !t.RevokedAt.IsZero() {
			state = "revoked"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", t.Thumbprint, state, t.Label)
	}
	return tw.Flush()
}

func importPeople(ctx context.Context, args []string, env Env) error {
	verb, rest := head(args)
	if verb != "import" {
		return &usageError{fmt.Sprintf("people: unknown %q, wanted import", verb)}
	}
	set := flag.NewFlagSet("people import", flag.ContinueOnError)
	var at place
	at.flags(set)
	file := set.String("csv", "", "`FILE` with a header line: address, name (or the cockpit's columns), secondary, extra_time, password")
	if _, err := parse(set, rest, 0, env); err != nil {
		return err
	}
	if *file == "" {
		return &usageError{"people import: --csv FILE is needed"}
	}
	f, err := os.Open(*file)
	if err != nil {
		return fmt.Errorf("--csv: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	return with(ctx, at, func(db *store.DB) error {
		n, err := people.Import(ctx, db, f, time.Now())
		if err != nil {
			return fmt.Errorf("--csv %s: %w", *file, err)
		}
		_, err = fmt.Fprintf(env.Stdout, "imported: %d\n", n)
		return err
	})
}

func purge(ctx context.Context, args []string, env Env) error {
	set := flag.NewFlagSet("purge", flag.ContinueOnError)
	var at place
	at.flags(set)
	if _, err := parse(set, args, 0, env); err != nil {
		return err
	}
	return with(ctx, at, func(db *store.DB) error {
		var p store.Purged
		err := db.Write(ctx, func(tx *store.Tx) (err error) {
			p, err = oauth.Purge(tx, time.Now())
			return err
		})
		if err != nil {
			return err
		}
		return json.NewEncoder(env.Stdout).Encode(p)
	})
}
