package rehearsal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"portillon/internal/e2e/browser"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// TestProcedure3 is the guide's: the invigilator adds a secondary address in the cockpit,
// waits for the quarter of an hour, and the student logs in with it.
func TestProcedure3(t *testing.T) { each(t, procedure3, true) }

func procedure3(t *testing.T, as view) {
	w := start(t, func(o *rehearsal.Options) { o.Policy.RequireNonce = false })
	w.clock.advance(w.clock.now().Truncate(time.Hour).Add(time.Hour + 7*time.Minute).Sub(w.clock.now())) // :07
	b := as.browser(t, w)
	if b == nil {
		return
	}
	shot := func(name string) { t.Helper(); as.page(b, "cockpit", name) }
	b.Open(w.CockpitURL + "/connexion?lang=" + as.lang)
	shot("1-signin")
	b.Type("#login", "scolarite")
	b.Type("#password", "Faux-2026!")
	if status := b.Submit("button.main"); status != 401 {
		t.Errorf("a wrong password: %d", status)
	}
	shot("2-signin-wrong")
	b.Type("#password", "Scolarite-2026!")
	b.Submit("button.main")
	shot("3-list")
	b.Type("#q", "léa mor 22101956")
	b.Until(`document.forms.search.dataset.state == "answered" && document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("lea.moreau@")`)
	shot("4-found")
	b.Submit("td.edit a")
	shot("5-person")
	b.Type("#address", "lea@@courriel.example")
	b.Submit(".adder button")
	shot("6-address-wrong")
	b.Type("#address", "lea@courriel.example")
	b.Submit(".adder button")
	hour := w.clock.now().In(paris(t)).Format("15")
	if as.lang == "fr" {
		hour = strings.TrimPrefix(hour, "0")
	}
	as.says(b, ".notice.ok", "cockpit.address.added", "time", as.t("cockpit.time", "hour", hour, "minute", "15"))
	shot("7-address-added")

	// On the tablet: unknown until the quarter of an hour, then the way in, by a code in
	// the student's own mailbox. Léa has no password yet: Camille would type hers.
	tab := w.known()
	w.want(tab.identify("lea@courriel.example"), wire.SubAccountUnknown)
	w.clock.advance(8 * time.Minute)
	tab.session = ""
	w.want(tab.identify("lea@courriel.example"), wire.SubAccountNotConfigured)
}

// TestCockpitPages opens every page, does what can be done there, and keeps a picture.
func TestCockpitPages(t *testing.T) { each(t, cockpitPages, true) }

func cockpitPages(t *testing.T, as view) {
	w := start(t)
	b := as.browser(t, w)
	if b == nil {
		return
	}
	shot := func(name string) {
		t.Helper()
		w.clock.advance(10 * time.Second) // each key of a slow machine is a search, and no flood
		as.page(b, "cockpit", name)
	}
	b.Open(w.CockpitURL + "/personnes?lang=" + as.lang)
	b.Type("#login", "responsable")
	b.Type("#password", "Responsable-2026!")
	b.Submit("button.main")
	b.Click(".columns-menu summary")
	shot("columns")
	b.Type("[name='f.family']", "lefev")
	b.Type("[name='f.given']", "HUGO")
	b.Type("[name='f.student']", "2190")
	b.Until(`document.forms.search.dataset.state == "answered" && document.getElementById("rows").innerText.includes("Hugo")`)
	shot("columns-filtered")
	b.Type("#q", "ines.garcia@etu")
	b.Type("[name='f.family']", "garcia")
	b.Type("[name='f.given']", "")
	b.Type("[name='f.student']", "22102271")
	b.Until(`document.forms.search.dataset.state == "answered" && document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("ines.garcia@")`)
	b.Click(".columns-menu summary")
	b.Click("#rows .pick label")
	b.Click("details.menu summary")
	shot("mass")
	b.Submit("button[formaction='/personnes/majoration'][value='1/3']")
	as.says(b, ".notice.ok", "cockpit.mass.gave")
	shot("mass-done")
	b.Type("#q", "personne de ce nom")
	b.Until(`document.forms.search.dataset.state == "answered" && document.querySelector("#rows .none")`)
	shot("none")

	b.Open(w.CockpitURL + "/import")
	shot("import")
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b.Do(chromedp.SetUploadFiles(browser.CSS("#file"), []string{file("faux.csv",
		"Prénom;Nom;Adresse email;Date de naissance\nAgathe;FEELING;agathe.feeling@etu.univ-uness.fr;09-06-2000\n"+
			"Zoé;;zoe@@etu.univ-uness.fr;31-02-2001\nCamille;Durand;camille.durand@etu.univ-uness.fr;\n")}))
	if status := b.Submit("button.main"); status != 422 {
		t.Errorf("a file with faults: %d", status)
	}
	shot("import-faults")
	b.Do(chromedp.SetUploadFiles(browser.CSS("#file"), []string{file("juste.csv",
		"Pr\xe9nom;Nom;Adresse email;Date de naissance;Majoration de temps\nAgathe;FEELING;agathe.feeling@etu.univ-uness.fr;09-06-2000;1/3 temps\n"+
			"No\xe9mie;L\x92H\xf4te;noemie.lhote@etu.univ-uness.fr;;\n")}))
	b.Submit("button.main")
	shot("import-ready")
	b.Submit("button.main")
	shot("import-done")
	b.Open(w.CockpitURL + "/personnes")
	b.Type("#q", "noemie l’hôte")
	b.Until(`document.forms.search.dataset.state == "answered" && document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("L’Hôte")`)

	b.Open(w.CockpitURL + "/journal")
	shot("log")
	b.Open(w.CockpitURL + "/confidentialite")
	shot("privacy")
	b.Open(w.CockpitURL + "/nulle-part")
	shot("error")

	// Markup in every field of a person is text, here too: a script that ran, and one that the
	// policy stopped, fail the test.
	const hostile = `"><img src=x onerror=alert(1)><script>alert(1)</script>`
	err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
		p, _, err := tx.Person(w.id(yanis))
		if err != nil {
			return err
		}
		p.Given, p.Family, p.INE, p.RPPS = hostile, hostile, hostile, hostile
		log := store.Entry{Actor: hostile, Action: "update", Sub: p.Sub, Person: hostile, Before: hostile, After: hostile}
		return errors.Join(tx.UpdatePerson(p), tx.AddAudit(w.clock.now(), log))
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Open(w.CockpitURL + "/personnes")
	b.Type("#q", "yanis.benali 22100733")
	b.Until(`document.forms.search.dataset.state == "answered" && document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("onerror")`)
	b.Submit("td.edit a")
	b.Until(`document.querySelector("h1").innerText.includes("onerror")`)
	b.Open(w.CockpitURL + "/journal")
	b.Until(`document.querySelector("main").innerText.includes("onerror")`)
}

func paris(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
