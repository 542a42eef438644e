package portal

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portillon/internal/rehearsal/web"
	"portillon/internal/words"
)

// key is a key of the translations where it stands in a source or on a page; one that
// ends in a dot is the beginning of several.
var key = regexp.MustCompile(`"(portal\.[a-z0-9.]+)"`)

// TestWords: what pages and sources ask for is there in every language, and nothing else.
func TestWords(t *testing.T) {
	var asked []string
	for _, pattern := range []string{"*.go", "pages/*.html"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range key.FindAllStringSubmatch(string(b), -1) {
				if !slices.Contains([]string{"portal.css", "portal.js", keyFlow}, m[1]) {
					asked = append(asked, m[1])
				}
			}
		}
	}
	for _, lang := range words.Languages() {
		w, err := words.New(lang, "portal")
		if err != nil {
			t.Fatal(err)
		}
		has := w.Keys()
		for _, k := range asked {
			if !slices.ContainsFunc(has, func(h string) bool { return h == k || strings.HasSuffix(k, ".") && strings.HasPrefix(h, k) }) {
				t.Errorf("%s: no %s", lang, k)
			}
		}
		for _, h := range has {
			used := slices.ContainsFunc(asked, func(k string) bool { return h == k || strings.HasSuffix(k, ".") && strings.HasPrefix(h, k) })
			if !used && h != "portal.name" && !strings.HasPrefix(h, "portal.strength.") {
				t.Errorf("%s: %s is said nowhere", lang, h)
			}
		}
	}
}

func TestMalformed(t *testing.T) {
	for address, want := range map[string]string{
		"": "portal.email.empty", "a": "portal.email.malformed", "a@": "portal.email.malformed", "@b.fr": "portal.email.malformed",
		"a@b": "portal.email.malformed", "a@b.": "portal.email.malformed", "a@b@c.fr": "portal.email.malformed",
		"a b@c.fr": "portal.email.malformed", "a@b.fr\x00": "portal.email.malformed", "a@b.fr\xff": "portal.email.malformed",
		strings.Repeat("a", 250) + "@b.fr": "portal.email.malformed",
		"a@b.fr":                           "", "Prenom.NOM-x_y+z@etu.univ-b.fr": "",
	} {
		if got := malformed(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"", "@", "a@b.fr", "a@b@c.fr", "é@b.fr", "\xff@b.fr"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := strings.Join(web.Breakable(s), ""); got != s {
			t.Errorf("%q becomes %q", s, got)
		}
		if malformed(s) == "" && (strings.Count(s, "@") != 1 || len(s) > maxAddress) {
			t.Errorf("%q is taken for an address", s)
		}
	})
}

func TestWaiting(t *testing.T) {
	for d, want := range map[time.Duration]wrong{
		time.Second: {"portal.wait.seconds", 1}, 59500 * time.Millisecond: {"portal.wait.seconds", 60},
		61 * time.Second: {"portal.wait.minutes", 2}, 15 * time.Minute: {"portal.wait.minutes", 15},
	} {
		if got := waiting(d); got != want {
			t.Errorf("%s: %v, want %v", d, got, want)
		}
	}
}

// TestClock: the hour as each language says it.
func TestClock(t *testing.T) {
	at := time.Date(2026, 6, 15, 9, 5, 0, 0, time.UTC)
	if fr, en := clock(at, time.UTC, "fr"), clock(at, time.UTC, "en"); fr != "9\u00a0h\u00a005" || en != "09:05" {
		t.Errorf("%q and %q", fr, en)
	}
}
