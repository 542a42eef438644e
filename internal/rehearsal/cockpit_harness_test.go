package rehearsal_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"portillon/internal/procedure"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
	"regexp"
	"strings"
	"time"
)

// clerk is a member of staff's browser, without JavaScript.
type clerk struct{ *phone }

func (w *world) stranger() clerk { return clerk{w.phone()} }

// staff signs in as one of the demonstration's.
func (w *world) staff(login string) clerk {
	w.t.Helper()
	for _, d := range people.DemoStaffs() {
		if d.Login == login {
			c := w.stranger()
			if p := c.signIn(login, d.Password); p.status != http.StatusOK || !strings.Contains(p.text(), d.Name) {
				w.t.Fatalf("%s could not sign in: %d %s", login, p.status, p.text())
			}
			return c
		}
	}
	w.t.Fatalf("no such member of staff: %s", login)
	return clerk{}
}

func (c clerk) see(path string) page { c.t.Helper(); return c.get(c.CockpitURL + path) }

var tokenField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// token is the session's, from any page that has a form.
func (c clerk) token() string {
	c.t.Helper()
	m := tokenField.FindStringSubmatch(c.see("/connexion").body)
	if m == nil {
		c.t.Fatal("no token")
	}
	return m[1]
}

func (c clerk) send(path string, kv ...string) page {
	c.t.Helper()
	form := url.Values{"csrf": {c.token()}}
	for i := 0; i < len(kv); i += 2 {
		form.Add(kv[i], kv[i+1])
	}
	return c.post(c.CockpitURL+path, form)
}

func (c clerk) signIn(login, password string) page {
	c.t.Helper()
	return c.send("/connexion", "login", login, "password", password, "retour", "/personnes")
}

// upload sends a file to the import.
func (c clerk) upload(content []byte) page {
	c.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("csrf", c.token()) // into memory
	f, err := m.CreateFormFile("file", "people.csv")
	if err == nil {
		_, err = f.Write(content)
	}
	if err = errorsJoin(err, m.Close()); err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.CockpitURL+"/import", &b)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", m.FormDataContentType())
	return c.do(req)
}

func errorsJoin(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// id finds the account of an address.
func (w *world) id(address string) int64 {
	w.t.Helper()
	var a store.Account
	err := w.DB.Read(w.t.Context(), func(tx *store.Tx) (err error) {
		a, _, err = tx.AccountByAddress(address, w.clock.now())
		return err
	})
	if err != nil || a.ID == 0 {
		w.t.Fatalf("no account (%v)", err)
	}
	return a.ID
}

func (w *world) person(id int64) (p store.Person) {
	w.t.Helper()
	err := w.DB.Read(w.t.Context(), func(tx *store.Tx) (err error) {
		p, _, err = tx.Person(id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// atMinute goes to the m-th minute of the next quarter of an hour.
func (w *world) atMinute(m int) {
	now := w.clock.now()
	w.clock.advance(procedure.NextSlot(now).Add(time.Duration(m) * time.Minute).Sub(now))
}

// accounts counts everybody.
func (w *world) accounts() (n int) {
	w.t.Helper()
	err := w.DB.Read(w.t.Context(), func(tx *store.Tx) (err error) {
		n, err = tx.Accounts()
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
