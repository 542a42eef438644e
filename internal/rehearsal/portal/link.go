package portal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/store"
)

// newSecret draws a link's secret, 256 bits, and the hash by which it is found.
func newSecret() (text string, hash []byte) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	text = base64.RawURLEncoding.EncodeToString(raw)
	return text, hashOf(text)
}

// hashOf: 256 random bits need no salt.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// sendLink mails a link to the address the university asserted, or says how long to
// wait before another may be asked for.
func (p *Portal) sendLink(v *visit) (wait time.Duration, err error) {
	to := v.flow.Proven
	secret, hash := newSecret()
	err = p.DB.Write(v.Context(), func(tx *store.Tx) error {
		now := p.Now()
		n, last, err := tx.Links(to.Address, now.Add(-linkLife))
		if err != nil {
			return err
		}
		if wait = last.Add(linkResend).Sub(now); n > 0 && wait > 0 {
			return nil
		}
		if wait = 0; n >= linkMost {
			wait = last.Add(linkLife).Sub(now)
			return nil
		}
		l := store.Link{Address: to.Address, Name: to.Name, CreatedAt: now, ExpiresAt: now.Add(linkLife)}
		if err := tx.InsertLink(&l, hash); err != nil {
			return err
		}
		m := mail.LinkMessage(to.Address, p.URL+"/lien/"+secret, l.ExpiresAt, p.Zone)
		return p.Mails.Enqueue(tx, m, false, l.ExpiresAt)
	})
	if err == nil && wait == 0 {
		p.Mails.Wake()
	}
	return wait, err
}

// sentPage is the data of sent.html.
type sentPage struct {
	Address, Typed string
	University     string // ID
	Other          bool   // the address is not the one that was typed
	Again          bool   // another link was sent
	Wait           wrong
}

func (v *visit) sentPage() sentPage {
	return sentPage{
		Address: v.flow.Proven.Address, Typed: v.flow.Typed, University: v.flow.Proven.University,
		Other: v.flow.Typed != "" && store.Normalise(v.flow.Typed) != store.Normalise(v.flow.Proven.Address),
	}
}

// proved reports whether the university's answer is fresh enough to act on.
func (v *visit) proved() bool {
	return v.flow.Proven.Address != "" && v.p.Now().Sub(v.flow.Proven.At) <= provenLife
}

func (p *Portal) linkSent(v *visit) error {
	if v.flow.Proven.Address == "" {
		return v.Redirect("/connexion")
	}
	return v.Render("sent", v.sentPage())
}

// linkAgain mails one more link. The earlier ones stay as good as they were.
func (p *Portal) linkAgain(v *visit) error {
	if !v.proved() {
		return v.Redirect("/universite")
	}
	wait, err := p.sendLink(v)
	if err != nil {
		return err
	}
	page := v.sentPage()
	if wait > 0 {
		page.Wait = waiting(wait)
		return v.RenderStatus(http.StatusTooManyRequests, "sent", page)
	}
	page.Again = true
	return v.Render("sent", page)
}

// linkOpened takes the secret out of the address bar. It uses nothing up.
func (p *Portal) linkOpened(v *visit) error {
	var l store.Link
	var found bool
	err := p.DB.Read(v.Context(), func(tx *store.Tx) (err error) {
		l, found, err = tx.LinkByHash(hashOf(v.R.PathValue("secret")))
		return err
	})
	if err != nil {
		return err
	}
	if why := p.useless(l, found); why != "" {
		return v.RenderStatus(http.StatusGone, "link", linkPage{why})
	}
	if err := v.restart(flow{Link: l.ID}); err != nil {
		return err
	}
	return v.moveOn("/mot-de-passe")
}

// linkPage is the data of link.html.
type linkPage struct{ Key string }

// useless names why a link creates no password, "" where it does.
func (p *Portal) useless(l store.Link, found bool) string {
	switch {
	case !found:
		return "portal.link.unknown"
	case l.Spent():
		return "portal.link.spent"
	case !p.Now().Before(l.ExpiresAt):
		return "portal.link.expired"
	}
	return ""
}
