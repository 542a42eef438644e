package procedure

import (
	"encoding/json"
	"slices"
	"testing"

	"portillon/assets"
)

// situations are all that Start tells apart, so that every start is looked at.
func situations() []Situation {
	var out []Situation
	for bits := range 1 << 6 {
		on := func(i int) bool { return bits>>i&1 == 1 }
		for _, wrong := range []int{0, 1, 2, 9} {
			for _, expired := range []int{0, 1, 2, 9} {
				out = append(out, Situation{Typed: on(0), Unknown: on(1), NoPassword: on(2), CodeSent: on(3), Broken: on(4), Unreachable: on(5),
					WrongPasswords: wrong, ExpiredCodes: expired})
			}
		}
	}
	return out
}

// reached are the pages that answers lead to from one.
func reached(from ID) map[ID]bool {
	seen, next := map[ID]bool{from: true}, []ID{from}
	for len(next) > 0 {
		p, _ := Find(next[0])
		next = next[1:]
		for _, a := range p.Answers {
			if a.To != "" && !seen[a.To] {
				seen[a.To] = true
				next = append(next, a.To)
			}
		}
	}
	return seen
}

// TestTree: every page is reached, from every page there is a way to somebody who
// helps, and no answer leads nowhere.
func TestTree(t *testing.T) {
	known := map[ID]bool{}
	for _, p := range Pages() {
		if known[p.ID] {
			t.Errorf("%s is there twice", p.ID)
		}
		known[p.ID] = true
	}
	for _, p := range Pages() {
		if !reached(Choose)[p.ID] {
			t.Errorf("%s is reached by no answer", p.ID)
		}
		if !reached(p.ID)[Call] {
			t.Errorf("from %s no answers lead to the call", p.ID)
		}
		if p.Title == "" || len(p.Steps)+len(p.Answers) == 0 {
			t.Errorf("%s says nothing", p.ID)
		}
		if len(p.Steps) > 4 || len(p.Answers) > 3 && p.ID != Choose {
			t.Errorf("%s: %d steps and %d answers are too many for one page", p.ID, len(p.Steps), len(p.Answers))
		}
		labels := map[string]bool{}
		for _, a := range p.Answers {
			if (a.To == "") == (a.Goal == "") {
				t.Errorf("%s: %q leads to a page %q and to a goal %q", p.ID, a.Label, a.To, a.Goal)
			}
			if a.To != "" && (!known[a.To] || a.To == p.ID) {
				t.Errorf("%s: %q leads to %q", p.ID, a.Label, a.To)
			}
			if labels[a.Label] {
				t.Errorf("%s: %q is there twice", p.ID, a.Label)
			}
			labels[a.Label] = true
		}
	}
}

// TestStart: the page that fits, for every situation a page that exists.
func TestStart(t *testing.T) {
	for _, s := range situations() {
		if _, ok := Find(Start(s)); !ok {
			t.Errorf("%+v starts at %q", s, Start(s))
		}
	}
	for _, c := range []struct {
		s    Situation
		want ID
	}{
		{Situation{}, Choose},
		{Situation{Typed: true}, Address},
		{Situation{Typed: true, Unknown: true}, Address},
		{Situation{Typed: true, WrongPasswords: 1}, Address},
		{Situation{Typed: true, WrongPasswords: 2}, Code},
		{Situation{Typed: true, CodeSent: true}, Code},
		{Situation{Typed: true, CodeSent: true, ExpiredCodes: 1}, Code},
		{Situation{Typed: true, CodeSent: true, ExpiredCodes: 2, WrongPasswords: 2}, Secondary},
		{Situation{Typed: true, NoPassword: true}, Account},
		{Situation{Typed: true, WrongPasswords: 2, Unreachable: true}, Call},
		{Situation{Typed: true, Broken: true}, Tablet},
	} {
		if got := Start(c.s); got != c.want {
			t.Errorf("%+v starts at %q, want %q", c.s, got, c.want)
		}
	}
}

// sentences is a language's file; of plural forms one will do.
func sentences(t *testing.T, lang string) map[string]string {
	t.Helper()
	b, err := assets.I18n.ReadFile("i18n/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range raw {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

func keys(p Page) []string {
	all := append([]string{p.Title}, p.Steps...)
	for _, a := range p.Answers {
		all = append(all, a.Label)
	}
	return slices.DeleteFunc(append(all, p.Name, p.Lead), func(k string) bool { return k == "" })
}

// TestTreeHasItsWords in every language.
func TestTreeHasItsWords(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		said := sentences(t, lang)
		for _, p := range Pages() {
			for _, k := range keys(p) {
				if said[k] == "" {
					t.Errorf("%s: %s: no words for %s", lang, p.ID, k)
				}
			}
		}
	}
}
