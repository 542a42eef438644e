package rehearsal_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"portillon/internal/e2e/browser"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/demouniversity"
)

// disturber stands between the portal and the universities.
type disturber struct {
	mu   sync.Mutex
	next http.RoundTripper
	on   string // what the path of a disturbed request ends with; "": nothing is disturbed
	do   func(*http.Request) (*http.Response, error)
}

// trouble disturbs the requests whose path ends with on; "": none any longer.
func (d *disturber) trouble(on string, do func(*http.Request) (*http.Response, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on, d.do = on, do
}

func (d *disturber) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	do := d.do
	if d.on == "" || !strings.HasSuffix(r.URL.Path, d.on) {
		do = d.next.RoundTrip
	}
	d.mu.Unlock()
	return do(r)
}

var errRefused = errors.New("connection refused")

// down: nobody listens there.
func down(*http.Request) (*http.Response, error) { return nil, errRefused }

// slow answers too late: what the party's own limit makes of it (TestSilentUniversity has
// the limit itself).
func slow(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded }

// says answers with a status and a body.
func says(status int, kind, text string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(text)), Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
	}
}

// disturbed is a world whose universities can be disturbed. Somebody at the demonstration's
// has no address there.
func disturbed(t *testing.T) (*world, *disturber) {
	t.Helper()
	d := &disturber{}
	w := start(t, func(o *rehearsal.Options) {
		o.DisturbUniversities([]demouniversity.Student{
			{University: "demonstration", Login: "sansadresse", Name: "Sans Adresse", Address: "sans.adresse@courriel.example"},
		}, func(next http.RoundTripper) http.RoundTripper {
			d.next = next
			return d
		})
	})
	return w, d
}

// TestUniversityFails: whatever a university does wrong, the student reads what happened
// and has a way on, and the way on works when the university does again.
func TestUniversityFails(t *testing.T) {
	const discovery, token = "/openid-configuration", "/token"
	w, d := disturbed(t)
	html := "<!doctype html><h1>Maintenance</h1>"
	for name, c := range map[string]struct {
		on     string
		do     func(*http.Request) (*http.Response, error)
		status int
		says   string
	}{
		"down":                     {discovery, down, 503, "ne répond pas"},
		"slow":                     {discovery, slow, 503, "ne répond pas"},
		"in maintenance":           {discovery, says(503, "text/html", html), 503, "ne répond pas"},
		"moved":                    {discovery, says(302, "text/html", html), 503, "ne répond pas"},
		"another's document":       {discovery, says(200, "application/json", `{"issuer":"https://evil.example"}`), 503, "ne répond pas"},
		"endless":                  {discovery, says(200, "application/json", strings.Repeat(" ", 1<<20)), 503, "ne répond pas"},
		"down after the password":  {token, down, 503, "ne répond pas"},
		"slow after the password":  {token, slow, 503, "ne répond pas"},
		"breaks after it":          {token, says(500, "text/html", html), 503, "ne répond pas"},
		"refuses the code":         {token, says(400, "application/json", `{"error":"invalid_grant"}`), 400, "n’a pas pu être vérifiée"},
		"answers without identity": {token, says(200, "application/json", `{"access_token":"a","token_type":"Bearer"}`), 400, "n’a pas pu être vérifiée"},
		"forges the identity":      {token, says(200, "application/json", `{"access_token":"a","token_type":"Bearer","id_token":"e30.e30.e30"}`), 400, "n’a pas pu être vérifiée"},
	} {
		t.Run(name, func(t *testing.T) {
			w.clock.advance(25 * time.Hour) // what is known of the university, and yesterday's links, are forgotten
			d.trouble(c.on, c.do)
			ph := w.phone()
			ph.identify(lea)
			p := ph.get("/universite").submit("/universite", "university", "demonstration")
			if c.on == token {
				p = p.follow().submit("login", "login", "lmoreau", "password", demouniversity.Password)
			}
			if p.status != c.status {
				t.Fatalf("status %d, want %d: %s", p.status, c.status, p.text())
			}
			p.says(c.says).says("Référence à donner à l’assistance")
			noLeak(t, "the page", p.body, errRefused.Error(), "invalid_grant", "evil.example")
			d.trouble("", nil)
			if c.status == http.StatusServiceUnavailable {
				p = p.says("Réessayer").submit("/universite/verifier")
			} else {
				p = ph.get("/universite").submit("/universite", "university", "demonstration")
			}
			p.follow().submit("login", "login", "lmoreau", "password", demouniversity.Password).at("/lien-envoye", 200).says(lea)
		})
	}
}

// TestUniversityTrouble is what a student may meet at the university, in a real browser:
// cancelling, no answer, an address that is not the university's, somebody else's account.
// Each page has a way on, and at the end of it the right address.
func TestUniversityTrouble(t *testing.T) {
	each(t, func(t *testing.T, as view) {
		w, d := disturbed(t)
		b := as.browser(t, w)
		if b == nil {
			return
		}
		signIn := func(login string) {
			t.Helper()
			b.Do(chromedp.WaitVisible(browser.CSS("#login")))
			b.Type("#login", login)
			b.Type("#password", demouniversity.Password)
			b.Submit("form button")
		}
		b.Open(w.PortalURL + "/connexion?lang=" + as.lang)
		b.Type("#email", lea)
		b.Submit("button.main")
		b.Submit("a.main")

		d.trouble("/openid-configuration", down)
		if status := b.Submit("button.main"); status != 503 {
			t.Errorf("a university that is down: %d", status)
		}
		as.says(b, ".notice", "portal.return.unavailable")
		as.page(b, "portal", "30-university-down")
		d.trouble("", nil)
		b.Submit("button.main") // «Réessayer»

		b.Do(chromedp.WaitVisible(browser.CSS("#login")))
		b.Submit("button.plain") // «Annuler»: access_denied
		as.says(b, ".notice.warn", "portal.return.declined")
		as.page(b, "portal", "31-cancelled")
		d.trouble("/token", slow)
		b.Submit("button.main")
		signIn("lmoreau")
		as.says(b, ".notice", "portal.return.unavailable")
		d.trouble("", nil)
		b.Submit("button.main")

		signIn("sansadresse")
		as.says(b, ".notice", "portal.return.address")
		as.page(b, "portal", "32-no-address")
		b.Submit("button.main") // «Se connecter avec un autre compte»
		signIn("cdurand")       // a neighbour's, on the same computer
		b.Until(`document.querySelector("#address").textContent == "` + camille + `"`)
		as.says(b, ".notice.warn", "portal.sent.other")
		b.Click(".notmine summary")
		as.page(b, "portal", "33-somebody-else")
		b.Submit(".notmine button")
		b.Do(chromedp.WaitVisible(browser.CSS("#login")))
		b.Until(`new URLSearchParams(location.search).get("prompt") == "login"`)
		signIn("lmoreau")
		b.Until(`document.querySelector("#address").textContent == "` + lea + `" && !document.querySelector(".notmine")`)

		// The address of the answer, opened again: from the history, or by somebody else.
		q := url.Values{"state": {"x"}, "code": {"y"}, "iss": {"https://evil.example"}}
		b.Open(w.PortalURL + "/universite/retour/demonstration?" + q.Encode())
		as.says(b, ".notice.error", "portal.return.forged")
		as.page(b, "portal", "34-not-to-be-trusted")
		b.Submit("a.main")
		b.Until(`document.querySelector("#list")`)
	})
}
