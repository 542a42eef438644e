package university

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzAssertion: whatever a university says, what comes out can be mailed to, shown and
// logged without harm.
func FuzzAssertion(f *testing.F) {
	for _, s := range []string{"", "a@univ-rouen.fr", "a@univ-rouen.fr\r\nBcc: b@c.fr", "\"a b\"@univ-rouen.fr", "a@b@univ-rouen.fr", "Prénom\x00Nom", "\xff"} {
		f.Add(s)
	}
	u := University{ID: "rouen", Domains: []string{"univ-rouen.fr"}}
	f.Fuzz(func(t *testing.T, s string) {
		if plausible(s) {
			if strings.Count(s, "@") != 1 || strings.ContainsAny(s, "\r\n,<> ") || len(s) > maxAddress {
				t.Errorf("%q is mailed to", s)
			}
			if at := strings.Index(s, "@"); u.Speaks(s) && !within(strings.ToLower(s[at+1:]), "univ-rouen.fr") {
				t.Errorf("%q is taken for Rouen's", s)
			}
		}
		name := claims{Name: s}.name()
		if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
			t.Errorf("%q is shown as %q", s, name)
		}
		if code := printable(s); len(code) > 40 || strings.ContainsAny(code, "\r\n\"") {
			t.Errorf("%q is logged as %q", s, code)
		}
	})
}

// FuzzAnswer: no query passes for an answer without the attempt's state.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"", "state=&code=x", "code=x", "state=s&state=s&code=x", "error=access_denied", "%zz"} {
		f.Add(s)
	}
	p := &Party{clients: map[string]Client{"rouen": {Issuer: "https://x.fr"}}, now: time.Now}
	u := University{ID: "rouen"}
	f.Fuzz(func(t *testing.T, query string) {
		answer, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		a := Attempt{University: "rouen", State: secret(), Begun: time.Now()}
		if p.belongs(a, u, answer) == nil {
			t.Errorf("%q belongs to an attempt it cannot know", query)
		}
		if p.belongs(Attempt{}, u, answer) == nil {
			t.Errorf("%q belongs to no attempt", query)
		}
	})
}
