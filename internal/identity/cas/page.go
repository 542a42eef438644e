package cas

import (
	"bytes"
	"mime"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// kind is what a page wants.
type kind int

const (
	pageOther    kind = iota // something this tablet has no screen for
	pageUsername             // who it is, and nothing else
	pagePassword             // the password, and perhaps who it is too
	pageMenu                 // by what means
	pageToken                // a code that was mailed
)

// Bounds on a page; CAS's own have a few forms of a few fields.
const (
	maxForms  = 32
	maxFields = 64
)

// field is a control whose value is sent with its form.
type field struct{ name, value, kind string }

// form is one form of a page.
type form struct {
	id, method, encoding string
	action               *url.URL // resolved; nil: not an address
	fields               []field
}

// page is one page that was understood.
type page struct {
	kind    kind
	form    *form            // of pageUsername, pagePassword and pageToken
	choices map[string]*form // of pageMenu, by the value of "selection"
	prints  string           // its fingerprint
	version string           // of CAS, where the page shows one
}

// Names of fields that are CAS's own: its templates', whatever the theme.
const (
	fieldExecution = "execution"
	fieldEvent     = "_eventId"
	fieldUsername  = "username"
	fieldPassword  = "password"
	fieldToken     = "token"
	fieldSelection = "selection"
)

// Values of "selection".
const (
	choosePassword = "PASSWORD"
	chooseToken    = "TOKEN"
)

// refusal says why a page cannot be taken, with its fingerprint.
func refusal(status int, why Reason, forms []*form) *UnexpectedPage {
	return &UnexpectedPage{Status: status, Reason: why, Fingerprint: fingerprint(forms)}
}

// readPage reads what came from at. home says which addresses are the CAS's own. The error is an
// *UnexpectedPage.
func readPage(status int, contentType string, body []byte, at *url.URL, home func(*url.URL) bool) (*page, error) {
	if why := unreadable(contentType, body); why != "" {
		return nil, refusal(status, why, nil)
	}
	if nested(body) {
		return nil, refusal(status, ReasonNested, nil)
	}
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, refusal(status, ReasonNotHTML, nil)
	}
	r := &reader{base: at}
	r.walk(root, nil)
	r.adopt()
	if r.refuse != "" {
		return nil, refusal(status, r.refuse, r.forms)
	}
	p, why := classify(r.forms, home)
	if why != "" {
		return nil, refusal(status, why, r.forms)
	}
	p.prints, p.version = fingerprint(r.forms), r.version
	return p, nil
}

// unreadable: not HTML in UTF-8. A page in another encoding would have its fields read as
// other characters than a browser does.
func unreadable(contentType string, body []byte) Reason {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "text/html" && media != "application/xhtml+xml" {
		return ReasonNotHTML
	}
	if c, given := params["charset"]; given && !utf8Name(c) || !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return ReasonCharset
	}
	return ""
}

func utf8Name(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return s == "utf-8" || s == "utf8"
}

// nested looks for a form inside a form: the parser drops the inner one, as browsers do, and
// would give its fields to the outer.
func nested(body []byte) bool {
	open := false
	for z := html.NewTokenizer(bytes.NewReader(body)); ; {
		switch z.Next() {
		case html.ErrorToken: // the end
			return false
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); atom.Lookup(name) == atom.Form {
				if open {
					return true
				}
				open = true
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); atom.Lookup(name) == atom.Form {
				open = false
			}
		case html.TextToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

// classify finds the one thing a page wants. Only forms of the webflow count: those with an
// execution.
func classify(forms []*form, home func(*url.URL) bool) (*page, Reason) {
	p := &page{}
	webflow := false
	for _, f := range forms {
		k := f.wants()
		if f.count(fieldExecution) == 0 {
			if k == pagePassword {
				return nil, ReasonNoLogin // a password, but for whom?
			}
			continue
		}
		webflow = true
		if why := f.unfit(home); why != "" {
			return nil, why
		}
		if k == pageOther {
			continue
		}
		if p.kind != pageOther && (p.kind != k || k != pageMenu) {
			return nil, ReasonAmbiguous
		}
		p.kind = k
		if k != pageMenu {
			p.form = f
			continue
		}
		if p.choices == nil {
			p.choices = map[string]*form{}
		}
		name := f.value(fieldSelection)
		if p.choices[name] != nil {
			return nil, ReasonAmbiguous
		}
		p.choices[name] = f
	}
	if !webflow {
		return nil, ReasonNoLogin
	}
	return p, ""
}

// unfit: a form that must not be submitted, whatever it is for.
func (f *form) unfit(home func(*url.URL) bool) Reason {
	switch {
	case f.action == nil || !home(f.action):
		return ReasonElsewhere
	case f.method != "post" || f.encoding != "" && f.encoding != "application/x-www-form-urlencoded":
		return ReasonMethod
	case len(f.fields) > maxFields || f.count(fieldExecution) != 1 || f.value(fieldExecution) == "":
		return ReasonFields
	case f.wants() == pageOther: // never submitted
		return ""
	}
	for _, name := range []string{fieldUsername, fieldPassword, fieldToken, fieldSelection, fieldEvent} {
		if f.count(name) > 1 {
			return ReasonFields
		}
	}
	return ""
}

// wants is what a form is for, by its fields.
func (f *form) wants() kind {
	secrets := 0 // fields that hide what is typed
	for _, c := range f.fields {
		if c.kind == "password" {
			secrets++
		}
	}
	switch {
	case f.shows(fieldPassword, "password") && secrets == 1:
		return pagePassword
	case f.shows(fieldToken, "text", "tel", "number", "password") && secrets <= 1 && !f.secondFactor():
		return pageToken
	case secrets > 0: // a second factor, or a password to be changed
		return pageOther
	case f.shows(fieldSelection, "hidden") && f.value(fieldSelection) != "":
		return pageMenu
	case f.shows(fieldUsername, "text", "email") && f.count(fieldToken) == 0:
		return pageUsername
	}
	return pageOther
}

// secondFactor: CAS's pages for a second factor ask for a "token" too, and send where the browser
// is, or which device is meant.
func (f *form) secondFactor() bool {
	return f.count("geolocation") > 0 || f.count("accountId") > 0 || f.count(fieldUsername) > 0
}

// shows reports whether the form has such a field, of one of the types.
func (f *form) shows(name string, types ...string) bool {
	for _, c := range f.fields {
		for _, t := range types {
			if c.name == name && c.kind == t {
				return true
			}
		}
	}
	return false
}

func (f *form) count(name string) (n int) {
	for _, c := range f.fields {
		if c.name == name {
			n++
		}
	}
	return n
}

func (f *form) value(name string) string {
	for _, c := range f.fields {
		if c.name == name {
			return c.value
		}
	}
	return ""
}

// fill is the form's body with some of its fields set anew and the field without left
// out: that one is the secret's.
func (f *form) fill(set map[string]string, without string) url.Values {
	v := url.Values{}
	for _, c := range f.fields {
		if c.name != without {
			v.Add(c.name, c.value)
		}
	}
	for name, value := range set {
		v.Set(name, value)
	}
	return v
}

var versionForm = regexp.MustCompile(`^([0-9]{1,3}(?:\.[0-9]{1,4}){1,3}(?:-RC[0-9]{1,2}|-SNAPSHOT)?)(?: |$)`)
