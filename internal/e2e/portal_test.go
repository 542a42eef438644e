package e2e

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"portillon/internal/e2e/browser"
	"portillon/internal/login"
	"portillon/internal/rehearsal/demouniversity"
)

// TestPhoneConfiguresAccount is the guide's reason n° 1, whole: the tablet says «compte
// non configuré», the student creates the password on the phone, touches «J’ai terminé»
// and logs in with it, typed on the tablet's own keyboard.
func TestPhoneConfiguresAccount(t *testing.T) {
	// Symbols and accents of three layers of the keyboard, all allowed by the portal.
	const created = "Été: 48 §rouges & [œ]~"
	pictures, err := filepath.Abs("../../out/web")
	if err != nil {
		t.Fatal(err)
	}
	r := enter(t, func(s *settings) { s.serve = []string{"--setup-uri="} })
	phone := browser.Start(t, browser.Phone(), r.service.CAPin, pictures)
	if phone == nil {
		return
	}
	r.touch(lea.address)
	r.tap("SE CONNECTER")
	r.on("setup")
	r.outcome("account_not_configured")
	r.see(setupScreen(func(v *login.View) { v.Setup.URI = r.service.Portal }))
	r.photograph("setup")

	// The phone has read the QR code.
	phone.Open(r.service.Portal)
	phone.Submit(".hero a.main")
	phone.Type("#email", lea.address)
	phone.Submit("button.main")
	phone.Submit("a.main")
	phone.Submit("button.main") // the university is suggested
	phone.Do(chromedp.WaitVisible(browser.CSS("#login")))
	phone.Type("#login", "lmoreau")
	phone.Type("#password", demouniversity.Password)
	phone.Submit("form button")

	r.tap("J’ai terminé") // in a hurry
	r.outcome("account_not_configured")
	r.see(setupScreen(fault("error.setup.still", 0), func(v *login.View) { v.Setup.URI = r.service.Portal }))

	eventually(t, patience, "the mail with the link", func() bool { return len(r.mails(lea.address)) == 1 })
	phone.Open(r.service.Mailbox + "/?to=" + url.QueryEscape(lea.address))
	phone.Submit(".link a")
	phone.Type("#password", created)
	phone.Type("#confirm", created)
	phone.Submit("button.main")
	if got := phone.Text("main"); !strings.Contains(got, "J’ai terminé") {
		t.Errorf("the phone does not send the student back to the tablet: %q", got)
	}
	phone.Picture("portal-phone-24-back-to-the-tablet")

	r.tap("J’ai terminé")
	r.on("password")
	r.see(passwordScreen(lea))
	r.touch(created)
	r.tap("SE CONNECTER")
	r.on("connected")
	r.see(connectedScreen(lea))
	r.outcome("connected")
}
