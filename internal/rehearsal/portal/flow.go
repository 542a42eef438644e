package portal

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"portillon/internal/rehearsal/store"
	"portillon/internal/rehearsal/university"
	"portillon/internal/rehearsal/web"
)

const keyFlow = "portal.flow"

// flow is what a browser's session remembers on the way through the portal.
type flow struct {
	Holder string `json:"h,omitempty"` // names the session to oauth.Inside

	Typed  string    `json:"t,omitempty"` // the e-mail, as typed
	Login  string    `json:"l,omitempty"` // auth_session: "" where no login is under way
	Code   codeState `json:"c,omitzero"`
	Chosen string    `json:"u,omitempty"` // a university that is to be confirmed

	Attempt university.Attempt `json:"a,omitzero"`
	Proven  proven             `json:"p,omitzero"`
	Link    int64              `json:"k,omitempty"` // opened, to create a password with
	Created string             `json:"d,omitempty"` // the address whose password was just created

	Account int64  `json:"s,omitempty"` // signed in; 0: nobody
	Stamp   []byte `json:"m,omitempty"` // of the password at that moment
}

// codeState is the code that was mailed last.
type codeState struct {
	Target  string    `json:"t,omitempty"` // masked
	Expires time.Time `json:"e,omitzero"`  // as told to the student
	Resend  time.Time `json:"r,omitzero"`
	Minutes int       `json:"m,omitempty"`
}

// proven is what the university asserted.
type proven struct {
	Address    string    `json:"a,omitempty"`
	Name       string    `json:"n,omitempty"`
	University string    `json:"u,omitempty"` // ID
	At         time.Time `json:"t,omitzero"`
}

// visit is a request with what its session remembers.
type visit struct {
	*web.Visit
	p    *Portal
	flow flow
}

// with opens the session's flow and finds who is signed in.
func (p *Portal) with(h func(*visit) error) web.Handler {
	return func(wv *web.Visit) error {
		v := &visit{Visit: wv, p: p}
		if sealed, err := base64.RawStdEncoding.DecodeString(v.Get(keyFlow)); err == nil && len(sealed) > 0 {
			plain, err := p.Keys.Open(sealed)
			if err == nil {
				err = json.Unmarshal(plain, &v.flow)
			}
			if err != nil {
				v.flow = flow{} // keys have been changed since: begin again
			}
		}
		if err := v.whoIsIn(); err != nil {
			return err
		}
		return h(v)
	}
}

// keep stores what the session is to remember. It is called before the answer is
// written.
func (v *visit) keep() error {
	plain, err := json.Marshal(v.flow)
	if err != nil {
		return fmt.Errorf("portal session: %w", err)
	}
	v.Put(keyFlow, base64.RawStdEncoding.EncodeToString(v.p.Keys.Seal(plain)))
	return nil
}

// moveOn keeps the session and leads to another page.
func (v *visit) moveOn(to string) error {
	if err := v.keep(); err != nil {
		return err
	}
	return v.Redirect(to)
}

// restart begins the flow anew under a new session token, with nothing but f: whoever
// planted the old token, or left something in the session, has no part in it.
func (v *visit) restart(f flow) error {
	v.flow = f
	return v.Renew()
}

func (v *visit) holder() string {
	if v.flow.Holder == "" {
		v.flow.Holder = rand.Text() + rand.Text()
	}
	return v.flow.Holder
}

// whoIsIn names the person signed in; a password changed meanwhile signs out.
func (v *visit) whoIsIn() error {
	if v.flow.Account == 0 {
		return nil
	}
	a, found, err := v.p.accountByID(v, v.flow.Account)
	if err != nil {
		return err
	}
	if !found || subtle.ConstantTimeCompare(v.p.stamp(a), v.flow.Stamp) != 1 {
		v.flow = flow{}
		return v.keep()
	}
	v.Identify(a.Name)
	return nil
}

// stamp changes with the account's password and tells nothing of it.
func (p *Portal) stamp(a store.Account) []byte {
	return p.Keys.MAC("portal session", []byte(a.Sub), []byte(a.Password))
}

func (p *Portal) accountByID(v *visit, id int64) (a store.Account, found bool, err error) {
	err = p.DB.Read(v.Context(), func(tx *store.Tx) (err error) {
		a, found, err = tx.AccountByID(id)
		return err
	})
	return a, found, err
}
