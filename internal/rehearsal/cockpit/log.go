package cockpit

import (
	"strconv"

	"portillon/internal/rehearsal/store"
)

// logged is how many lines of the log a page lists.
const logged = 100

// logPage is the data of the log's page.
type logPage struct {
	Lines  []line
	Sub    string // of one person alone, or ""
	Person string // their newest name
	Before int64  // the older lines begin here; 0: there are none
}

type line struct {
	store.Entry
	When string
}

// log shows who changed what.
func (c *cockpit) log(v *call) error {
	q := v.R.URL.Query()
	page := logPage{Sub: q.Get("personne")}
	before, err := strconv.ParseInt(q.Get("avant"), 10, 64)
	if err != nil || before < 0 {
		before = 0 // the newest
	}
	err = c.DB.Read(v.Context(), func(tx *store.Tx) error {
		list, err := tx.Audit(page.Sub, before, logged+1)
		for i, e := range list {
			if i == logged {
				page.Before = list[i-1].ID
				break
			}
			page.Lines = append(page.Lines, line{e, e.At.In(c.Zone).Format("02/01/2006 15:04:05")})
		}
		return err
	})
	if err != nil {
		return err
	}
	if page.Sub != "" && len(page.Lines) > 0 {
		page.Person = page.Lines[0].Person
	}
	return v.Render("log", page)
}
