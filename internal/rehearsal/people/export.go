package people

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"portillon/internal/rehearsal/store"
)

// Export writes people as a file that a spreadsheet opens with a double click (UTF-8 with
// its mark, separated by ;) and that ReadSheet reads again. head names a column; text is
// what it says of a person. A cell that a spreadsheet would take for a formula begins
// with an apostrophe.
func Export(w io.Writer, people []store.Person, head func(store.Column) string, text func(store.Person, store.Column) string) error {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.Comma, c.UseCRLF = ';', true
	rec := make([]string, 0, len(store.Columns()))
	for _, col := range store.Columns() {
		rec = append(rec, Cell(head(col)))
	}
	err := c.Write(rec)
	for _, p := range people {
		rec = rec[:0]
		for _, col := range store.Columns() {
			rec = append(rec, Cell(text(p, col)))
		}
		err = errors.Join(err, c.Write(rec))
	}
	c.Flush()
	return errors.Join(err, c.Error())
}

// Cell is a text as it may stand in a CSV file: never a formula (OWASP, "CSV Injection").
func Cell(s string) string {
	if formula(s) {
		return "'" + s
	}
	return s
}

// formula reports whether a spreadsheet might calculate a cell, or run what it names.
func formula(s string) bool {
	return s != "" && strings.ContainsAny(string([]rune(s)[0]), "=+-@|%\t\r\n＝＋－＠")
}
