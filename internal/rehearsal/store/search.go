package store

import (
	"database/sql"
	"fmt"
	"strings"
)

// Column names a column of the list of people.
type Column string

// The columns.
const (
	ColumnGiven     Column = "given"
	ColumnFamily    Column = "family"
	ColumnBirth     Column = "birth"
	ColumnStudent   Column = "student"
	ColumnINE       Column = "ine"
	ColumnRPPS      Column = "rpps"
	ColumnEmail     Column = "email"
	ColumnSecondary Column = "secondary"
	ColumnExtra     Column = "extra" // filtered by value, "1/3" or "none"
)

// Columns lists them as the cockpit does.
func Columns() []Column {
	return []Column{ColumnGiven, ColumnFamily, ColumnBirth, ColumnStudent, ColumnINE, ColumnRPPS, ColumnEmail, ColumnExtra, ColumnSecondary}
}

// NoExtraTime is the filter of ColumnExtra for those who have none.
const NoExtraTime = "none"

// order is how a column sorts; "": it does not.
func (c Column) order() string {
	switch c {
	case ColumnGiven:
		return "a.given_key %[1]s, a.family_key %[1]s, a.id %[1]s"
	case ColumnFamily:
		return "a.family_key %[1]s, a.given_key %[1]s, a.id %[1]s"
	case ColumnBirth:
		return "a.birth_date %[1]s, a.family_key %[1]s, a.id %[1]s"
	case ColumnStudent:
		return "a.student_number %[1]s, a.family_key %[1]s, a.id %[1]s"
	case ColumnINE:
		return "a.ine %[1]s, a.family_key %[1]s, a.id %[1]s"
	case ColumnRPPS:
		return "a.rpps %[1]s, a.family_key %[1]s, a.id %[1]s"
	case ColumnEmail:
		return "a.email %[1]s, a.family_key %[1]s, a.id %[1]s"
	case ColumnExtra:
		return "a.extra_time %[1]s, a.family_key %[1]s, a.id %[1]s"
	case ColumnSecondary:
	}
	return ""
}

// Sorts reports whether people can be sorted by the column.
func (c Column) Sorts() bool { return c.order() != "" }

// Search is a question to the list of people. The zero value lists all, by family name.
type Search struct {
	Text    string            // words that begin somewhere in a person, in any order
	Filters map[Column]string // the same, each within its column
	Sort    Column
	Down    bool
	Offset  int
	Limit   int // 0: none are listed, only counted
}

// match is the question in FTS5's language, "" for everybody. Every word was folded to
// letters and digits and is quoted: nothing of the question is syntax.
func (s Search) match() string {
	var all []string
	add := func(prefix, text string) {
		for w := range strings.FieldsSeq(Fold(text)) {
			all = append(all, prefix+`"`+w+`" *`)
		}
	}
	add("", s.Text)
	for _, c := range Columns() {
		if c != ColumnExtra {
			add(string(c)+" : ", s.Filters[c])
		}
	}
	return strings.Join(all, " AND ")
}

// where is the condition on accounts a, with its arguments.
func (s Search) where() (string, []any) {
	cond, args := []string{"1"}, []any(nil)
	if m := s.match(); m != "" {
		cond, args = append(cond, `a.id IN (SELECT rowid FROM people_search WHERE people_search MATCH ?)`), append(args, m)
	}
	switch s.Filters[ColumnExtra] {
	case "":
	case NoExtraTime:
		cond = append(cond, `a.extra_time = ''`)
	default:
		cond, args = append(cond, `a.extra_time = ?`), append(args, s.Filters[ColumnExtra])
	}
	return strings.Join(cond, " AND "), args
}

// SearchPeople lists one page of the people a question finds, without their secondary
// addresses, and counts them all.
func (t *Tx) SearchPeople(s Search) (page []Person, total int, err error) {
	where, args := s.where()
	count := `SELECT count(*) FROM accounts a WHERE ` + where
	if s.Filters[ColumnExtra] == "" && s.match() != "" {
		count = `SELECT count(*) FROM people_search WHERE people_search MATCH ?` // every row of it is an account's
	}
	if _, err := t.row("count people", count, args, &total); err != nil || s.Limit == 0 {
		return nil, total, err
	}
	order := s.Sort.order()
	if order == "" {
		order = ColumnFamily.order()
	}
	way := "ASC"
	if s.Down {
		way = "DESC"
	}
	query := `SELECT ` + personColumns + ` FROM accounts a WHERE ` + where + ` ORDER BY ` + fmt.Sprintf(order, way) + ` LIMIT ? OFFSET ?`
	err = t.rows("search people", query, append(args, s.Limit, s.Offset), func(r *sql.Rows) error {
		var p Person
		if err := r.Scan(p.fields()...); err != nil {
			return err
		}
		page = append(page, p)
		return nil
	})
	return page, total, err
}
