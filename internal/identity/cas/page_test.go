package cas

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"portillon/internal/identity/identitytest"
)

var at = &url.URL{Scheme: "https", Host: "cas.example", Path: "/cas/login", RawQuery: "service=x"}

func isHome(u *url.URL) bool {
	return u.Scheme == "https" && u.Host == "cas.example" && u.User == nil && strings.HasPrefix(u.EscapedPath(), "/cas/")
}

const htmlType = "text/html;charset=UTF-8"

// What CAS showed is taken for what it is.
func TestRecordedPages(t *testing.T) {
	for name, want := range map[string]kind{
		"who": pageUsername, "unknown": pageUsername, "menu": pageMenu, "password": pagePassword,
		"wrong-password": pageUsername, "token": pageToken, "wrong-token": pageToken,
		"terms-of-use": pageOther, "consent": pageOther, "second-factor": pageOther, "interrupt": pageOther,
	} {
		a := fixture(t, name)
		p, err := readPage(a.Status, a.Header.Get("Content-Type"), a.Body, at, isHome)
		if err != nil || p.kind != want {
			t.Errorf("%s: %+v, %v", name, p, err)
			continue
		}
		if p.version != "7.2.0" || len(p.prints) != 12 {
			t.Errorf("%s: version %q, fingerprint %q", name, p.version, p.prints)
		}
		if p.form != nil && (p.form.value(fieldExecution) == "" || p.form.action.Path != "/cas/login") {
			t.Errorf("%s: form %+v", name, p.form)
		}
	}
	for _, name := range []string{"account-disabled", "account-locked", "password-expired", "unknown-service"} {
		a := fixture(t, name)
		_, err := readPage(a.Status, a.Header.Get("Content-Type"), a.Body, at, isHome)
		var u *UnexpectedPage
		if !errors.As(err, &u) || u.Reason != ReasonNoLogin {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another theme and another language: nothing but the fields counts.
func TestThemes(t *testing.T) {
	for _, name := range []string{"who", "password", "token"} {
		a := fixture(t, name)
		plain, err := readPage(200, htmlType, a.Body, at, isHome)
		if err != nil {
			t.Fatal(err)
		}
		body := "<title>Hej</title><form action=search><input name=q></form><form method=POST action='/cas/login'>"
		for _, f := range plain.form.fields {
			body += "<p><input type='" + f.kind + "' name=" + f.name + " value='" + f.value + "'>"
		}
		p, err := readPage(200, "text/html", []byte(body+"<button>Logga in</button></form>"), at, isHome)
		if err != nil || p.kind != plain.kind {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

const (
	execution = `<input type=hidden name=execution value=e1>`
	event     = `<input type=hidden name=_eventId value=submit>`
	ask       = execution + event + `<input name=username><input type=password name=password>`
)

// hostile is what must be refused, and why.
var hostile = map[string]struct {
	body string
	want Reason
}{
	"nested forms":            {`<form method=post><form method=post>` + ask + `</form></form>`, ReasonNested},
	"nested across elements":  {`<form method=post><div><form action=//evil.example method=post></div>` + ask + `</form>`, ReasonNested},
	"another host":            {`<form method=post action="https://evil.example/cas/login">` + ask + `</form>`, ReasonElsewhere},
	"another host by base":    {`<base href="https://evil.example/cas/"><form method=post action=login>` + ask + `</form>`, ReasonElsewhere},
	"another port":            {`<form method=post action="https://cas.example:8443/cas/login">` + ask + `</form>`, ReasonElsewhere},
	"plain http":              {`<form method=post action="http://cas.example/cas/login">` + ask + `</form>`, ReasonElsewhere},
	"another application":     {`<form method=post action="/other/login">` + ask + `</form>`, ReasonElsewhere},
	"user in the address":     {`<form method=post action="https://a@cas.example/cas/login">` + ask + `</form>`, ReasonElsewhere},
	"javascript":              {`<form method=post action="javascript:alert(1)">` + ask + `</form>`, ReasonElsewhere},
	"not an address":          {`<form method=post action="https://[">` + ask + `</form>`, ReasonElsewhere},
	"get":                     {`<form action=login>` + ask + `</form>`, ReasonMethod},
	"plain text encoding":     {`<form method=post enctype=text/plain action=login>` + ask + `</form>`, ReasonMethod},
	"meta refresh":            {`<meta http-equiv=Refresh content="0;url=https://evil.example"><form method=post>` + ask + `</form>`, ReasonRefresh},
	"wrong charset":           {`<meta charset=utf-16><form method=post>` + ask + `</form>`, ReasonCharset},
	"wrong charset, old way":  {`<meta http-equiv=content-type content="text/html; charset=latin1"><form method=post>` + ask + `</form>`, ReasonCharset},
	"not UTF-8":               {"\xff\xfe<form method=post>" + ask + `</form>`, ReasonCharset},
	"zero bytes":              {"<form method=post>\x00" + ask + `</form>`, ReasonCharset},
	"script only":             {`<script>document.write("<form method=post>` + ask + `</form>")</script><noscript>JavaScript</noscript>`, ReasonNoLogin},
	"form in a comment":       {`<!-- <form method=post>` + ask + `</form> -->`, ReasonNoLogin},
	"form in a textarea":      {`<textarea><form method=post>` + ask + `</form></textarea>`, ReasonNoLogin},
	"empty":                   {``, ReasonNoLogin},
	"password, no execution":  {`<form method=post><input name=username><input type=password name=password></form>`, ReasonNoLogin},
	"two executions":          {`<form method=post>` + execution + ask + `</form>`, ReasonFields},
	"empty execution":         {`<form method=post><input type=hidden name=execution>` + event + `<input type=password name=password></form>`, ReasonFields},
	"two usernames":           {`<form method=post>` + ask + `<input name=username value=eve></form>`, ReasonFields},
	"a username from outside": {`<form method=post id=f>` + ask + `</form><input form=f name=username value=eve>`, ReasonFields},
	"fields without end":      {`<form method=post>` + ask + strings.Repeat(`<input name=x>`, maxFields) + `</form>`, ReasonFields},
	"forms without end":       {strings.Repeat(`<form method=post>`+execution+`</form>`, maxForms+1), ReasonFields},
	"two logins":              {`<form method=post>` + ask + `</form><form method=post>` + ask + `</form>`, ReasonAmbiguous},
	"login and code":          {`<form method=post>` + ask + `</form><form method=post>` + execution + `<input name=token></form>`, ReasonAmbiguous},
	"the same choice twice":   {strings.Repeat(`<form method=post>`+execution+`<input type=hidden name=selection value=TOKEN></form>`, 2), ReasonAmbiguous},
}

func TestHostilePages(t *testing.T) {
	for name, c := range hostile {
		p, err := readPage(200, htmlType, []byte(c.body), at, isHome)
		var u *UnexpectedPage
		if p != nil || !errors.As(err, &u) || u.Reason != c.want || len(u.Fingerprint) != 12 {
			t.Errorf("%s: %+v, %v, want %q", name, p, err, c.want)
		}
	}
	for contentType, want := range map[string]Reason{
		"text/html; charset=iso-8859-1": ReasonCharset, "application/json": ReasonNotHTML, "": ReasonNotHTML, "text/html;;": ReasonNotHTML,
	} {
		_, err := readPage(200, contentType, []byte(`<form method=post>`+ask+`</form>`), at, isHome)
		var u *UnexpectedPage
		if !errors.As(err, &u) || u.Reason != want {
			t.Errorf("%q: %v", contentType, err)
		}
	}
}

// Steps that CAS has, and this tablet has no screen for: known as CAS's, never submitted.
func TestOtherSteps(t *testing.T) {
	for name, body := range map[string]string{
		"terms of use":       execution + event + `<button name=submit>I accept`,
		"interrupt":          execution + `<input type=hidden name=_eventId value=proceed>`,
		"consent":            execution + `<input type=radio name=option value=1 checked><input name=reminder><select name=reminderTimeUnit></select>`,
		"one-time password":  execution + event + `<input type=hidden name=geolocation><input type=hidden name=accountId><input type=password name=token>`,
		"simple MFA":         execution + event + `<input type=password name=token><input type=hidden name=geolocation><button name=_eventId_resend>`,
		"password change":    execution + event + `<input type=password name=password><input type=password name=confirmedPassword>`,
		"browser storage":    execution + event + `<input type=hidden name=browserStorage>`,
		"two event buttons":  execution + `<button name=_eventId_a></button><button name=_eventId_b></button>`,
		"security questions": execution + event + `<input type=hidden name=username value=x><input type=hidden name=token value=y><input type=password name=q0>`,
	} {
		p, err := readPage(200, htmlType, []byte(`<form method=post action=login>`+body+`</form>`), at, isHome)
		if err != nil || p.kind != pageOther || p.form != nil || p.choices != nil {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestFormsAreCopiedAsFound(t *testing.T) {
	body := `<form method=post action=login><input type=hidden name=execution value="a&amp;b=é+%20"><input type=hidden name=_eventId value=submit>
		<input type=hidden name=more value=1><input type=hidden name=more value=2><input name=username value="CN=z"><input type=password name=password value=old>
		<input type=submit name=submitBtn value=x><button name=other value=y></button><input name=gone disabled value=z></form>`
	p, err := readPage(200, htmlType, []byte(body), at, isHome)
	if err != nil {
		t.Fatal(err)
	}
	got := p.form.fill(map[string]string{fieldUsername: "zoe"}, fieldPassword)
	want := url.Values{"execution": {"a&b=é+%20"}, "_eventId": {"submit"}, "more": {"1", "2"}, "username": {"zoe"}}
	if got.Encode() != want.Encode() {
		t.Errorf("%v", got)
	}
	if p.form.action.String() != "https://cas.example/cas/login" {
		t.Errorf("action %v", p.form.action)
	}
}

// A fingerprint tells pages apart by their forms, and nothing else of them.
func TestFingerprints(t *testing.T) {
	of := func(body string) string {
		_, err := readPage(200, htmlType, []byte(body), at, isHome)
		var u *UnexpectedPage
		errors.As(err, &u)
		return u.Fingerprint
	}
	a := of(`<form><input name=a value=zoe@univ-uness.fr>`)
	if a != of(`<h1>Zoé</h1><form><input name=a value=x>`) || a == of(`<form><input name=b>`) || a == of(``) {
		t.Error("fingerprints")
	}
	if s := (&UnexpectedPage{Status: 200, Reason: ReasonRefresh, Fingerprint: a}).Error(); !strings.Contains(s, a) {
		t.Error(s)
	}
}

func FuzzPage(f *testing.F) {
	entries, err := recorded.ReadDir("testdata/7.2.0")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		f.Add(fixture(f, strings.TrimSuffix(e.Name(), ".http")).Body)
	}
	for _, c := range hostile {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := readPage(200, htmlType, body, at, isHome)
		var u *UnexpectedPage
		if (p == nil) == (err == nil) || err != nil && (!errors.As(err, &u) || u.Reason == "") {
			t.Fatalf("%+v, %v", p, err)
		}
		if p == nil {
			return
		}
		forms := []*form{p.form}
		if p.kind == pageMenu {
			forms = forms[:0]
			for _, f := range p.choices {
				forms = append(forms, f)
			}
		}
		for _, f := range forms {
			if p.kind != pageOther && (f == nil || !isHome(f.action) || f.method != "post" || f.value(fieldExecution) == "") {
				t.Fatalf("kind %d with %+v", p.kind, f)
			}
		}
	})
}

// Whatever a server answers to the first request, nothing is submitted to it.
func TestNothingIsSubmittedToHostilePages(t *testing.T) {
	r := newReference(t)
	p := mustNew(t, r.config(ModeService))
	show := func(status int, contentType, body string) {
		r.set(func() {
			r.override = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", contentType)
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body)) // the client leaves
			}
		})
	}
	try := func(name string) {
		_, _, err := p.Begin(t.Context(), identitytest.Email(t, "zoe@univ-uness.fr"))
		var u *UnexpectedPage
		if !errors.As(err, &u) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range hostile {
		show(200, htmlType, c.body)
		try(name)
	}
	show(200, htmlType, `<form method=post>`+ask+`</form>`+strings.Repeat(" ", 10<<20))
	try("10 MB")
	for name, to := range map[string]string{
		"elsewhere": "https://evil.example/cas/login", "plain": "http://" + r.srv.Listener.Addr().String() + "/cas/login",
		"another application": "/other", "nowhere": "", "circle": "/cas/login",
	} {
		r.set(func() {
			r.override = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(http.StatusFound)
			}
		})
		try("redirect: " + name)
	}
	for _, l := range r.lines() {
		if strings.HasPrefix(l, "POST") {
			t.Error("submitted:", l)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Base: "https://cas.example/cas", Mode: ModeService, Service: service, ClientID: "c", RedirectURI: callback, CodeValid: 1}
	for _, m := range []Mode{ModeService, ModeOAuth} {
		c := good
		c.Mode = m
		mustNew(t, c)
	}
	for name, spoil := range map[string]func(*Config){
		"base": func(c *Config) { c.Base += "/" }, "mode": func(c *Config) { c.Mode = "" }, "life": func(c *Config) { c.CodeValid = 0 },
		"service": func(c *Config) { c.Service = "" }, "relative": func(c *Config) { c.Service = "/login" }, "fragment": func(c *Config) { c.Service += "#x" },
		"client":   func(c *Config) { c.Mode, c.ClientID = ModeOAuth, "" },
		"redirect": func(c *Config) { c.Mode, c.RedirectURI = ModeOAuth, "https://a@b/" },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
