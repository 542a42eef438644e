package cockpit

import (
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/web"
)

// personPage is the data of a person's page.
type personPage struct {
	store.Person                         // as the form shows it, mistakes included
	Title        string                  // the name that is saved
	Birth        string                  // as people write it
	Faults       map[string]people.Fault // by column, and "new" for the address to add
	New          string                  // the address to add, as typed
	Primary      address
	Leaving      []address // primary addresses that the login still knows
	Addresses    []address // secondary ones
	Next         string    // when a change takes effect
	View         string    // the list to go back to
	Changed      bool      // somebody else changed the person meanwhile
	BirthHint    string
}

// address is one address and what the login knows of it.
type address struct {
	Text  string
	From  string // when the login will know it; "": it does
	Until string // when the login will forget it; "": it stays
}

// find is the person a request is about; NotFound where there is none.
func (c *cockpit) find(v *call, tx *store.Tx) (store.Person, error) {
	id, err := strconv.ParseInt(v.R.PathValue("id"), 10, 64)
	if err != nil {
		return store.Person{}, web.NotFound
	}
	p, found, err := tx.Person(id)
	if err == nil && !found {
		err = web.NotFound
	}
	return p, err
}

func (c *cockpit) showPerson(v *call) error {
	var p store.Person
	err := c.DB.Read(v.Context(), func(tx *store.Tx) (err error) {
		p, err = c.find(v, tx)
		return err
	})
	if err != nil {
		return err
	}
	return c.renderPerson(v, http.StatusOK, p, personPage{Person: p, Birth: store.BirthText(p.Birth)})
}

// renderPerson shows page over the saved person p: page's own fields are what the form
// holds.
func (c *cockpit) renderPerson(v *call, status int, p store.Person, page personPage) error {
	now := v.Now()
	page.Title, page.ID, page.Sub, page.Configured = p.Name(), p.ID, p.Sub, p.Configured
	page.Next = c.moment(v.Visit, c.next(now))
	page.BirthHint = v.T("cockpit.birth.hint")
	page.View = v.R.FormValue("vue")
	all, err := c.addresses(v, p)
	if err != nil {
		return err
	}
	for _, a := range all {
		shown := address{Text: a.Text}
		if a.From.After(now) {
			shown.From = c.moment(v.Visit, a.From)
		}
		if !a.Until.IsZero() {
			if !a.Until.After(now) {
				continue // forgotten
			}
			shown.Until = c.moment(v.Visit, a.Until)
		}
		switch {
		case a.Text == p.Email:
			page.Primary = shown
		case a.Primary:
			page.Leaving = append(page.Leaving, shown)
		default:
			page.Addresses = append(page.Addresses, shown)
		}
	}
	return v.RenderStatus(status, "person", page)
}

func (c *cockpit) addresses(v *call, p store.Person) (all []store.Address, err error) {
	err = c.DB.Read(v.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Addresses(p.ID)
		return err
	})
	return all, err
}

// updatePerson is «Mettre à jour les informations».
func (c *cockpit) updatePerson(v *call) error {
	f := v.R.PostFormValue
	revision, err := strconv.ParseInt(f("revision"), 10, 64)
	if err != nil {
		return &web.Error{Status: http.StatusBadRequest, Key: "web.error.request", Err: err}
	}
	typed := store.Person{
		Given: f("given"), Family: f("family"), Birth: f("birth"), StudentNumber: f("student"), INE: f("ine"), RPPS: f("rpps"),
		Email: f("email"), ExtraTime: f("extra"), Revision: revision,
	}
	clean, faults := people.Check(typed, v.Now())
	var saved store.Person
	var at time.Time
	err = c.DB.Write(v.Context(), func(tx *store.Tx) (err error) {
		if saved, err = c.find(v, tx); err != nil || len(faults) > 0 {
			return err
		}
		clean.ID, clean.Sub = saved.ID, saved.Sub
		at, err = c.savePerson(v, tx, saved, clean)
		return err
	})
	page := personPage{Person: typed, Birth: typed.Birth, Faults: map[string]people.Fault{}}
	column, fault := faultOf(err, store.ColumnEmail)
	switch {
	case errors.Is(err, store.ErrChanged):
		page.Changed = true
		return c.renderPerson(v, http.StatusConflict, saved, page)
	case fault != "":
		faults[column] = fault
	case err != nil:
		return err
	}
	if len(faults) > 0 {
		for column, fault := range faults {
			page.Faults[string(column)] = fault
		}
		return c.renderPerson(v, http.StatusUnprocessableEntity, saved, page)
	}
	if at.IsZero() {
		v.Notice(v.T("cockpit.person.saved"))
	} else {
		v.Notice(v.Say("cockpit.person.saved.at", 0, map[string]string{"time": c.moment(v.Visit, at)}))
	}
	return v.back(saved.ID)
}

// savePerson writes what changed, with a line of the log for each field, and says when the
// login will know a new address; zero: nothing has to wait.
func (c *cockpit) savePerson(v *call, tx *store.Tx, old, p store.Person) (at time.Time, err error) {
	var log []store.Entry
	for _, change := range []struct {
		c             store.Column
		before, after string
	}{
		{store.ColumnGiven, old.Given, p.Given},
		{store.ColumnFamily, old.Family, p.Family},
		{store.ColumnBirth, old.Birth, p.Birth},
		{store.ColumnStudent, old.StudentNumber, p.StudentNumber},
		{store.ColumnINE, old.INE, p.INE},
		{store.ColumnRPPS, old.RPPS, p.RPPS},
		{store.ColumnEmail, old.Email, p.Email},
		{store.ColumnExtra, old.ExtraTime, p.ExtraTime},
	} {
		if change.before != change.after {
			log = append(log, v.entry("update", old, string(change.c), change.before, change.after))
		}
	}
	if len(log) == 0 {
		return at, nil
	}
	if err := tx.UpdatePerson(p); err != nil {
		return at, err
	}
	if old.Email != p.Email {
		at = c.next(v.Now())
		if err := tx.SetEmail(p.ID, p.Email, v.Now(), at); err != nil {
			return at, err
		}
	}
	return at, tx.AddAudit(v.Now(), log...)
}

// entry is a line of the log about a person.
func (v *call) entry(action string, p store.Person, field, before, after string) store.Entry {
	return store.Entry{Actor: v.staff.Login, Action: action, Sub: p.Sub, Person: p.Name(), Field: field, Before: before, After: after}
}

// faultOf makes of a refusal of the store a fault of a field; "" of anything else.
func faultOf(err error, address store.Column) (store.Column, people.Fault) {
	switch {
	case errors.Is(err, store.ErrAddressTaken):
		return address, people.FaultTaken
	case errors.Is(err, store.ErrAddressLeaving):
		return address, people.FaultLeaving
	case errors.Is(err, store.ErrINETaken):
		return store.ColumnINE, people.FaultNumber
	case errors.Is(err, store.ErrRPPSTaken):
		return store.ColumnRPPS, people.FaultNumber
	}
	return "", ""
}

// addAddress attaches a secondary address.
func (c *cockpit) addAddress(v *call) error {
	typed := v.R.PostFormValue("address")
	text, fault := people.CheckAddress(typed)
	var p store.Person
	at := c.next(v.Now())
	err := c.DB.Write(v.Context(), func(tx *store.Tx) (err error) {
		if p, err = c.find(v, tx); err != nil || fault != "" {
			return err
		}
		if err := tx.AddAddress(p.ID, text, v.Now(), at); err != nil {
			return err
		}
		return tx.AddAudit(v.Now(), v.entry("address.add", p, string(store.ColumnSecondary), "", text))
	})
	if _, f := faultOf(err, store.ColumnSecondary); f != "" {
		fault = f
	} else if err != nil {
		return err
	}
	if fault != "" {
		return c.renderPerson(v, http.StatusUnprocessableEntity, p, personPage{
			Person: p, Birth: store.BirthText(p.Birth), New: typed, Faults: map[string]people.Fault{"new": fault},
		})
	}
	v.Notice(v.Say("cockpit.address.added", 0, map[string]string{"time": c.moment(v.Visit, at)}))
	return v.back(p.ID)
}

// removeAddress is «Supprimer».
func (c *cockpit) removeAddress(v *call) error {
	var p store.Person
	at := c.next(v.Now())
	known := false
	err := c.DB.Write(v.Context(), func(tx *store.Tx) (err error) {
		if p, err = c.find(v, tx); err != nil {
			return err
		}
		text := store.Normalise(v.R.PostFormValue("address"))
		for _, a := range p.Secondary {
			known = known || a.Text == text && !a.From.After(v.Now())
		}
		found, err := tx.RemoveAddress(p.ID, text, v.Now(), at)
		if err != nil || !found {
			return err
		}
		return tx.AddAudit(v.Now(), v.entry("address.remove", p, string(store.ColumnSecondary), text, ""))
	})
	if err != nil {
		return err
	}
	if known {
		v.Notice(v.Say("cockpit.address.removed", 0, map[string]string{"time": c.moment(v.Visit, at)}))
	} else {
		v.Notice(v.T("cockpit.address.removed.now"))
	}
	return v.back(p.ID)
}

// back returns to a person's page.
func (v *call) back(id int64) error {
	to := "/personnes/" + strconv.FormatInt(id, 10)
	if w := v.R.PostFormValue("vue"); w != "" && v.Get(keyView+w) != "" {
		to += "?vue=" + w
	}
	return v.Redirect(to)
}

// field is an input of the person's form.
type field struct {
	Name, Value, Mode, Hint string
	Required, May           bool
	Fault                   people.Fault
}

// funcs are what the cockpit's pages may call.
func funcs() template.FuncMap {
	return template.FuncMap{
		"field": func(p personPage, name, value string, required, may bool, mode string) field {
			f := field{Name: name, Value: value, Required: required, May: may, Fault: p.Faults[name]}
			if mode != "off" {
				f.Mode = mode
			}
			if name == string(store.ColumnBirth) {
				f.Hint = p.BirthHint
			}
			return f
		},
	}
}
