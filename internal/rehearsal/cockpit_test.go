package rehearsal_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"portillon/internal/procedure"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
	"strings"
	"testing"
	"time"
)

// TestCockpitSync is the quarter of an hour as a tablet sees it, across a restart.
func TestCockpitSync(t *testing.T) {
	w := start(t)
	w.atMinute(7)
	id, c := w.id(camille), w.staff("scolarite")
	path := fmt.Sprintf("/personnes/%d/adresses", id)
	when := procedure.NextSlot(w.clock.now()).Format("h 04.")
	if p := c.send(path, "address", "Camille.D@courriel.example"); !strings.Contains(p.text(), when) {
		t.Fatalf("the page does not say when: %s", p.text())
	}
	const address = "camille.d@courriel.example"
	tab := w.known()
	knows := func(want string) {
		t.Helper()
		tab.session = ""
		w.want(tab.identify(address), want)
	}
	w.clock.advance(8*time.Minute - time.Second)
	knows(wire.SubAccountUnknown)
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Second)
	w.startAgain()
	knows(wire.SubCredentialsRequired)
	w.want(tab.password(camillePassword), "granted")

	// Taken away: known until the next slot, and then not even by a login under way.
	w.clock.advance(time.Minute)
	c = w.staff("scolarite")
	c.send(path+"/supprimer", "address", address)
	w.clock.advance(13 * time.Minute)
	knows(wire.SubCredentialsRequired)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	w.clock.advance(time.Minute)
	if a := tab.code("000000"); a.kind() != wire.ErrorInvalidSession {
		t.Errorf("a login by an address that is gone: %s", a.kind())
	}
	knows(wire.SubAccountUnknown)
}

// TestSyncAsOftenAsTold: a demonstration need not wait a quarter of an hour.
func TestSyncAsOftenAsTold(t *testing.T) {
	w := start(t, func(o *rehearsal.Options) { o.Every = 10 * time.Second })
	w.atMinute(3)
	w.clock.advance(4 * time.Second)
	c := w.staff("scolarite")
	if p := c.send(fmt.Sprintf("/personnes/%d/adresses", w.id(camille)), "address", "c@courriel.example"); !strings.Contains(p.text(), w.clock.now().Format("h 04")+" min 10 s") {
		t.Errorf("the page does not say when: %s", p.text())
	}
	w.clock.advance(6 * time.Second)
	w.want(w.known().identify("c@courriel.example"), wire.SubCredentialsRequired)
}

// TestExtraTimeReachesTheExam and leaves the login as it was: its times would tell of a
// disability before any password.
func TestExtraTimeReachesTheExam(t *testing.T) {
	w := start(t)
	login := func() (identify answer, claim any) {
		tab := w.known()
		identify = w.want(tab.identify(camille), wire.SubCredentialsRequired)
		tokens := tab.redeem(w.want(tab.password(camillePassword), "granted").AuthorizationCode)
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.IDToken, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		return identify, claims[wire.ClaimExtraTime]
	}
	before, none := login()
	w.staff("scolarite").send("/personnes/majoration", "id", fmt.Sprint(w.id(camille)), "extra", "1/3")
	after, third := login()
	if none != nil || third != "1/3" {
		t.Errorf("extra_time %v, then %v", none, third)
	}
	if *before.OTPExpiresIn != *after.OTPExpiresIn {
		t.Errorf("a code lives %d s, with extra time %d s", *before.OTPExpiresIn, *after.OTPExpiresIn)
	}
}

func TestCockpitImport(t *testing.T) {
	w := start(t)
	w.atMinute(2)
	c := w.staff("scolarite")
	before := w.accounts()
	const head = "Prénom;Nom;Adresse email\n"
	if p := c.upload([]byte(head + "Agathe;FEELING;agathe@univ-uness.fr\nZoé;;z@univ-uness.fr\n")); p.status != http.StatusUnprocessableEntity || strings.Contains(p.body, "confirmer") {
		t.Errorf("a file with a fault: %d", p.status)
	}
	dry := c.upload([]byte(head + "Agathe;FEELING;agathe@univ-uness.fr\nZoé;Noël;z@univ-uness.fr\n"))
	if dry.status != http.StatusOK || w.accounts() != before {
		t.Fatalf("a dry run: %d, %d people more", dry.status, w.accounts()-before)
	}
	_, form := dry.form("/import/confirmer")
	// Meanwhile somebody takes one of the addresses: nobody is imported.
	c.send(fmt.Sprintf("/personnes/%d/adresses", w.id(camille)), "address", "z@univ-uness.fr")
	if p := c.post(w.CockpitURL+"/import/confirmer", form); p.status != http.StatusConflict || w.accounts() != before {
		t.Errorf("half imported: %d, %d people more", p.status, w.accounts()-before)
	}
	c.send(fmt.Sprintf("/personnes/%d/adresses/supprimer", w.id(camille)), "address", "z@univ-uness.fr")
	if p := w.staff("responsable").post(w.CockpitURL+"/import/confirmer", form); p.status != http.StatusForbidden {
		t.Errorf("another's token: %d", p.status)
	}
	if p := c.post(w.CockpitURL+"/import/confirmer", form); w.accounts() != before+2 || !strings.Contains(p.text(), "2 personnes importées") {
		t.Errorf("imported %d: %s", w.accounts()-before, p.text())
	}
	if p := c.post(w.CockpitURL+"/import/confirmer", form); p.status != http.StatusUnprocessableEntity || w.accounts() != before+2 {
		t.Errorf("imported twice: %d", p.status)
	}
	tab := w.known()
	w.want(tab.identify("agathe@univ-uness.fr"), wire.SubAccountUnknown)
	w.clock.advance(13 * time.Minute)
	tab.session = ""
	w.want(tab.identify("agathe@univ-uness.fr"), wire.SubAccountNotConfigured)
}

// TestCockpitExport: what is exported is read again, and is no formula.
func TestCockpitExport(t *testing.T) {
	w := start(t)
	c := w.staff("scolarite")
	c.send(fmt.Sprintf("/personnes/%d/adresses", w.id(hugo)), "address", "=cmd@courriel.example")
	p := c.send("/personnes/export", "id", fmt.Sprint(w.id(hugo)))
	if p.status != http.StatusOK || !strings.Contains(p.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", p.status, p.header)
	}
	if !strings.Contains(p.body, ";'=cmd@courriel.example") || !strings.Contains(p.body, "Hugo;Lefèvre;04-08-1999;21907342") {
		t.Errorf("%q", p.body)
	}
	var log []store.Entry
	err := w.DB.Read(t.Context(), func(tx *store.Tx) (err error) {
		log, err = tx.Audit("", 0, 10)
		return err
	})
	if err != nil || len(log) < 2 || log[0].Action != "export" || log[0].Actor != "scolarite" || log[1].Action != "address.add" || log[1].After != "=cmd@courriel.example" {
		t.Errorf("%+v (%v)", log, err)
	}
}

// TestCockpitTwoEditors: who saves second is told, and nothing is lost.
func TestCockpitTwoEditors(t *testing.T) {
	w := start(t)
	c, id := w.staff("scolarite"), w.id(camille)
	save := func(given string, revision int64) page {
		p := w.person(id)
		return c.send(fmt.Sprintf("/personnes/%d", id), "given", given, "family", p.Family, "email", p.Email, "revision", fmt.Sprint(revision))
	}
	first := w.person(id).Revision
	if p := save("Camille-Un", first); p.status != http.StatusOK {
		t.Fatalf("%d %s", p.status, p.text())
	}
	if p := save("Camille-Deux", first); p.status != http.StatusConflict || w.person(id).Given != "Camille-Un" {
		t.Errorf("%d, %s", p.status, w.person(id).Given)
	}
}

// TestCockpitKeepsNamesOutOfAddressesAndLogs: what was searched for, typed and shown is in
// no address of a page and in no line of the service's log.
func TestCockpitKeepsNamesOutOfAddressesAndLogs(t *testing.T) {
	w := start(t)
	c := w.staff("scolarite")
	p := c.send("/personnes", "q", "camille.durand", "f.family", "durand")
	if !strings.Contains(p.text(), camille) || strings.Contains(strings.ToLower(p.url.String()), "durand") {
		t.Errorf("found at %s", p.url)
	}
	c.see(fmt.Sprintf("/personnes/%d", w.id(camille)))
	c.send(fmt.Sprintf("/personnes/%d/adresses", w.id(camille)), "address", "secrete@courriel.example")
	for _, word := range []string{"durand", "camille", "secrete", "scolarite", "Scolarite-2026", "Fontaine"} {
		if strings.Contains(strings.ToLower(w.log.String()), strings.ToLower(word)) {
			t.Errorf("%q is in the log", word)
		}
	}
}
