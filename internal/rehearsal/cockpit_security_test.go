package rehearsal_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"portillon/internal/rehearsal/store"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// mutations are the forms that change something.
func mutations(id int64) map[string][]string {
	return map[string][]string{
		fmt.Sprintf("/personnes/%d", id):                    {"given", "X", "family", "Y", "email", "x@univ-uness.fr", "revision", "1"},
		fmt.Sprintf("/personnes/%d/adresses", id):           {"address", "x@courriel.example"},
		fmt.Sprintf("/personnes/%d/adresses/supprimer", id): {"address", yanisSecondary},
		"/personnes/majoration":                             {"id", fmt.Sprint(id), "extra", "1/3"},
		"/personnes/export":                                 {"id", fmt.Sprint(id)},
		"/import":                                           {"file", "x"},
		"/import/confirmer":                                 {"import", "x"},
	}
}

func TestCockpitCSRF(t *testing.T) {
	w := start(t)
	id, c := w.id(yanis), w.staff("responsable")
	before := w.person(id)
	forms := mutations(id)
	forms["/connexion"] = []string{"login", "scolarite", "password", "Scolarite-2026!"} // signing the victim in as somebody else
	forms["/deconnexion"] = nil
	forms["/personnes"] = []string{"q", "x"}
	for path, kv := range forms {
		form := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			form.Set(kv[i], kv[i+1])
		}
		if p := c.post(c.CockpitURL+path, form); p.status != http.StatusForbidden {
			t.Errorf("%s without a token: %d", path, p.status)
		}
		form.Set("csrf", c.token())
		for _, h := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", w.PortalURL}} {
			if p := c.post(c.CockpitURL+path, form, func(r *http.Request) { r.Header.Set(h[0], h[1]) }); p.status != http.StatusForbidden {
				t.Errorf("%s with %v: %d", path, h, p.status)
			}
		}
	}
	if after := w.person(id); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("changed: %+v", after)
	}
	if p := c.see("/personnes"); p.url.Path != "/personnes" || !strings.Contains(p.text(), "Anne Rousseau") {
		t.Errorf("signed out, or somebody else: %s", p.url.Path)
	}
}

func TestCockpitNeedsTheRole(t *testing.T) {
	w := start(t)
	id := w.id(yanis)
	before := w.person(id)
	reader, manager := w.staff("surveillant"), w.staff("scolarite")
	for path, kv := range mutations(id) {
		if p := reader.send(path, kv...); p.status != http.StatusForbidden {
			t.Errorf("a reader, %s: %d", path, p.status)
		}
		if p := w.stranger().send(path, kv...); p.url.Path != "/connexion" {
			t.Errorf("nobody, %s: led to %s", path, p.url.Path)
		}
	}
	if after := w.person(id); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("changed: %+v", after)
	}
	for path, c := range map[string]clerk{"/import": reader, "/journal": manager} {
		if p := c.see(path); p.status != http.StatusForbidden {
			t.Errorf("%s without the role: %d", path, p.status)
		}
	}
	for _, path := range []string{"/", "/personnes", fmt.Sprintf("/personnes/%d", id), "/import", "/journal"} {
		if p := w.stranger().see(path); p.url.Path != "/connexion" || strings.Contains(p.body, "Benali") {
			t.Errorf("nobody, %s: led to %s", path, p.url.Path)
		}
	}
	if p := reader.see(fmt.Sprintf("/personnes/%d", id)); strings.Contains(p.body, `/adresses"`) || strings.Contains(p.body, "Mettre à jour") {
		t.Error("a reader is shown what a reader may not do")
	}
	// Shut out, or with a new password: the session ends at once.
	err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.DisableStaff("surveillant", w.clock.now())
		_, err2 := tx.SetStaffPassword("scolarite", "$argon2id$x")
		return errorsJoin(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]clerk{"shut out": reader, "new password": manager} {
		if p := c.see("/personnes"); p.url.Path != "/connexion" {
			t.Errorf("%s: still in", name)
		}
	}
}

// scripts finds what a hostile text would have become: a script that is not ours, an
// attribute that is one, an address that is one.
func scripts(p page) (out []string) {
	for d := range p.root.Descendants() {
		if d.Type != html.ElementNode {
			continue
		}
		if d.Data == "script" && !strings.HasPrefix(attr(d, "src"), "/static/") || d.Data == "img" && attr(d, "src") == "x" {
			out = append(out, d.Data)
		}
		for _, a := range d.Attr {
			if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") && (a.Key == "href" || a.Key == "action") {
				out = append(out, a.Key)
			}
		}
	}
	return out
}

func TestCockpitXSS(t *testing.T) {
	w := start(t)
	c, id := w.staff("responsable"), w.id(yanis)
	columns := []string{"vue", ""}
	for _, col := range store.Columns() {
		columns = append(columns, "col", string(col))
	}
	for _, hostile := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='alert(1)' autofocus='`, `javascript:alert(1)`, `{{.}}</textarea>`} {
		w.clock.advance(time.Minute) // the pages of the last one are no flood
		// Stored: past every check, straight into the database.
		err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
			p, _, err := tx.Person(id)
			if err != nil {
				return err
			}
			p.Given, p.Family, p.Birth, p.StudentNumber, p.INE, p.RPPS, p.ExtraTime = hostile, hostile, hostile, hostile, hostile, hostile, hostile
			log := store.Entry{Actor: hostile, Action: "update", Sub: hostile, Person: hostile, Before: hostile, After: hostile}
			return errorsJoin(tx.UpdatePerson(p), tx.AddAddress(id, hostile, w.clock.now(), w.clock.now()), tx.AddAudit(w.clock.now(), log))
		})
		if err != nil {
			t.Fatal(err)
		}
		list := append(append([]string{}, columns...), "q", "yanis.benali")
		pages := map[string]page{
			"list": c.send("/personnes", list...), "person": c.see(fmt.Sprintf("/personnes/%d", id)), "log": c.see("/journal"),
		}
		for name, p := range pages {
			if !strings.Contains(p.text(), strings.Join(strings.Fields(hostile), " ")) && name != "person" {
				t.Errorf("%s does not show %q at all", name, hostile)
			}
		}
		// Reflected: whatever a form or an address says.
		search := append(append([]string{}, columns...), "q", hostile)
		for _, col := range store.Columns() {
			search = append(search, "f."+string(col), hostile)
		}
		pages["search"] = c.send("/personnes", append(search, "sort", hostile, "by", hostile, "size", hostile, "page", hostile)...)
		pages["form"] = c.send(fmt.Sprintf("/personnes/%d", id), "given", hostile, "family", hostile, "birth", hostile, "student", hostile,
			"ine", hostile, "rpps", hostile, "email", hostile, "extra", hostile, "revision", "1", "vue", hostile)
		pages["address"] = c.send(fmt.Sprintf("/personnes/%d/adresses", id), "address", hostile, "vue", hostile)
		pages["header of a file"] = c.upload([]byte("Prénom;Nom;Adresse email;" + strings.ReplaceAll(hostile, ";", ",") + "\n"))
		pages["file"] = c.upload([]byte("Prénom;Nom;Adresse email\n\"" + strings.ReplaceAll(hostile, `"`, `""`) + "\";X;x@y.fr\n"))
		pages["log of one"] = c.see("/journal?personne=" + url.QueryEscape(hostile))
		pages["view"] = c.see("/personnes?vue=" + url.QueryEscape(hostile))
		pages["nowhere"] = c.see("/" + url.PathEscape(hostile))
		s := w.stranger()
		pages["sign-in"] = s.signIn(hostile, hostile)
		pages["return"] = s.see("/connexion?retour=" + url.QueryEscape(hostile))
		for name, p := range pages {
			if found := scripts(p); len(found) > 0 {
				t.Errorf("%s: %q became %v", name, hostile, found)
			}
			if p.status >= http.StatusInternalServerError {
				t.Errorf("%s: %q: %d", name, hostile, p.status)
			}
		}
	}
}

func TestCockpitSQLInjection(t *testing.T) {
	w := start(t)
	c := w.staff("responsable")
	for _, hostile := range []string{`' OR '1'='1`, `'; DROP TABLE accounts; --`, `" OR ""="`, `1 UNION SELECT password FROM staff`, `%`, `\`, "a\x00b", `NEAR(`, `given:*`} {
		p := c.send("/personnes", "q", hostile, "f.family", hostile, "col", "family", "sort", "family_key; DROP TABLE staff", "size", "25 OFFSET 1")
		if p.status != http.StatusOK || strings.Contains(p.body, "argon2id") {
			t.Errorf("search %q: %d", hostile, p.status)
		}
		for path, want := range map[string]int{"/personnes/" + url.PathEscape("1 OR 1=1"): 404, "/journal?avant=" + url.QueryEscape(hostile): 200} {
			if p := c.see(path); p.status != want {
				t.Errorf("%s: %d", path, p.status)
			}
		}
		if p := w.stranger().signIn("scolarite"+hostile, "x"); p.status != http.StatusUnauthorized {
			t.Errorf("sign-in %q: %d", hostile, p.status)
		}
	}
	if n := w.id(camille); n == 0 {
		t.Error("an account is gone")
	}
}

func TestCockpitFixation(t *testing.T) {
	w := start(t)
	c := w.stranger()
	c.token()
	u, err := url.Parse(w.CockpitURL)
	if err != nil {
		t.Fatal(err)
	}
	session := func() string {
		for _, k := range c.web.Jar.Cookies(u) {
			if k.Name == "__Host-cockpit" {
				return k.Value
			}
		}
		return ""
	}
	before := session()
	c.signIn("scolarite", "Scolarite-2026!")
	if after := session(); after == before || before == "" {
		t.Error("the session kept its token when its rights changed")
	}
	victim := w.stranger()
	victim.web.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-cockpit", Value: before, Path: "/", Secure: true}})
	if p := victim.see("/personnes"); p.url.Path != "/connexion" {
		t.Error("the token of before is signed in")
	}
}

// TestCockpitEnumeration: who has an account shows neither in words, nor in the status, nor
// in the time. Of the time the part that would tell is the password's: each try costs one,
// whoever it is for. What a clock measures depends on what else the machine does.
func TestCockpitEnumeration(t *testing.T) {
	w := start(t)
	err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.DisableStaff("surveillant", w.clock.now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := w.stranger()
	for _, login := range []string{"scolarite", "personne", "surveillant", ""} { // a real one, nobody, one shut out, none
		before := w.PasswordsHashed()
		p := c.send("/connexion", "login", login, "password", "Faux-2026!")
		if n := w.PasswordsHashed() - before; n != 1 {
			t.Errorf("%q: %d passwords were hashed, want 1", login, n)
		}
		if p.status != http.StatusUnauthorized || !strings.HasSuffix(p.text(), "Identifiant ou mot de passe incorrect. Identifiant* Mot de passe* Se connecter * champ obligatoire Données personnelles English") {
			t.Errorf("%q: %d %s", login, p.status, p.text())
		}
	}
	// Ten wrong passwords, and strangers wait; the login's own browser does not.
	own := w.staff("responsable")
	var real, other page
	var hashed [2]int
	for range 12 {
		a := w.PasswordsHashed()
		real = c.signIn("responsable", "Faux-2026!")
		b := w.PasswordsHashed()
		other = c.signIn("personne-2", "Faux-2026!")
		hashed[0] += b - a
		hashed[1] += w.PasswordsHashed() - b
	}
	if real.status != http.StatusTooManyRequests || other.status != http.StatusTooManyRequests || hashed[0] != maxTries || hashed[1] != maxTries {
		t.Errorf("after 12 wrong passwords: %d, of nobody %d; %d were hashed", real.status, other.status, hashed)
	}
	own.send("/deconnexion")
	if p := own.signIn("responsable", "Responsable-2026!"); p.status != http.StatusOK {
		t.Errorf("locked out of the own browser by a stranger: %d", p.status)
	}
}

// maxTries are the wrong passwords that are looked at within a quarter of an hour.
const maxTries = 10

// TestCockpitOpenRedirect: where signing in leads is a page of the cockpit, whatever the
// address or the form says.
func TestCockpitOpenRedirect(t *testing.T) {
	w := start(t)
	own, err := url.Parse(w.CockpitURL)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%2F%2Fevil.example",
		"https:evil.example", "javascript:alert(1)", " //evil.example", "/\t/evil.example", "//evil.example/..", "http://" + own.Host + ":80@evil.example/"} {
		w.clock.advance(16 * time.Minute)
		c := w.stranger()
		p := c.see("/connexion?retour=" + url.QueryEscape(to))
		for _, in := range find(p.root, "input") {
			if attr(in, "name") == "retour" && !strings.HasPrefix(attr(in, "value"), "/") || strings.HasPrefix(attr(in, "value"), "//") {
				t.Errorf("%q: the form would lead to %q", to, attr(in, "value"))
			}
		}
		c.web.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Host != own.Host {
				t.Errorf("%q leads to %s", to, r.URL.Host)
				return http.ErrUseLastResponse
			}
			return nil
		}
		p = c.send("/connexion", "login", "scolarite", "password", "Scolarite-2026!", "retour", to)
		if p.url.Host != own.Host {
			t.Errorf("%q led to %s", to, p.url)
		}
		c.see("/connexion?retour=" + url.QueryEscape(to)) // signed in already: led on at once
	}
}

// TestCockpitTenMegabytes: a file larger than any promotion is refused before it is read.
func TestCockpitTenMegabytes(t *testing.T) {
	w := start(t)
	before := w.accounts()
	line := []byte("Agathe;FEELING;agathe@univ-uness.fr\n")
	if p := w.staff("scolarite").upload(bytes.Repeat(line, 10<<20/len(line))); p.status != http.StatusRequestEntityTooLarge {
		t.Errorf("10 MB: %d", p.status)
	}
	if n := w.accounts(); n != before {
		t.Errorf("%d people more", n-before)
	}
}
