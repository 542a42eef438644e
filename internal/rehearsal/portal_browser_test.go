package rehearsal_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"portillon/internal/e2e/browser"
	"portillon/internal/rehearsal/demouniversity"
	"portillon/internal/wire"
)

// TestGuideCompte lives the «compte» guide in a real browser, from «Connectez vous» to
// the first login on a tablet, with real mail.
func TestGuideCompte(t *testing.T) { each(t, guideCompte) }

func guideCompte(t *testing.T, as view) {
	w := start(t)
	b := as.browser(t, w)
	if b == nil {
		return
	}
	shot := func(name string) {
		t.Helper()
		w.clock.advance(5 * time.Second) // each key of a slow machine is a question, and no flood
		as.page(b, "portal", name)
	}
	says := func(css browser.CSS, key string, kv ...string) { t.Helper(); as.says(b, css, key, kv...) }
	french := func(css browser.CSS, text string) { t.Helper(); b.Says(css, text) }

	// Étape 1: Configurer son mot de passe UNESS.
	b.Open(w.PortalURL + "/?lang=" + as.lang)
	shot("00-home")
	b.Submit(".hero a.main")
	shot("01-email")
	b.Type("#email", "lea.moreau")
	if status := b.Submit("button.main"); status != 422 {
		t.Errorf("half an address: %d", status)
	}
	shot("02-email-wrong")
	b.Type("#email", "lea.moreau@univ-uness.fr")
	b.Submit("button.main")
	says("#first", "portal.first.title")
	shot("03-choice")
	b.Submit("a.main")
	shot("04-universities")
	b.Type("#q", "sorb")
	b.Until(`[...document.querySelectorAll("[data-search]")].filter(o => o.checkVisibility()).length == 4`)
	shot("05-universities-found")
	b.Click(`input[value=sorbonne-nouvelle]`) // the wrong one, in a hurry
	b.Submit("button.main")
	says("h1", "portal.confirm.title")
	shot("06-confirm")
	b.Submit(".pick[value=demonstration]")
	b.Do(chromedp.WaitVisible(browser.CSS("#login"))) // another site: the university's
	b.Picture("portal-" + as.size + "-" + as.lang + "-07-university")
	b.Type("#login", "lmoreau")
	b.Type("#password", "celui-de-l-ENT?")
	b.Submit("form button")
	b.Picture("portal-" + as.size + "-" + as.lang + "-08-university-wrong")
	b.Submit("button.plain") // «Annuler»
	says(".notice.warn", "portal.notours")
	shot("09-not-ours")
	b.Submit("button.main")
	b.Do(chromedp.WaitVisible(browser.CSS("#login")))
	b.Type("#login", "lmoreau")
	b.Type("#password", demouniversity.Password)
	b.Submit("form button")
	french("#address", lea)
	says(".notice.warn", "portal.sent.other")
	shot("10-copy-the-address")
	w.phone().links(lea, 1) // a phone shows what has come

	// The mail, on the student's phone.
	b.Open(w.MailboxURL + "/?to=" + url.QueryEscape(lea))
	b.Picture("portal-" + as.size + "-" + as.lang + "-11-mail")
	b.Submit(".link a")
	french(".given", lea)
	shot("12-password")
	b.Type("#password", "l’été—48")
	b.Until(`document.querySelector("#password-wrong").innerText.includes("’\u00a0—")`)
	shot("13-password-characters")
	b.Type("#password", "Lea.Moreau.2026")
	b.Until(`document.querySelector("#meter").dataset.strength < 3 && document.querySelector("#password-wrong .wrong")`)
	says("#password-wrong", "portal.fault.common")
	shot("14-password-common")
	b.Type("#password", newPassword)
	b.Until(`document.querySelectorAll(".checks .good").length == 3`)
	b.Type("#confirm", "tournesol-bleu-49")
	b.Until(`document.querySelector("#confirm-wrong .wrong")`)
	b.Click(`.eye[data-shows=password]`)
	shot("15-password-differs")
	b.Type("#confirm", newPassword)
	b.Until(`document.querySelector("#confirm-wrong .same")`)
	b.Submit("button.main")
	says("h1", "portal.created.title")
	shot("16-created")

	// Étape 2: Se connecter avec son mot de passe.
	b.Submit("a.main")
	b.Submit("button.main") // the address is there already
	b.Type("#password", "tournesol")
	b.Submit("form[action$=mot-de-passe] button:not(.eye)")
	french("#password-wrong", as.t("portal.password.wrong")[:20])
	shot("17-wrong-password")
	b.Type("#password", newPassword)
	b.Submit("form[action$=mot-de-passe] button:not(.eye)")
	says("h1", "portal.account.hello", "name", "Léa Moreau")
	shot("18-account")
	b.Submit(".who button")

	// Étape 3: Se connecter par code.
	b.Open(w.PortalURL + "/connexion")
	b.Type("#email", lea)
	b.Submit("button.main")
	b.Submit("form[action$=envoi] button")
	shot("19-code")
	b.Type("#code", "12345")
	b.Submit("button.main")
	shot("20-code-wrong")
	b.Type("#code", w.newestCode(lea, 3)) // after the link, and the word that a password was saved
	b.Submit("button.main")
	says("h1", "portal.account.hello", "name", "Léa Moreau")

	tab := w.known()
	w.want(tab.identify(lea), wire.SubCredentialsRequired)
	w.want(tab.password(newPassword), "granted")

	// What else a student may meet.
	b.Open(w.phone().links(lea, 1)[0])
	says(".notice", "portal.link.spent")
	shot("21-link-again")
	b.Submit("a.main")
	b.Type("#email", "lea.moreau@gmail.com")
	b.Submit("button.main")
	b.Submit("a.main")
	b.Click(`input[value=sorbonne]`)
	b.Submit("button.main")
	french("main", "Université Sorbonne Paris Nord")
	shot("22-near-names")
	b.Open(w.PortalURL + "/nulle-part")
	shot("23-missing")
}

// TestChangeAndRecover: «Mot de passe oublié ?» leads to a new password the way the first
// one came, the old one is worth nothing, and from the account it is changed once more.
func TestChangeAndRecover(t *testing.T) {
	each(t, func(t *testing.T, as view) {
		w := start(t)
		b := as.browser(t, w)
		if b == nil {
			return
		}
		renew := func(n int, password string) {
			t.Helper()
			b.Submit("button.main") // the university of the address is marked
			b.Do(chromedp.WaitVisible(browser.CSS("#login")))
			b.Type("#login", "cdurand")
			b.Type("#password", demouniversity.Password)
			b.Submit("form button")
			b.Says("#address", camille)
			b.Open(w.phone().links(camille, n)[0])
			b.Type("#password", password)
			b.Type("#confirm", password)
			b.Submit("button.main")
			as.says(b, "h1", "portal.created.title")
			b.Submit("a.main")
			b.Submit("button.main")
			b.Type("#password", password)
			b.Submit("form[action$=mot-de-passe] button:not(.eye)")
			as.says(b, "h1", "portal.account.hello", "name", "Camille Durand")
		}
		b.Open(w.PortalURL + "/connexion?lang=" + as.lang)
		b.Type("#email", camille)
		b.Submit("button.main")
		b.Submit(".forgot a")
		renew(1, newPassword)
		tab := w.known()
		tab.identify(camille)
		w.want(tab.password(camillePassword), wire.SubInvalidCredentials)
		w.want(tab.password(newPassword), "granted")

		w.clock.advance(5 * time.Minute)
		b.Submit("main a.button") // «Changer mon mot de passe»
		renew(2, newPassword+" 2")
		tab.session = ""
		tab.identify(camille)
		w.want(tab.password(newPassword+" 2"), "granted")
	})
}
