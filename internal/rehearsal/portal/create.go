package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/web"
)

// passwordPage is the data of password.html.
type passwordPage struct {
	Address  string
	Specials []string
	Min, Max int
	Wrong    string // about the password: a sentence
	Confirm  string // about its confirmation
}

func newPasswordPage(l store.Link) passwordPage {
	return passwordPage{
		Address: l.Address, Specials: strings.Split(strings.TrimSpace(password.Specials), ""),
		Min: password.MinLength, Max: password.MaxLength,
	}
}

// link finds the link the session opened; why is not "" where it is of no use.
func (p *Portal) link(v *visit) (l store.Link, why string, err error) {
	var found bool
	err = p.DB.Read(v.Context(), func(tx *store.Tx) (err error) {
		l, found, err = tx.LinkByID(v.flow.Link)
		return err
	})
	return l, p.useless(l, found), err
}

// opened answers a request that needs an opened link without one; done where it did.
func (p *Portal) opened(v *visit) (l store.Link, done bool, err error) {
	if v.flow.Link == 0 {
		return l, true, v.Redirect("/connexion")
	}
	l, why, err := p.link(v)
	if err == nil && why != "" {
		return l, true, v.RenderStatus(http.StatusGone, "link", linkPage{why})
	}
	return l, err != nil, err
}

func (p *Portal) newPassword(v *visit) error {
	l, done, err := p.opened(v)
	if done {
		return err
	}
	return v.Render("password", newPasswordPage(l))
}

// about is what a person's password must not be made of.
func about(l store.Link) []string { return []string{l.Address, l.Name} }

// sentence says what is wrong with a new password; "": nothing.
func (v *visit) sentence(j password.Verdict) string {
	if j.Fault == password.FaultNone {
		return ""
	}
	var bad []string
	for _, r := range j.Bad {
		bad = append(bad, string(r))
	}
	n := 0
	if j.Fault == password.FaultShort {
		n = password.MinLength - j.Length
	}
	if j.Fault == password.FaultLong {
		n = password.MaxLength
	}
	return v.Say("portal.fault."+string(j.Fault), n, map[string]string{"list": strings.Join(bad, "\u00a0")})
}

// advice judges a password while it is typed. It keeps nothing.
func (p *Portal) advice(v *visit) error {
	l, done, err := p.opened(v)
	if done {
		return err
	}
	j := password.Judge(v.R.PostFormValue("password"), about(l)...)
	v.W.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(v.W).Encode(struct {
		Fault    string `json:"fault"`
		Text     string `json:"text"`
		Strength int    `json:"strength"`
		Says     string `json:"says"`
	}{string(j.Fault), v.sentence(j), j.Strength, v.T(fmt.Sprintf("portal.strength.%d", j.Strength))})
}

func (p *Portal) newPasswordGiven(v *visit) error {
	l, done, err := p.opened(v)
	if done {
		return err
	}
	given := v.R.PostFormValue("password")
	page := newPasswordPage(l)
	page.Wrong = v.sentence(password.Judge(given, about(l)...))
	if page.Wrong == "" && v.R.PostFormValue("confirm") != given {
		page.Confirm = v.T("portal.confirm.differs")
	}
	if page.Wrong != "" || page.Confirm != "" {
		return v.RenderStatus(http.StatusUnprocessableEntity, "password", page)
	}
	if err := p.set(v, l, given); err != nil {
		switch {
		case errors.Is(err, errSpent):
			return v.RenderStatus(http.StatusGone, "link", linkPage{"portal.link.spent"})
		case errors.Is(err, store.ErrAddressTaken):
			return &web.Error{Status: http.StatusConflict, Key: "portal.address.moving", Err: err}
		}
		if busy, ok := errors.AsType[*password.BusyError](err); ok {
			return web.TooMany(busy.After)
		}
		return err
	}
	if err := v.restart(flow{Created: l.Address, Typed: l.Address}); err != nil {
		return err
	}
	return v.moveOn("/mot-de-passe/cree")
}

var errSpent = errors.New("link was used meanwhile")

// set uses the link up and gives its person the password, an account first where there
// is none. It fails with errSpent, store.ErrAddressTaken (the address is on its way to
// an account) or password.ErrBusy, and then nothing has changed.
func (p *Portal) set(v *visit, l store.Link, given string) error {
	ticket, err := p.Hasher.Enter("link " + strconv.FormatInt(l.ID, 10))
	if err != nil {
		return err
	}
	phc, err := ticket.Hash(v.Context(), given)
	if err != nil {
		return err
	}
	err = p.DB.Write(v.Context(), func(tx *store.Tx) error {
		now := p.Now()
		if first, err := tx.UseLink(l, now); err != nil {
			return err
		} else if !first {
			return errSpent
		}
		if err := p.write(tx, l, phc, now); err != nil {
			return err
		}
		m := mail.PasswordMessage(l.Address, now, p.Zone)
		return p.Mails.Enqueue(tx, m, false, now.Add(linkLife))
	})
	if err == nil {
		p.Mails.Wake()
	}
	return err
}

func (p *Portal) write(tx *store.Tx, l store.Link, phc string, now time.Time) error {
	a, found, err := tx.AccountByAddress(l.Address, now)
	if err != nil {
		return err
	}
	if found {
		_, err := tx.SetPassword(a.ID, phc)
		return err
	}
	name := l.Name
	if name == "" {
		name, _, _ = strings.Cut(l.Address, "@")
	}
	in, err := tx.NewInserter()
	if err != nil {
		return err
	}
	return in.Add(store.Account{Sub: people.NewSub(), Name: name, Password: phc}, now, l.Address)
}

// createdPage is the data of created.html.
type createdPage struct{ Address string }

func (p *Portal) created(v *visit) error {
	if v.flow.Created == "" {
		return v.Redirect("/connexion")
	}
	return v.Render("created", createdPage{v.flow.Created})
}
