package store

import (
	"database/sql"
	"errors"
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

// word is one word of a question; column is "" where it may begin anywhere.
type word struct {
	column Column
	text   string // folded: letters and digits
}

func (s Search) words() (out []word) {
	for w := range strings.FieldsSeq(Fold(s.Text)) {
		out = append(out, word{"", w})
	}
	for _, c := range indexed() {
		for w := range strings.FieldsSeq(Fold(s.Filters[c])) {
			out = append(out, word{c, w})
		}
	}
	return out
}

// indexed are the columns of the search index, as people_search has them.
func indexed() []Column {
	return []Column{ColumnGiven, ColumnFamily, ColumnBirth, ColumnStudent, ColumnINE, ColumnRPPS, ColumnEmail, ColumnSecondary}
}

// fits is the same question asked of one person, as the engine asks it of its index.
func (p Person) fits(words []word) bool {
	said := p.searched()
	begins := func(text, w string) bool { return strings.HasPrefix(text, w) || strings.Contains(text, " "+w) }
	for _, w := range words {
		found := false
		for i, c := range indexed() {
			found = found || (w.column == "" || w.column == c) && begins(said[i], w.text)
		}
		if !found {
			return false
		}
	}
	return true
}

// where is the condition on accounts a, with its arguments.
func (s Search) where(e engine, words []word) (string, []any) {
	cond, args := []string{"TRUE"}, []any(nil)
	if len(words) > 0 {
		match, arg := e.match(words)
		cond, args = append(cond, e.among("a.id", `SELECT rowid FROM people_search WHERE `+match)), append(args, arg)
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
	words := s.words()
	where, args := s.where(t.engine, words)
	count := `SELECT count(*) FROM accounts a WHERE ` + where
	if s.Filters[ColumnExtra] == "" && len(words) > 0 {
		match, _ := t.engine.match(words)
		count = `SELECT count(*) FROM people_search WHERE ` + match // every row of it is an account's
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
	order = fmt.Sprintf(order, way)
	if len(words) > 0 && total >= manyFound {
		if page, done, err := t.glance(s, words, order); done || err != nil {
			return page, total, err
		}
	}
	query := `SELECT ` + personColumns + ` FROM accounts a WHERE ` + where + ` ORDER BY ` + order + ` LIMIT ? OFFSET ?`
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

// A question that finds manyFound people, such as the first letter of a name, would have
// to sort them all; its first page most often stands among the first glanceRows people in
// the order asked for.
const (
	manyFound  = 4000
	glanceRows = 400
)

var errEnough = errors.New("enough")

// glance looks for a page among the first people of an order; done is false where it is
// not there.
func (t *Tx) glance(s Search, words []word, order string) (page []Person, done bool, err error) {
	skip := s.Offset
	query := `SELECT ` + personColumns + `, coalesce((SELECT ` + t.engine.join("address") + ` FROM addresses
		WHERE account_id = a.id AND address <> a.email AND known_until IS NULL), '') FROM accounts a ORDER BY ` + order + ` LIMIT ?`
	err = t.rows("search people", query, []any{glanceRows}, func(r *sql.Rows) error {
		var p Person
		var more string
		if err := r.Scan(append(p.fields(), &more)...); err != nil {
			return err
		}
		seen := p
		seen.Secondary = []Address{{Text: more}}
		if extra := s.Filters[ColumnExtra]; !seen.fits(words) || extra == NoExtraTime && p.ExtraTime != "" || extra != "" && extra != NoExtraTime && p.ExtraTime != extra {
			return nil
		}
		if skip > 0 {
			skip--
			return nil
		}
		if page = append(page, p); len(page) == s.Limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return page, true, nil
	}
	return nil, false, err
}
