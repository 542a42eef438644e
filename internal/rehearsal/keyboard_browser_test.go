package rehearsal_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"portillon/internal/e2e/browser"
	"portillon/internal/rehearsal/demouniversity"
)

// TestPortalByKeyboard is the «compte» guide with real keys and no pointer: Tab comes to
// everything that is needed, shows where it is, and Return does it.
func TestPortalByKeyboard(t *testing.T) {
	w := start(t)
	as := view{size: "desk", lang: "fr", window: browser.Desk()}
	b := as.browser(t, w)
	if b == nil {
		return
	}
	b.Open(w.PortalURL)
	b.Reach(".skip") // the first of all: past the head of the page
	b.Press("\r")
	b.Reach(".hero a.main")
	b.Enter()
	b.Reach("#email")
	b.Press(lea)
	b.Enter() // Return in a field is its button
	b.Reach("a.main")
	b.Enter()
	b.Reach("#q")
	b.Press("demonstr")
	b.Until(`[...document.querySelectorAll("[data-search]")].filter(o => o.checkVisibility()).length == 1`)
	b.Reach(`input[value=demonstration]`)
	b.Press(" ")
	b.Reach("form[action$=universite] button.main")
	b.Enter()
	b.Do(chromedp.WaitVisible(browser.CSS("#login")))
	b.Reach("#login")
	b.Press("lmoreau\t" + demouniversity.Password)
	b.Enter()
	b.Says("#address", lea)
	w.phone().links(lea, 1)
	b.Open(w.MailboxURL + "/?to=" + url.QueryEscape(lea))
	b.Reach(".link a")
	b.Enter()
	b.Until(`document.activeElement.id == "password"`)
	b.Press(newPassword)
	b.Until(`document.querySelectorAll(".checks .good").length == 3`)
	b.Reach(".eye[data-shows=password]")
	b.Press(" ")
	b.Until(`document.getElementById("password").type == "text" && document.activeElement.id == "password"`)
	b.Reach("#confirm")
	b.Press(newPassword)
	b.Enter()
	b.Reach("a.main")
	b.Enter()
	b.Reach("#email") // filled in
	b.Enter()
	b.Until(`document.activeElement.id == "password"`)
	b.Press(newPassword)
	b.Enter()
	b.Says("h1", "Bonjour Léa Moreau")
	w.clock.advance(time.Minute) // a slow machine's keys are no flood
	b.Reach(".who button")
	b.Enter()

	// By code.
	b.Reach(".hero a.main")
	b.Enter()
	b.Until(`document.activeElement.id == "email"`)
	b.Press(lea)
	b.Enter()
	b.Reach("form[action$=envoi] button")
	b.Enter()
	b.Until(`document.activeElement.id == "code"`)
	b.Press(w.newestCode(lea, 3))
	b.Enter()
	b.Says("h1", "Bonjour Léa Moreau")
}

// TestCockpitByKeyboard is procedure 3 with real keys: sign in, find, open, add, and «Action
// de masse» on a row that is ticked.
func TestCockpitByKeyboard(t *testing.T) {
	w := start(t)
	as := view{size: "desk", lang: "fr", window: browser.Desk()}
	b := as.browser(t, w)
	if b == nil {
		return
	}
	const one = `document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("camille.durand")`
	b.Open(w.CockpitURL)
	b.Until(`document.activeElement.id == "login"`)
	b.Press("scolarite\tScolarite-2026!")
	b.Enter()
	b.Reach("#q")
	b.Press("camille durand 22100418")
	b.Until(`document.forms.search.dataset.state == "answered" && ` + one)
	b.Reach("td.edit a")
	b.Enter()
	b.Reach("#address")
	b.Press("camille@courriel.example")
	b.Enter()
	b.Until(`document.querySelector(".notice.ok")`)
	w.clock.advance(time.Minute) // a slow machine's keys are no flood
	b.Reach("main > p a")        // back to the list, as it was left
	b.Enter()
	b.Until(one)
	b.Reach("#rows .pick input")
	b.Press(" ")
	b.Until(`document.getElementById("picked").textContent == "1"`)
	b.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("q").focus()`)) // rather than once around
	b.Reach(".menu summary")
	b.Press("\r")
	b.Reach("button[value='1/3']")
	b.Press("\u001b") // Escape closes the menu and stays on it
	b.Until(`!document.querySelector(".menu").open && document.activeElement.matches(".menu summary")`)
	b.Press("\r")
	b.Reach("button[value='1/3']")
	b.Enter()
	b.Says(".notice.ok", "Majoration 1/3 temps accordée à 1 personne.")
	if p := w.person(w.id(camille)); p.ExtraTime != "1/3" {
		t.Errorf("extra time %q", p.ExtraTime)
	}
}

// TestPagesReflow: at 200 % in a small window, and at 320 pixels (400 % of 1280, WCAG 1.4.10),
// every page keeps to its width and cuts nothing off.
func TestPagesReflow(t *testing.T) {
	w := start(t)
	as := view{size: "desk", lang: "fr", window: browser.Desk()}
	b := as.browser(t, w)
	if b == nil {
		return
	}
	sizes := map[string]browser.Window{"200": {Width: 640, Height: 400}, "400": {Width: 320, Height: 256}}
	look := func(name string) {
		t.Helper()
		for zoom, size := range sizes {
			b.Resize(size)
			b.Page("zoom-" + zoom + "-" + name)
		}
		b.Resize(browser.Desk())
	}
	b.Open(w.PortalURL)
	look("portal-home")
	b.Open(w.PortalURL + "/connexion")
	b.Type("#email", lea)
	look("portal-email")
	b.Submit("button.main")
	look("portal-choice")
	b.Submit("a.main")
	look("portal-universities")
	ph := w.phone()
	ph.university(lea, "lmoreau")
	b.Open(ph.links(lea, 1)[0])
	b.Type("#password", "l’été")
	b.Until(`document.querySelector("#password-wrong .wrong")`)
	look("portal-password")
	b.Open(w.CockpitURL)
	b.Type("#login", "responsable")
	b.Type("#password", "Responsable-2026!")
	b.Submit("button.main")
	b.Click(".columns-menu summary")
	look("cockpit-list")
	for name, path := range map[string]string{"import": "/import", "log": "/journal", "privacy": "/confidentialite"} {
		b.Open(w.CockpitURL + path)
		look("cockpit-" + name)
	}
	b.Open(w.CockpitURL + "/personnes")
	b.Type("#q", "yanis.benali 2210")
	b.Until(`document.forms.search.dataset.state == "answered" && document.querySelectorAll("#rows tr").length == 1`)
	b.Submit("td.edit a")
	look("cockpit-person")
}
