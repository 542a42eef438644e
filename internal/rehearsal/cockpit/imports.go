package cockpit

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"

	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
)

// shownFaults is how many faults of a file the page lists.
const shownFaults = 200

// importPage is the data of the import's page.
type importPage struct {
	Problem string            // why the file as a whole was refused
	Tried   bool              // a file was read: the rest is about it
	ID      string            // under which it waits for the import; "": it has faults
	People  int               // without a fault
	Lines   int               // with one
	Faults  []people.RowError // at most shownFaults
	More    int               // faults not listed
	First   []store.Person    // a glance at the file
	Next    string
}

func (c *cockpit) showImport(v *call) error {
	return v.Render("import", importPage{Next: c.moment(v.Visit, c.next(v.Now()))})
}

// sample is an empty file with the columns.
func (c *cockpit) sample(v *call) error {
	var b bytes.Buffer
	if err := people.Export(&b, nil, func(c store.Column) string { return v.T("cockpit.column." + string(c)) }, nil); err != nil {
		return err
	}
	return v.Download("modele.csv", "text/csv; charset=utf-8", b.Bytes())
}

// tryImport is the dry run: it reads the file, compares it with who is there, and keeps it
// for the import. Nobody is changed.
func (c *cockpit) tryImport(v *call) error {
	content, err := v.File("file")
	if err != nil {
		return err
	}
	refuse := func(problem string) error {
		return v.RenderStatus(http.StatusUnprocessableEntity, "import", importPage{Problem: problem})
	}
	if len(content) == 0 {
		return refuse(v.T("cockpit.import.empty"))
	}
	sheet, err := people.ReadSheet(content, v.Now())
	if problem := v.problem(err); problem != "" {
		return refuse(problem)
	} else if err != nil {
		return err
	}
	var taken []people.RowError
	err = c.DB.Read(v.Context(), func(tx *store.Tx) (err error) {
		taken, err = people.Conflicts(tx, sheet, v.Now())
		return err
	})
	if err != nil {
		return err
	}
	page := report(sheet, taken)
	page.Next = c.moment(v.Visit, c.next(v.Now()))
	if page.Lines > 0 || page.People == 0 {
		return v.RenderStatus(http.StatusUnprocessableEntity, "import", page)
	}
	page.ID = rand.Text()
	err = c.DB.Write(v.Context(), func(tx *store.Tx) error {
		return tx.PutImport(page.ID, v.staff.ID, c.Keys.Seal(content), v.Now())
	})
	if err != nil {
		return err
	}
	return v.Render("import", page)
}

// problem says why a file as a whole cannot be read; "": it can, or the error is another.
func (v *call) problem(err error) string {
	var header *people.HeaderError
	switch {
	case errors.As(err, &header) && header.Unknown != "":
		return v.Say("cockpit.import.unknown", 0, map[string]string{"column": header.Unknown})
	case errors.As(err, &header):
		return v.Say("cockpit.import.missing", 0, map[string]string{"column": v.T("cockpit.column." + string(header.Missing[0]))})
	case errors.Is(err, people.ErrTooManyRows):
		return v.Say("cockpit.import.many", people.MaxRows, nil)
	case errors.Is(err, people.ErrCSV):
		return v.T("cockpit.import.unreadable")
	}
	return ""
}

// report tells what a dry run found.
func report(s people.Sheet, taken []people.RowError) importPage {
	all := append(slices.Clone(s.Faults), taken...)
	slices.SortStableFunc(all, func(a, b people.RowError) int { return cmp.Compare(a.Line, b.Line) })
	lines := map[int]bool{}
	for _, f := range all {
		lines[f.Line] = true
	}
	page := importPage{Tried: true, Lines: len(lines), Faults: all}
	for _, r := range s.Rows {
		if !lines[r.Line] {
			page.People++
			if len(page.First) < 5 {
				page.First = append(page.First, r.Person)
			}
		}
	}
	if len(all) > shownFaults {
		page.Faults, page.More = all[:shownFaults], len(all)-shownFaults
	}
	return page
}

// errFaults: what was fine in the dry run is so no longer.
var errFaults = errors.New("the file has faults now")

// doImport imports the file of a dry run: everybody in it, or nobody.
func (c *cockpit) doImport(v *call) error {
	now := v.Now()
	at := c.next(now)
	var sheet people.Sheet
	var taken []people.RowError
	err := c.DB.Write(v.Context(), func(tx *store.Tx) error {
		id := v.R.PostFormValue("import")
		sealed, found, err := tx.Import(id, v.staff.ID, now)
		if err != nil || !found {
			return err
		}
		content, err := c.Keys.Open(sealed)
		if err != nil {
			return err
		}
		if sheet, err = people.ReadSheet(content, now); err != nil {
			return err
		}
		if taken, err = people.Conflicts(tx, sheet, now); err != nil {
			return err
		}
		if len(taken)+len(sheet.Faults) > 0 {
			return errFaults
		}
		in, err := tx.NewInserter()
		if err != nil {
			return err
		}
		for _, row := range sheet.Rows {
			row.Person.Sub = people.NewSub()
			if _, err := in.AddPerson(row.Person, store.Account{}, now, at); err != nil {
				return err
			}
			if err := tx.AddAudit(now, v.entry("import", row.Person, "", "", row.Person.Email)); err != nil {
				return err
			}
		}
		return tx.DeleteImport(id)
	})
	switch {
	case errors.Is(err, errFaults):
		return v.RenderStatus(http.StatusConflict, "import", report(sheet, taken))
	case err != nil:
		return err
	case len(sheet.Rows) == 0:
		return v.RenderStatus(http.StatusUnprocessableEntity, "import", importPage{Problem: v.T("cockpit.import.gone")})
	}
	v.Notice(v.Say("cockpit.import.done", len(sheet.Rows), map[string]string{"time": c.moment(v.Visit, at)}))
	return v.Redirect("/personnes")
}
