package rehearsal_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"portillon/internal/rehearsal/demouniversity"
)

// phone is a student's browser, without JavaScript.
type phone struct {
	*world
	web *http.Client
}

func (w *world) phone() *phone {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &phone{w, &http.Client{Transport: w.web.Transport, Jar: jar}}
}

// page is what the browser shows.
type page struct {
	phone  *phone
	url    *url.URL
	status int
	header http.Header
	body   string
	root   *html.Node
}

func (ph *phone) do(req *http.Request) page {
	ph.t.Helper()
	res, err := ph.web.Do(req)
	if err != nil {
		ph.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		ph.t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(b)))
	if err != nil {
		ph.t.Fatal(err)
	}
	return page{ph, res.Request.URL, res.StatusCode, res.Header, string(b), root}
}

// get opens an address, of the portal where it is a path.
func (ph *phone) get(to string) page {
	ph.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = ph.PortalURL + to
	}
	req, err := http.NewRequestWithContext(ph.t.Context(), http.MethodGet, to, nil)
	if err != nil {
		ph.t.Fatal(err)
	}
	return ph.do(req)
}

// post sends a form as a browser does, from the site itself.
func (ph *phone) post(to string, form url.Values, edit ...func(*http.Request)) page {
	ph.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = ph.PortalURL + to
	}
	req, err := http.NewRequestWithContext(ph.t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		ph.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	u, _ := url.Parse(to)
	req.Header.Set("Origin", u.Scheme+"://"+u.Host)
	for _, f := range edit {
		f(req)
	}
	return ph.do(req)
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// find lists the elements of a name.
func find(n *html.Node, name string) (out []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == name {
			out = append(out, d)
		}
	}
	return out
}

// text is what is to be read on the page.
func (p page) text() string {
	var b strings.Builder
	for d := range p.root.Descendants() {
		switch {
		case d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style":
			b.WriteString(d.Data)
		case d.Type == html.ElementNode && d.Data != "span" && d.Data != "wbr" && d.Data != "b":
			b.WriteString(" ")
		}
	}
	return strings.ReplaceAll(strings.Join(strings.Fields(b.String()), " "), "\u2011", "-")
}

// form finds the fields of the form that leads to action, and where that is.
func (p page) form(action string) (string, url.Values) {
	p.phone.t.Helper()
	for _, f := range find(p.root, "form") {
		if attr(f, "action") != action || attr(f, "method") != "post" {
			continue
		}
		fields := url.Values{}
		for _, in := range find(f, "input") {
			if attr(in, "type") != "radio" && attr(in, "type") != "search" {
				fields.Set(attr(in, "name"), attr(in, "value"))
			}
		}
		to, err := p.url.Parse(action)
		if err != nil {
			p.phone.t.Fatal(err)
		}
		return to.String(), fields
	}
	p.phone.t.Fatalf("%s: no form to %s on %q", p.url.Path, action, p.text())
	return "", nil
}

// submit fills in a form and sends it.
func (p page) submit(action string, kv ...string) page {
	p.phone.t.Helper()
	to, fields := p.form(action)
	for i := 0; i < len(kv); i += 2 {
		fields.Set(kv[i], kv[i+1])
	}
	return p.phone.post(to, fields)
}

// at checks where the browser is, and what it was answered.
func (p page) at(path string, status int) page {
	p.phone.t.Helper()
	if p.url.Path != path || p.status != status {
		p.phone.t.Fatalf("at %s (%d), want %s (%d): %s", p.url.Path, p.status, path, status, p.text())
	}
	return p
}

// says checks that something is to be read.
func (p page) says(want string) page {
	p.phone.t.Helper()
	if !strings.Contains(p.text(), strings.Join(strings.Fields(want), " ")) {
		p.phone.t.Fatalf("%s does not say %q but %q", p.url.Path, want, p.text())
	}
	return p
}

var refresh = regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]+)"`)

// follow does what the page that leads to the university tells the browser to.
func (p page) follow() page {
	p.phone.t.Helper()
	m := refresh.FindStringSubmatch(p.body)
	if m == nil {
		p.phone.t.Fatalf("%s leads nowhere: %q", p.url.Path, p.text())
	}
	return p.phone.get(html.UnescapeString(m[1]))
}

// identify gives the e-mail.
func (ph *phone) identify(email string) page {
	ph.t.Helper()
	return ph.get("/connexion").submit("/connexion", "email", email)
}

// university signs in at the demonstration's university.
func (ph *phone) university(email, login string) page {
	ph.t.Helper()
	ph.identify(email).at("/connexion/choix", 200)
	p := ph.get("/universite").submit("/universite", "university", "demonstration")
	if p.url.Path == "/universite/verifier" {
		p = p.submit("/universite/verifier", "university", "demonstration")
	}
	return p.follow().submit("login", "login", login, "password", demouniversity.Password)
}

var linkLine = regexp.MustCompile(`(?m)^https://\S+/lien/\S+$`)

// links waits until n links have been mailed to an address; the newest is first.
func (ph *phone) links(to string, n int) []string {
	ph.t.Helper()
	var out []string
	eventually(ph.t, "a mail with a link", func() bool {
		out = nil
		for _, m := range ph.mails(to) {
			if l := linkLine.FindString(m.Text); l != "" {
				out = append(out, l)
			}
		}
		return len(out) >= n
	})
	return out
}

// create gives a new password on the page that asks for it.
func (p page) create(password string) page {
	p.phone.t.Helper()
	return p.submit("/mot-de-passe", "password", password, "confirm", password)
}

// newPassword is one that every test may choose.
const newPassword = "tournesol-bleu-48-Marguerite"

// configured is the whole way to a password.
func (ph *phone) configured(email, login, address string) {
	ph.t.Helper()
	ph.university(email, login).at("/lien-envoye", 200)
	ph.get(ph.links(address, 1)[0]).at("/mot-de-passe", 200).create(newPassword).at("/mot-de-passe/cree", 200)
}

func noLeak(t *testing.T, what, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if s != "" && strings.Contains(text, s) {
			t.Errorf("%s holds a secret or an address", what)
		}
	}
}
