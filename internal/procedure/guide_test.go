package procedure

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// guided is one entry of testdata/guide.txt: a sentence of the guide and the key that says
// it, "-" where none does, "+" where the guide has no such sentence.
type guided struct {
	key, sentence, why string
	differences        []difference
}

// difference is where the tablet's words are others than the guide's, and why.
type difference struct{ guide, ours, why string }

// guide reads testdata/guide.txt.
func guide(t *testing.T) (out []guided) {
	t.Helper()
	b, err := os.ReadFile("testdata/guide.txt")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(b), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "  "); ok {
			change, why, said := strings.Cut(rest, " | ")
			from, to, made := strings.Cut(change, " => ")
			if !made || !said || why == "" || len(out) == 0 {
				t.Fatalf("guide.txt:%d: wanted THIS => THAT | WHY", n+1)
			}
			last := &out[len(out)-1]
			last.differences = append(last.differences, difference{from, to, why})
			continue
		}
		parts := strings.Split(line, " | ")
		switch {
		case len(parts) == 2 && parts[0] != "-" && parts[0] != "+":
			out = append(out, guided{key: parts[0], sentence: parts[1]})
		case len(parts) == 3 && parts[0] == "-":
			out = append(out, guided{key: "-", sentence: parts[1], why: parts[2]})
		case len(parts) == 3 && parts[0] == "+":
			out = append(out, guided{key: parts[1], why: parts[2]})
		default:
			t.Fatalf("guide.txt:%d: wanted KEY | SENTENCE, - | SENTENCE | WHY or + | KEY | WHY", n+1)
		}
	}
	return out
}

// typed is a sentence without what the house's typography decides: apostrophes, spaces, the
// first letter's case and the mark at the end.
func typed(sentence string) string {
	s := strings.Map(func(r rune) rune {
		switch r {
		case '\u202f', '\u00a0':
			return ' '
		case '\'':
			return '’'
		}
		return r
	}, sentence)
	s = strings.TrimRight(strings.TrimSpace(s), " .;:,")
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}

// TestGuide holds the help to every sentence of «Urgence examen», letter by letter but for
// the differences that testdata/guide.txt lists, and lets the help say nothing that is not
// listed there.
func TestGuide(t *testing.T) {
	said := sentences(t, "fr")
	held := map[string]bool{}
	for _, g := range guide(t) {
		held[g.key] = true
		if g.key == "-" || g.sentence == "" {
			continue
		}
		want := g.sentence
		for _, d := range g.differences {
			if strings.Count(want, d.guide) != 1 {
				t.Errorf("%s: %q is in the guide's sentence %d times: %q", g.key, d.guide, strings.Count(want, d.guide), want)
			}
			if typed(d.guide) == typed(d.ours) {
				t.Errorf("%s: %q is no difference", g.key, d.guide)
			}
			want = strings.Replace(want, d.guide, d.ours, 1)
		}
		if have := typed(said[g.key]); have != typed(want) {
			t.Errorf("%s says\n  %q, and by the guide and its listed differences it is\n  %q", g.key, have, typed(want))
		}
	}
	used := map[string]bool{"-": true, "help.call.only": true, "help.call.uri": true} // the last two: what ThingContacts shows
	for _, p := range Pages() {
		for _, k := range keys(p) {
			used[k] = true
			if !held[k] {
				t.Errorf("%s: %s is not in guide.txt", p.ID, k)
			}
		}
	}
	for _, g := range guide(t) {
		if !used[g.key] {
			t.Errorf("guide.txt: %s is on no page of the help", g.key)
		}
	}
}

// TestGuidesPages: each procedure of the guide has a page that says sentences of it.
func TestGuidesPages(t *testing.T) {
	var quoted []string
	for _, g := range guide(t) {
		if g.key != "-" && g.sentence != "" {
			quoted = append(quoted, g.key)
		}
	}
	for _, p := range Pages() {
		if p.Name != "" && !slices.ContainsFunc(keys(p), func(k string) bool { return slices.Contains(quoted, k) }) {
			t.Errorf("%s is a procedure of the guide, and says nothing of it", p.ID)
		}
	}
}
