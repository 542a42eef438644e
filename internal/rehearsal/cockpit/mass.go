package cockpit

import (
	"bytes"
	"net/http"
	"strconv"

	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/web"
)

// maxTicked bounds the rows of one action: more than a page lists.
const maxTicked = 500

// ticked are the people whose rows were ticked; those who are gone meanwhile are left out.
func (c *cockpit) ticked(v *call, tx *store.Tx) (list []store.Person, err error) {
	ids := v.Form()["id"]
	if len(ids) > maxTicked {
		return nil, &web.Error{Status: http.StatusBadRequest, Key: "web.error.request"}
	}
	for _, text := range ids {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, &web.Error{Status: http.StatusBadRequest, Key: "web.error.request", Err: err}
		}
		p, found, err := tx.Person(id)
		if err != nil {
			return nil, err
		}
		if found {
			list = append(list, p)
		}
	}
	return list, nil
}

// toList returns to the list, saying something.
func (v *call) toList(notice string) error {
	v.Notice(notice)
	if w := v.R.PostFormValue("vue"); w != "" && v.Get(keyView+w) != "" {
		return v.Redirect("/personnes?vue=" + w)
	}
	return v.Redirect("/personnes")
}

// export sends the ticked people as a file.
func (c *cockpit) export(v *call) error {
	var list []store.Person
	err := c.DB.Write(v.Context(), func(tx *store.Tx) (err error) {
		if list, err = c.ticked(v, tx); err != nil || len(list) == 0 {
			return err
		}
		log := make([]store.Entry, len(list))
		for i, p := range list {
			log[i] = v.entry("export", p, "", "", "")
		}
		return tx.AddAudit(v.Now(), log...)
	})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return v.toList(v.T("cockpit.mass.nobody"))
	}
	var b bytes.Buffer
	err = people.Export(&b, list, func(c store.Column) string { return v.T("cockpit.column." + string(c)) }, v.exported)
	if err != nil {
		return err
	}
	return v.Download("personnes-"+v.Now().In(c.Zone).Format("2006-01-02-1504")+".csv", "text/csv; charset=utf-8", b.Bytes())
}

// exported is a cell of the file: as the list has it, but what an import reads again.
func (v *call) exported(p store.Person, c store.Column) string {
	if c == store.ColumnExtra {
		return p.ExtraTime
	}
	return v.text(p, c)
}

// extraTime grants or takes away extra time.
func (c *cockpit) extraTime(v *call) error {
	extra := v.R.PostFormValue("extra")
	if extra != "" && extra != people.ExtraThird {
		return &web.Error{Status: http.StatusBadRequest, Key: "web.error.request"}
	}
	var list []store.Person
	changed := 0
	err := c.DB.Write(v.Context(), func(tx *store.Tx) (err error) {
		if list, err = c.ticked(v, tx); err != nil {
			return err
		}
		for _, p := range list {
			did, err := tx.SetExtraTime(p.ID, extra)
			if err != nil {
				return err
			}
			if !did {
				continue
			}
			changed++
			if err := tx.AddAudit(v.Now(), v.entry("update", p, string(store.ColumnExtra), p.ExtraTime, extra)); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(list) == 0:
		return v.toList(v.T("cockpit.mass.nobody"))
	case extra == "":
		return v.toList(v.Say("cockpit.mass.took", changed, nil))
	}
	return v.toList(v.Say("cockpit.mass.gave", changed, nil))
}
