package demouniversity_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"portillon/internal/rehearsal/demouniversity"
	"portillon/internal/rehearsal/university"
)

const redirect = "https://portal.example/retour/"

// world is a provider, the portal's relying party, and a browser that follows no
// redirect.
type world struct {
	t       *testing.T
	server  *httptest.Server
	party   *university.Party
	dir     *university.Directory
	browser *http.Client
}

func start(t *testing.T) *world {
	t.Helper()
	dir, err := university.France()
	if err != nil {
		t.Fatal(err)
	}
	dir, err = dir.With(university.University{ID: "uness", Name: "Université de démonstration", Domains: []string{"univ-uness.fr"}})
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	p, err := demouniversity.New(demouniversity.Config{
		Directory: dir, Client: "portail", Secret: "se+cr:et", Redirect: redirect, Base: s.URL, Now: time.Now,
		Students: []demouniversity.Student{{University: "uness", Login: "lmoreau", Name: "Léa Moreau", Address: "lea.moreau@etu.univ-uness.fr"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	handler = p.Handler()
	browser := s.Client()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &world{t, s, university.NewParty(redirect, p.Clients(), s.Client().Transport, time.Now), dir, browser}
}

func (w *world) read(res *http.Response, err error) (*http.Response, string) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(b)
}

var hidden = regexp.MustCompile(`name="request" value="([^"]+)"`)

// signIn opens the sign-in page and submits its form.
func (w *world) signIn(address, action, login, password string) *http.Response {
	w.t.Helper()
	res, page := w.read(w.browser.Get(address))
	if res.StatusCode != http.StatusOK || hidden.FindStringSubmatch(page) == nil {
		w.t.Fatalf("%d %s", res.StatusCode, page)
	}
	to := address[:strings.LastIndex(address[:strings.Index(address, "?")], "/")] + "/" + action
	res, _ = w.read(w.browser.PostForm(to, url.Values{
		"request": {hidden.FindStringSubmatch(page)[1]}, "login": {login}, "password": {password},
	}))
	return res
}

func (w *world) answer(res *http.Response) url.Values {
	w.t.Helper()
	to, err := res.Location()
	if err != nil || res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to.String(), redirect) {
		w.t.Fatalf("%d %v %v", res.StatusCode, to, err)
	}
	return to.Query()
}

func TestSignIn(t *testing.T) {
	w := start(t)
	for id, c := range map[string]struct{ login, want, name string }{
		"uness": {"LMoreau ", "lea.moreau@etu.univ-uness.fr", "Léa Moreau"},
		"rouen": {"prenom.nom", "prenom.nom@etu.univ-rouen.fr", "Prenom Nom"},
	} {
		u, _ := w.dir.Get(id)
		a, address, err := w.party.Begin(t.Context(), u, false)
		if err != nil {
			t.Fatal(err)
		}
		q := w.answer(w.signIn(address, "login", c.login, demouniversity.Password))
		got, err := w.party.Finish(t.Context(), a, u, q)
		if err != nil || got.Address != c.want || got.Name != c.name {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
		if _, err := w.party.Finish(t.Context(), a, u, q); !errors.Is(err, university.ErrForged) {
			t.Errorf("a code worked twice: %v", err)
		}
	}
}

func TestWrongPasswordAndCancel(t *testing.T) {
	w := start(t)
	u, _ := w.dir.Get("uness")
	a, address, err := w.party.Begin(t.Context(), u, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"lmoreau", "inconnu", `"><script>alert(1)</script>`} {
		if res := w.signIn(address, "login", login, "faux"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", login, res.StatusCode)
		}
	}
	_, err = w.party.Finish(t.Context(), a, u, w.answer(w.signIn(address, "cancel", "", "")))
	if !errors.Is(err, university.ErrDeclined) {
		t.Error(err)
	}
}

// TestOpenRedirect: a stranger's client or redirect URI is never redirected to.
func TestOpenRedirect(t *testing.T) {
	w := start(t)
	u, _ := w.dir.Get("uness")
	_, address, err := w.party.Begin(t.Context(), u, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"client_id": "x", "redirect_uri": "https://evil.example/"} {
		bad, _ := url.Parse(address)
		q := bad.Query()
		q.Set(name, value)
		bad.RawQuery = q.Encode()
		if res, _ := w.read(w.browser.Get(bad.String())); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}
