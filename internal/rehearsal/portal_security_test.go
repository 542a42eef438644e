package rehearsal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"portillon/internal/rehearsal/store"
)

// portalPosts are the portal's forms.
var portalPosts = []string{"/connexion", "/connexion/mot-de-passe", "/connexion/envoi", "/connexion/code", "/universite",
	"/universite/verifier", "/lien-envoye", "/mot-de-passe", "/mot-de-passe/avis", "/deconnexion"}

// TestPortalCSRF: no form does anything without the session's token, with another's, or
// from another site.
func TestPortalCSRF(t *testing.T) {
	w := start(t)
	victim, other := w.phone(), w.phone()
	victim.university(lea, "lmoreau")
	victim.get(victim.links(lea, 1)[0]).at("/mot-de-passe", 200)
	_, own := victim.get("/mot-de-passe").form("/mot-de-passe")
	_, foreign := other.get("/connexion").form("/connexion")
	fill := url.Values{"password": {newPassword}, "confirm": {newPassword}, "email": {camille}, "university": {"rouen"}, "code": {"000000"}}
	for _, to := range portalPosts {
		for what, token := range map[string]string{"no token": "", "another's token": foreign.Get("csrf")} {
			form := url.Values{"csrf": {token}}
			for k, v := range fill {
				form[k] = v
			}
			if p := victim.post(to, form); p.status != http.StatusForbidden {
				t.Errorf("%s with %s: %d", to, what, p.status)
			}
		}
		form := url.Values{"csrf": {own.Get("csrf")}}
		for k, v := range fill {
			form[k] = v
		}
		for _, header := range [][2]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "null"}} {
			p := victim.post(to, form, func(r *http.Request) { r.Header.Set(header[0], header[1]) })
			if p.status != http.StatusForbidden {
				t.Errorf("%s with %s %s: %d", to, header[0], header[1], p.status)
			}
		}
	}
	if a := w.account(t, lea); a.Password != "" {
		t.Error("a forged form created a password")
	}
}

func (w *world) account(t *testing.T, address string) (a store.Account) {
	t.Helper()
	err := w.DB.Read(t.Context(), func(tx *store.Tx) (err error) {
		a, _, err = tx.AccountByAddress(address, w.clock.now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestPortalXSS: what is typed, stored or asserted is text.
func TestPortalXSS(t *testing.T) {
	w := start(t)
	hostile := `"><img/src=x/onerror=alert(1)>'{{.}}@evil.example`
	ph := w.phone()
	check := func(what string, p page) {
		t.Helper()
		if strings.Contains(p.body, "<img/src") || strings.Contains(p.body, "<script>alert") {
			t.Errorf("%s: markup came through", what)
		}
		for _, n := range find(p.root, "img") {
			if !strings.HasPrefix(attr(n, "src"), "/static/") {
				t.Errorf("%s: a picture from %q", what, attr(n, "src"))
			}
		}
		for _, n := range find(p.root, "script") {
			if !strings.HasPrefix(attr(n, "src"), "/static/") || n.FirstChild != nil {
				t.Errorf("%s: a script of its own", what)
			}
		}
		if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", what, csp)
		}
	}
	check("e-mail", ph.identify(hostile).at("/connexion/choix", 200).says(hostile))
	check("e-mail again", ph.get("/connexion"))
	check("malformed e-mail", ph.get("/connexion").submit("/connexion", "email", "<script>alert(1)</script>").at("/connexion", 422))
	check("search", ph.get("/universite?q="+url.QueryEscape(`"><script>alert(1)</script>`)))
	check("wrong password", ph.get("/connexion/choix").submit("/connexion/mot-de-passe", "password", hostile))
	check("university", ph.get("/universite").submit("/universite", "university", hostile).at("/universite", 422))
	check("unknown link", ph.get("/lien/"+url.PathEscape(hostile)))
	check("no page", ph.get("/"+url.PathEscape(hostile)).at("/"+hostile, 404))
	check("return", ph.get("/universite/retour/demonstration?error="+url.QueryEscape(hostile)))
	sent := ph.get("/universite").submit("/universite", "university", "demonstration").
		follow().submit("login", "login", "lmoreau", "password", "Universite-2026")
	check("sent", sent.at("/lien-envoye", 200).says(hostile))
	p := ph.get(ph.links(lea, 1)[0])
	check("password", p.submit("/mot-de-passe", "password", `"><script>alert(1)</script>’`, "confirm", hostile).at("/mot-de-passe", 422))

	// Stored: a name.
	err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
		in, err := tx.NewInserter()
		if err != nil {
			return err
		}
		return in.Add(store.Account{Sub: "x", Name: "<script>alert(1)</script>", Password: w.account(t, camille).Password}, w.clock.now(), "x@x.fr")
	})
	if err != nil {
		t.Fatal(err)
	}
	check("account", ph.identify("x@x.fr").submit("/connexion/mot-de-passe", "password", camillePassword).
		at("/compte", 200).says("<script>alert(1)</script>"))
}

// session is the browser's session cookie.
func (ph *phone) session(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(ph.PortalURL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ph.web.Jar.Cookies(u) {
		if c.Name == "__Host-portal" {
			return c.Value
		}
	}
	return ""
}

// TestPortalFixation: wherever rights change the session has another name, and the old
// one is worth nothing.
func TestPortalFixation(t *testing.T) {
	w := start(t)
	attacker := func(old string) page {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.PortalURL+"/compte", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(&http.Cookie{Name: "__Host-portal", Value: old})
		return w.phone().do(req)
	}
	for _, way := range []struct { // in this order: after the university, a link is mailed as well
		what string
		in   func(ph *phone) page
	}{
		{"password", func(ph *phone) page {
			return ph.get("/connexion/choix").submit("/connexion/mot-de-passe", "password", camillePassword)
		}},
		{"code", func(ph *phone) page {
			p := ph.get("/connexion/choix").submit("/connexion/envoi")
			return p.submit("/connexion/code", "code", w.newestCode(camille, 1))
		}},
		{"university", func(ph *phone) page {
			return ph.get("/universite").submit("/universite", "university", "demonstration").
				follow().submit("login", "login", "cdurand", "password", "Universite-2026")
		}},
	} {
		ph := w.phone()
		ph.identify(camille)
		before := ph.session(t)
		if p := way.in(ph); p.status != http.StatusOK {
			t.Fatalf("%s: %d %s", way.what, p.status, p.text())
		}
		if after := ph.session(t); before == "" || before == after {
			t.Errorf("%s: the session kept its name", way.what)
		}
		if p := attacker(before); p.url.Path == "/compte" {
			t.Errorf("%s: the old name is signed in", way.what)
		}
	}
	ph := w.phone()
	ph.identify(camille)
	before := ph.session(t)
	ph.get(ph.links(camille, 1)[0]).at("/mot-de-passe", 200)
	if ph.session(t) == before {
		t.Error("link: the session kept its name")
	}
	set := w.phone().get("/connexion").header.Values("Set-Cookie")
	if len(set) == 0 {
		t.Error("no cookie")
	}
	for _, c := range set {
		for _, want := range []string{"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} {
			if !strings.Contains(c, want) {
				t.Errorf("%s is not %s", strings.SplitN(c, "=", 2)[0], want)
			}
		}
	}
}

// TestPortalOpenRedirect: nothing that comes with a request decides where it leads.
func TestPortalOpenRedirect(t *testing.T) {
	w := start(t)
	ph := w.phone()
	stop := *ph.web
	stop.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, to := range []string{"//evil.example/?lang=en", "/\\evil.example?lang=en", "/%2F%2Fevil.example/?lang=en",
		"/?lang=en&next=https://evil.example", "/connexion?lang=en&return=//evil.example", "/https://evil.example?lang=en"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.PortalURL+to, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := stop.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if where := res.Header.Get("Location"); where != "" {
			u, err := res.Request.URL.Parse(where)
			if err != nil || u.Host != req.URL.Host {
				t.Errorf("%s leads to %s", to, where)
			}
		}
	}
	for _, u := range []string{"https://evil.example", "../evil", "//evil.example"} {
		ph.get("/universite").submit("/universite", "university", u).at("/universite", 422)
	}
}

// TestPortalEnumeration: pages and status are the same whoever is asked about; so is the
// work, and with it the time. (What a clock measures depends on what else the machine does.)
func TestPortalEnumeration(t *testing.T) {
	w := start(t, strangers)
	addresses := []string{camille, nobody, lea, ines, yanisSecondary}
	seen := map[string]map[string]string{}
	note := func(what, address string, p page) {
		text := strings.ReplaceAll(p.text(), address, "ADDRESS")
		text = strings.ReplaceAll(text, address[:1]+"•••@"+address[strings.Index(address, "@")+1:], "MASKED")
		if seen[what] == nil {
			seen[what] = map[string]string{}
		}
		seen[what][address] = fmt.Sprint(p.status, p.url.Path, text)
	}
	for _, address := range addresses {
		ph := w.phone()
		p := ph.identify(address)
		note("e-mail", address, p)
		for range 10 {
			p = p.submit("/connexion/mot-de-passe", "password", "certainement faux")
		}
		note("blocked", address, p)
		note("code", address, p.submit("/connexion/envoi"))
		note("wrong code", address, ph.get("/connexion/code").submit("/connexion/code", "code", "12345"))
	}
	w.clock.advance(20 * time.Minute)
	for _, address := range addresses {
		p := w.phone().identify(address)
		before := w.PasswordsHashed()
		p.submit("/connexion/mot-de-passe", "password", "certainement faux").says("Mauvais identifiant / mot de passe.")
		if n := w.PasswordsHashed() - before; n != 1 {
			t.Errorf("%s: %d passwords were hashed, want 1", address, n)
		}
	}
	for what, answers := range seen {
		for _, address := range addresses {
			if answers[address] != answers[camille] {
				t.Errorf("%s: %s gets\n%s\nand %s\n%s", what, address, answers[address], camille, answers[camille])
			}
		}
	}
}

// TestPortalSQLInjection: what is typed is looked for as it is.
func TestPortalSQLInjection(t *testing.T) {
	w := start(t)
	before := w.accounts()
	for _, hostile := range []string{`' OR '1'='1`, `'; DROP TABLE accounts; --`, `" OR ""="`, `x') UNION SELECT password FROM accounts --`, `%`, `\`} {
		w.clock.advance(16 * time.Minute)
		ph := w.phone()
		p := ph.identify(strings.ReplaceAll(hostile, " ", "/**/")+"@etu.univ-uness.fr").at("/connexion/choix", 200)
		p = p.submit("/connexion/mot-de-passe", "password", hostile)
		if p.status != http.StatusUnprocessableEntity || strings.Contains(p.body, "argon2id") {
			t.Errorf("password %q: %d", hostile, p.status)
		}
		p = ph.get("/connexion/choix").submit("/connexion/envoi").at("/connexion/code", 200)
		p.submit("/connexion/code", "code", hostile).at("/connexion/code", 422)
		ph.get("/universite?q="+url.QueryEscape(hostile)).at("/universite", 200)
		ph.get("/universite").submit("/universite", "university", hostile).at("/universite", 422)
		if p := ph.get("/lien/" + url.PathEscape(hostile)); p.status != http.StatusGone && p.status != http.StatusNotFound {
			t.Errorf("link %q: %d", hostile, p.status)
		}
	}
	if n := w.accounts(); n != before {
		t.Errorf("%d accounts became %d", before, n)
	}
}
