package rehearsal_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPortalLinkOfAnother: a link sets the password of the address it was mailed to,
// whoever is signed in, and nobody gets one without its secret.
func TestPortalLinkOfAnother(t *testing.T) {
	w := start(t)
	ph := w.phone()
	ph.university(lea, "lmoreau")
	link := ph.links(lea, 1)[0]
	ph.get("/mot-de-passe").at("/connexion", 200) // having asked is not having read the mail

	other := w.phone()
	other.identify(camille).submit("/connexion/mot-de-passe", "password", camillePassword).at("/compte", 200)
	before := w.account(t, camille).Password
	p := other.get(link).at("/mot-de-passe", 200).says(lea)
	if strings.Contains(p.text(), "Camille") {
		t.Error("another's name stays on the page")
	}
	p.submit("/mot-de-passe", "password", newPassword, "confirm", newPassword, "address", camille, "username", camille).at("/mot-de-passe/cree", 200)
	if w.account(t, camille).Password != before || w.account(t, lea).Password == "" {
		t.Error("the wrong account's password")
	}
	for _, guess := range []string{"", "a", strings.Repeat("A", 43), path.Base(link) + "A", strings.ToLower(path.Base(link))} {
		if p := w.phone().get("/lien/" + guess); p.status != http.StatusGone && p.status != http.StatusNotFound {
			t.Errorf("%q: %d", guess, p.status)
		}
	}
}

// TestPortalForgedReturn: an answer of the university counts in the browser it was
// asked from, once. (What the university signs is judged in package university.)
func TestPortalForgedReturn(t *testing.T) {
	w := start(t)
	attacker, victim := w.phone(), w.phone()
	var returned string
	attacker.web.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.Contains(r.URL.Path, "/universite/retour/") {
			returned = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	attacker.university(lea, "lmoreau")
	if returned == "" {
		t.Fatal("the university sent nobody back")
	}
	victim.identify(camille)
	victim.get(returned).at("/universite/retour/demonstration", 400).says("n’a pas pu être vérifiée")
	// The victim's own attempt does not take the attacker's answer either, and is over.
	victim.get("/universite").submit("/universite", "university", "demonstration")
	victim.get(returned).at("/universite/retour/demonstration", 400)
	attacker.web.CheckRedirect = nil
	at, err := url.Parse(returned)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(url.Values){
		func(q url.Values) { q.Set("state", "x") }, func(q url.Values) { q.Set("iss", "https://evil.example") },
	} {
		u, q := *at, at.Query()
		change(q)
		u.RawQuery = q.Encode()
		ph := w.phone()
		ph.identify(lea)
		ph.get("/universite").submit("/universite", "university", "demonstration")
		ph.get(u.String()).at("/universite/retour/demonstration", 400)
	}
	attacker.get(returned).at("/lien-envoye", 200)
	attacker.get(returned).at("/universite/retour/demonstration", 400)
	if n := len(attacker.links(lea, 1)); n != 1 {
		t.Errorf("%d links", n)
	}
	if links := linkLine.FindAllString(fmt.Sprint(w.mails(camille)), -1); len(links) > 0 {
		t.Error("a link was mailed to the victim")
	}
}

// TestPortalLimits: guesses end in a wait; a password's never keep a code away.
func TestPortalLimits(t *testing.T) {
	w := start(t)
	for range 10 { // each from a browser of its own
		w.phone().identify(camille).submit("/connexion/mot-de-passe", "password", "certainement faux")
	}
	p := w.phone().identify(camille).submit("/connexion/mot-de-passe", "password", camillePassword)
	p.at("/connexion/mot-de-passe", 422).says("Trop d’essais. Réessayez dans")
	p = p.submit("/connexion/envoi").at("/connexion/code", 200)
	code := w.newestCode(camille, 1)
	for range 5 {
		p = p.submit("/connexion/code", "code", wrong(code))
	}
	p.submit("/connexion/code", "code", code).at("/connexion/code", 422)
	tab := w.known() // the room's tablets have their own count
	tab.identify(camille)
	w.want(tab.password(camillePassword), "granted")
	w.clock.advance(16 * time.Minute)
	w.phone().identify(camille).submit("/connexion/mot-de-passe", "password", camillePassword).at("/compte", 200)
}

// TestPortalSecretsAtRest: the database tells no link, no address of a session under
// way and no password.
func TestPortalSecretsAtRest(t *testing.T) {
	w := start(t)
	ph := w.phone()
	const typed = "quelqu.un@etu.univ-exemple.fr"
	ph.university(typed, "lmoreau")
	link := ph.links(lea, 1)[0]
	ph.get(link)
	all := bytes.Join(slices.Collect(maps.Values(w.files())), nil)
	for what, secret := range map[string]string{"the link": path.Base(link), "the address typed": typed, "a session": ph.session(t)} {
		if bytes.Contains(all, []byte(secret)) {
			t.Errorf("the database holds %s", what)
		}
	}
}
