package people

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"portillon/internal/rehearsal/store"
)

// MaxSheet bounds a file of people, in bytes, and MaxRows its people: more than all
// students of medicine of one year in France.
const (
	MaxSheet = 8 << 20
	MaxRows  = 50000
)

// Columns of a file that no person has: the whole name in one, and a password, which the
// command alone takes.
const (
	columnName     store.Column = "name"
	columnPassword store.Column = "password"
)

// HeaderError: the file's first line is not one of people's columns.
type HeaderError struct {
	Unknown string         // as it stands there; "" where columns are missing
	Missing []store.Column // what is needed
}

// Error names the column.
func (e *HeaderError) Error() string {
	if e.Unknown != "" {
		return fmt.Sprintf("%s: line 1: unknown column %q", ErrCSV, e.Unknown)
	}
	return fmt.Sprintf("%s: line 1: missing column %s", ErrCSV, e.Missing[0])
}

// Is makes every HeaderError an ErrCSV.
func (e *HeaderError) Is(target error) bool { return target == ErrCSV }

// ErrTooManyRows: the file has more than MaxRows people.
var ErrTooManyRows = fmt.Errorf("%w: more than %d people", ErrCSV, MaxRows)

// RowError is what is wrong with one cell of a file, or with a line as a whole.
type RowError struct {
	Line   int          // as an editor counts
	Column store.Column // "": the line
	Fault  Fault
}

// Error names the column and the fault, and quotes nobody.
func (e RowError) Error() string {
	if e.Column == "" {
		return e.Fault.English()
	}
	return "column " + string(e.Column) + ": " + e.Fault.English()
}

// Faults of a line as a whole.
const (
	FaultCells Fault = "cells" // not as many cells as the first line
	FaultQuote Fault = "quote" // a quotation mark out of place: nothing after it was read
)

// Sheet is a file of people, read.
type Sheet struct {
	Rows   []Row // those without a fault
	Faults []RowError
}

// Row is one person of a file.
type Row struct {
	Line     int
	Person   store.Person
	Password string
}

// headers are the names a column may have, folded: those of the cockpit, French and
// English, those of its export, and those of the command.
func headers() map[string]store.Column {
	out := map[string]store.Column{"name": columnName, "nom complet": columnName, "password": columnPassword}
	for c, names := range map[store.Column][]string{
		store.ColumnGiven:     {"prenom", "prenoms", "first name", "given name", "given"},
		store.ColumnFamily:    {"nom", "nom de famille", "nom d usage", "last name", "family name", "family"},
		store.ColumnBirth:     {"date de naissance", "naissance", "date of birth", "birth"},
		store.ColumnStudent:   {"numero etudiant", "n etudiant", "no etudiant", "num etudiant", "student number", "student"},
		store.ColumnINE:       {"numero ine", "ine number", "n ine", "ine"},
		store.ColumnRPPS:      {"numero rpps", "rpps number", "n rpps", "rpps"},
		store.ColumnEmail:     {"adresse email", "adresse e mail", "adresse mail", "e mail address", "email", "e mail", "mail", "address", "adresse"},
		store.ColumnExtra:     {"majoration de temps", "majoration", "extra time", "extra"},
		store.ColumnSecondary: {"adresses email secondaires", "adresse email secondaire", "adresses secondaires", "secondary e mail addresses", "secondary"},
	} {
		for _, n := range names {
			out[n] = c
		}
	}
	return out
}

// ReadSheet reads a file of people: UTF-8, UTF-16 or Windows-1252, separated by ; or , or
// tabs, with a line of headers. now bounds dates of birth. What is wrong with a line is
// in Faults; it fails where the file as a whole is no such table: with a *HeaderError,
// ErrTooManyRows or ErrCSV.
func ReadSheet(content []byte, now time.Time) (Sheet, error) {
	text := decode(content)
	sep, told := separator(text)
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace = sep, -1, true
	first, err := r.Read()
	if err == nil && told {
		first, err = r.Read()
	}
	if err != nil {
		return Sheet{}, fmt.Errorf("%w: line 1: no header: %w", ErrCSV, shape(err))
	}
	columns, err := columnsOf(first)
	if err != nil {
		return Sheet{}, err
	}
	var s Sheet
	seen := map[string]bool{}
	for {
		rec, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return s, nil
		case err != nil:
			var p *csv.ParseError
			if !errors.As(err, &p) {
				return Sheet{}, fmt.Errorf("%w: %w", ErrCSV, err)
			}
			s.Faults = append(s.Faults, RowError{p.StartLine, "", FaultQuote})
			return s, nil
		}
		if !slices.ContainsFunc(rec, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue // an empty line at the end, as spreadsheets leave it
		}
		line, _ := r.FieldPos(0)
		if len(s.Rows)+len(s.Faults) >= MaxRows {
			return Sheet{}, ErrTooManyRows
		}
		row, faults := rowOf(line, columns, rec, now)
		faults = append(faults, repeated(row, seen)...)
		if len(faults) > 0 {
			s.Faults = append(s.Faults, faults...)
			continue
		}
		s.Rows = append(s.Rows, row)
	}
}

// decode makes UTF-8 of a file as spreadsheets write it.
func decode(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		b = b[3:]
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return wide(b[2:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return wide(b[2:], binary.BigEndian)
	}
	if utf8.Valid(b) {
		return string(b)
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil { // it maps every byte; unknown ones become U+FFFD, which no field takes
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

func wide(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// separator is the one the first line tells a spreadsheet ("sep=;"), or has most of.
func separator(text string) (sep rune, told bool) {
	head, _, _ := strings.Cut(text, "\n")
	if len(head) >= len("sep=") && strings.EqualFold(head[:len("sep=")], "sep=") {
		if c := strings.TrimSpace(head[len("sep="):]); c == ";" || c == "," {
			return rune(c[0]), true
		}
		return '\t', true
	}
	sep = ';'
	for _, c := range []rune{',', '\t'} {
		if strings.Count(head, string(c)) > strings.Count(head, string(sep)) {
			sep = c
		}
	}
	return sep, false
}

// columnsOf finds the column of each header.
func columnsOf(first []string) ([]store.Column, error) {
	known := headers()
	var out []store.Column
	for _, h := range first {
		c, ok := known[store.Fold(h)]
		if !ok || slices.Contains(out, c) {
			return nil, &HeaderError{Unknown: strings.ToValidUTF8(h, "?")}
		}
		out = append(out, c)
	}
	for _, needed := range []store.Column{store.ColumnEmail, store.ColumnGiven, store.ColumnFamily} {
		if !slices.Contains(out, needed) && (needed == store.ColumnEmail || !slices.Contains(out, columnName)) {
			return nil, &HeaderError{Missing: []store.Column{needed}}
		}
	}
	return out, nil
}

// rowOf makes a person of a line.
func rowOf(line int, columns []store.Column, rec []string, now time.Time) (Row, []RowError) {
	if len(rec) != len(columns) {
		return Row{}, []RowError{{line, "", FaultCells}}
	}
	row := Row{Line: line}
	for i, c := range columns {
		row.set(c, rec[i])
	}
	clean, bad := Check(row.Person, now)
	var faults []RowError
	for c, f := range bad {
		if c == store.ColumnFamily && slices.Contains(columns, columnName) {
			continue // a name of one word
		}
		faults = append(faults, RowError{line, c, f})
	}
	for i, a := range clean.Secondary {
		text, f := CheckAddress(a.Text)
		if f != "" {
			faults = append(faults, RowError{line, store.ColumnSecondary, f})
		}
		clean.Secondary[i].Text = text
	}
	slices.SortFunc(faults, func(a, b RowError) int { return strings.Compare(string(a.Column), string(b.Column)) })
	row.Person = clean
	return row, faults
}

// set writes what a cell says into the row.
func (row *Row) set(c store.Column, cell string) {
	p, text := &row.Person, strings.TrimSpace(plain(cell))
	switch c {
	case store.ColumnGiven:
		p.Given = text
	case store.ColumnFamily:
		p.Family = text
	case store.ColumnBirth:
		p.Birth = text
	case store.ColumnStudent:
		p.StudentNumber = text
	case store.ColumnINE:
		p.INE = text
	case store.ColumnRPPS:
		p.RPPS = text
	case store.ColumnEmail:
		p.Email = text
	case store.ColumnExtra:
		p.ExtraTime = extra(text)
	case store.ColumnSecondary:
		for _, a := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;|", r) }) {
			p.Secondary = append(p.Secondary, store.Address{Text: a})
		}
	case columnName:
		named := store.PersonOf(store.Account{Name: text})
		p.Given, p.Family = named.Given, named.Family
	case columnPassword:
		row.Password = cell
	}
}

// plain takes off the apostrophe by which an export keeps a cell from being a formula.
func plain(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && formula(rest) {
		return rest
	}
	return cell
}

// extra is the extra time a cell means; anything else stays, for Check to refuse.
func extra(text string) string {
	switch store.Fold(text) {
	case "", "0", "non", "no", "aucune", "aucun", "none":
		return ""
	case "1 3", "1 3 temps", "tiers temps", "1 3 extra time", "oui":
		return ExtraThird
	}
	return text
}

// repeated finds what stands in an earlier line of the same file.
func repeated(row Row, seen map[string]bool) (out []RowError) {
	once := func(c store.Column, key string) {
		if key == "" {
			return
		}
		if key = string(c) + key; seen[key] {
			out = append(out, RowError{row.Line, c, FaultTwice})
		}
		seen[key] = true
	}
	p := row.Person
	once(store.ColumnINE, p.INE)
	once(store.ColumnRPPS, p.RPPS)
	for i, a := range append([]store.Address{{Text: p.Email}}, p.Secondary...) {
		if a.Text == "" {
			continue
		}
		if seen["@"+a.Text] {
			c := store.ColumnEmail
			if i > 0 {
				c = store.ColumnSecondary
			}
			out = append(out, RowError{row.Line, c, FaultTwice})
		}
		seen["@"+a.Text] = true
	}
	return out
}

// Conflicts finds what of a sheet belongs to people who are there already.
func Conflicts(tx *store.Tx, s Sheet, now time.Time) (out []RowError, err error) {
	for _, row := range s.Rows {
		for i, a := range append([]store.Address{{Text: row.Person.Email}}, row.Person.Secondary...) {
			c := store.ColumnEmail
			if i > 0 {
				c = store.ColumnSecondary
			}
			switch err := tx.AddressFree(a.Text, now); {
			case errors.Is(err, store.ErrAddressTaken):
				out = append(out, RowError{row.Line, c, FaultTaken})
			case errors.Is(err, store.ErrAddressLeaving):
				out = append(out, RowError{row.Line, c, FaultLeaving})
			case err != nil:
				return nil, err
			}
		}
		ine, rpps, err := tx.NumbersTaken(row.Person)
		if err != nil {
			return nil, err
		}
		if ine {
			out = append(out, RowError{row.Line, store.ColumnINE, FaultNumber})
		}
		if rpps {
			out = append(out, RowError{row.Line, store.ColumnRPPS, FaultNumber})
		}
	}
	return out, nil
}
