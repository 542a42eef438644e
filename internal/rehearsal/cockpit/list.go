package cockpit

import (
	"crypto/rand"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"portillon/internal/rehearsal/store"
)

// sizes are how many people a page may list; the first is the default.
func sizes() []int { return []int{25, 50, 100, 200} }

// usual are the columns shown to begin with.
func usual() []store.Column {
	return []store.Column{store.ColumnGiven, store.ColumnFamily, store.ColumnStudent, store.ColumnEmail, store.ColumnExtra}
}

// view is one look at the list: what was searched for, and how it is shown. It is kept in
// the session under an ID, and the ID is what the page's address holds: no name and no
// e-mail address ends up in a browser's history.
type view struct {
	ID      string
	Text    string
	Filters map[store.Column]string
	Sort    store.Column
	Down    bool
	Page    int // from 1
	Size    int
	Columns []store.Column
}

// maxText bounds what is searched for, in bytes.
const maxText = 200

// viewOf reads a view from a form or from what the session kept. What is not understood
// is left out.
func viewOf(q url.Values) view {
	w := view{Text: cut(q.Get("q")), Filters: map[store.Column]string{}, Sort: store.ColumnFamily, Page: 1, Size: sizes()[0]}
	for _, c := range store.Columns() {
		if text := cut(q.Get("f." + string(c))); text != "" {
			w.Filters[c] = text
		}
		if slices.Contains(q["col"], string(c)) {
			w.Columns = append(w.Columns, c)
		}
	}
	if w.Columns == nil {
		w.Columns = usual()
	}
	for c := range w.Filters {
		if !slices.Contains(w.Columns, c) { // a filter that nobody sees finds nothing anybody understands
			delete(w.Filters, c)
		}
	}
	w.arrange(q)
	return w
}

// arrange reads how the list is sorted and which page of it is shown.
func (w *view) arrange(q url.Values) {
	if c := store.Column(q.Get("sort")); slices.Contains(store.Columns(), c) && c.Sorts() {
		w.Sort, w.Down = c, q.Get("down") == "1"
	}
	// A button of the table's head: COLUMN, the other way round where it sorts already.
	if c := store.Column(q.Get("by")); slices.Contains(store.Columns(), c) && c.Sorts() {
		w.Down = c == w.Sort && !w.Down
		w.Sort = c
	}
	if n, err := strconv.Atoi(q.Get("size")); err == nil && slices.Contains(sizes(), n) {
		w.Size = n
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 {
		w.Page = n
	}
}

func cut(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "")
}

// encode is the view as viewOf reads it.
func (w view) encode() string {
	q := url.Values{"q": {w.Text}, "sort": {string(w.Sort)}, "size": {strconv.Itoa(w.Size)}, "page": {strconv.Itoa(w.Page)}}
	for c, text := range w.Filters {
		q.Set("f."+string(c), text)
	}
	if w.Down {
		q.Set("down", "1")
	}
	for _, c := range w.Columns {
		q.Add("col", string(c))
	}
	return q.Encode()
}

func (w view) question() store.Search {
	return store.Search{Text: w.Text, Filters: w.Filters, Sort: w.Sort, Down: w.Down, Offset: (w.Page - 1) * w.Size, Limit: w.Size}
}

// maxViews is how many views a session keeps: one a tab.
const maxViews = 8

const (
	keyViews = "views" // IDs, newest first
	keyView  = "view." // + ID
)

// keep keeps a view in the session, and forgets the oldest.
func (v *call) keep(w *view) {
	ids := strings.Fields(v.Get(keyViews))
	if !slices.Contains(ids, w.ID) {
		w.ID = rand.Text()[:10]
	}
	ids = append([]string{w.ID}, slices.DeleteFunc(ids, func(id string) bool { return id == w.ID })...)
	for len(ids) > maxViews {
		v.Pop(keyView + ids[len(ids)-1])
		ids = ids[:len(ids)-1]
	}
	v.Put(keyViews, strings.Join(ids, " "))
	v.Put(keyView+w.ID, w.encode())
}

// kept is the view of an ID, or the one to begin with.
func (v *call) kept(id string) view {
	q, err := url.ParseQuery(v.Get(keyView + id))
	if err != nil || id == "" || len(q) == 0 {
		return viewOf(nil)
	}
	w := viewOf(q)
	w.ID = id
	return w
}

// search keeps what was asked for and shows it: by a redirect, so that coming back to the
// list asks nothing twice.
func (c *cockpit) search(v *call) error {
	w := viewOf(v.Form())
	w.ID = v.R.PostFormValue("vue")
	old := v.kept(w.ID)
	if old.Text != w.Text || old.encodeFilters() != w.encodeFilters() || old.Size != w.Size {
		w.Page = 1 // another question begins at its beginning
	}
	v.keep(&w)
	return v.Redirect("/personnes?vue=" + w.ID)
}

func (w view) encodeFilters() string {
	q := url.Values{}
	for c, text := range w.Filters {
		q.Set(string(c), text)
	}
	return q.Encode()
}

// listPage is the data of the list.
type listPage struct {
	view
	Heads    []head
	People   []row
	Total    int
	From, To int
	Pages    int
	Sizes    []int
	All      []head // for the menu of columns
	Filtered bool
}

type head struct {
	Column       store.Column
	Shown, Sorts bool
	Sorted, Down bool
	Filter       string
	Extra        bool
}

type row struct {
	store.Person
	Cells []cell
}

type cell struct {
	Column store.Column
	Text   string
	Tag    bool
	// Addresses are what Text says, where they are addresses.
	Addresses []string
}

// Previous and Next are the neighbouring pages, 0: none.
func (p listPage) Previous() int { return p.Page - 1 }

// Next is the page after this one, 0: none.
func (p listPage) Next() int {
	if p.Page >= p.Pages {
		return 0
	}
	return p.Page + 1
}

func (c *cockpit) list(v *call) error {
	w := v.kept(v.R.URL.Query().Get("vue"))
	var p listPage
	err := c.DB.Read(v.Context(), func(tx *store.Tx) error {
		people, total, err := tx.SearchPeople(w.question())
		if err == nil && len(people) == 0 && total > 0 { // the page is beyond the end
			w.Page = int(math.Ceil(float64(total) / float64(w.Size)))
			people, total, err = tx.SearchPeople(w.question())
		}
		if err != nil {
			return err
		}
		p.Total = total
		for _, person := range people {
			if slices.Contains(w.Columns, store.ColumnSecondary) {
				if person, _, err = tx.Person(person.ID); err != nil {
					return err
				}
			}
			p.People = append(p.People, v.row(person, w.Columns))
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.view, p.Sizes = w, sizes()
	p.Filtered = w.Text != "" || len(w.Filters) > 0
	p.Pages = max(1, int(math.Ceil(float64(p.Total)/float64(w.Size))))
	if len(p.People) > 0 {
		p.From, p.To = (w.Page-1)*w.Size+1, (w.Page-1)*w.Size+len(p.People)
	}
	for _, col := range store.Columns() {
		h := head{
			Column: col, Shown: slices.Contains(w.Columns, col), Sorts: col.Sorts(), Sorted: col == w.Sort,
			Down: w.Down, Filter: w.Filters[col], Extra: col == store.ColumnExtra,
		}
		p.All = append(p.All, h)
		if h.Shown {
			p.Heads = append(p.Heads, h)
		}
	}
	return v.RenderStatus(http.StatusOK, "list", p)
}

// row is a person as the shown columns have them.
func (v *call) row(p store.Person, columns []store.Column) row {
	r := row{Person: p}
	for _, c := range columns {
		r.Cells = append(r.Cells, cell{c, v.text(p, c), c == store.ColumnExtra, addresses(p, c)})
	}
	return r
}

// text is what a column says of a person.
func (v *call) text(p store.Person, c store.Column) string {
	switch c {
	case store.ColumnGiven:
		return p.Given
	case store.ColumnFamily:
		return p.Family
	case store.ColumnBirth:
		return store.BirthText(p.Birth)
	case store.ColumnStudent:
		return p.StudentNumber
	case store.ColumnINE:
		return p.INE
	case store.ColumnRPPS:
		return p.RPPS
	case store.ColumnEmail:
		return p.Email
	case store.ColumnExtra:
		if p.ExtraTime == "" {
			return ""
		}
		return v.T("cockpit.extra.third")
	case store.ColumnSecondary:
		return strings.Join(addresses(p, c), ", ")
	}
	return ""
}

// addresses are those a column has; nil: it has none.
func addresses(p store.Person, c store.Column) (all []string) {
	if c == store.ColumnEmail {
		return []string{p.Email}
	}
	for _, a := range p.Secondary {
		if c == store.ColumnSecondary && a.Until.IsZero() {
			all = append(all, a.Text)
		}
	}
	return all
}
