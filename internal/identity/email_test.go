package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseEmail(t *testing.T) {
	for in, want := range map[string]string{
		"prenom.nom@univ-uness.fr":        "prenom.nom@univ-uness.fr",
		"  a@b.fr\t\n":                    "a@b.fr",
		"\u00a0a@b.fr\u202f":              "a@b.fr",
		"Prenom.Nom@ETU.Univ-Uness.FR":    "Prenom.Nom@etu.univ-uness.fr",
		"o'neil+exam_1@a-b.c_d.example":   "o'neil+exam_1@a-b.c_d.example",
		"hélène@b.fr":                     "hélène@b.fr",
		"he\u0301le\u0300ne@b.fr":         "he\u0301le\u0300ne@b.fr",
		strings.Repeat("l", 64) + "@b.fr": strings.Repeat("l", 64) + "@b.fr",
	} {
		e, err := ParseEmail(in)
		if err != nil || e.Address() != want || e.Local()+"@"+e.Domain() != want || e.IsZero() {
			t.Errorf("ParseEmail(%q) = %q, %v", in, e.Address(), err)
		}
	}
	for _, in := range []string{"", " ", "\n\t", "\u202f"} {
		if _, err := ParseEmail(in); !errors.Is(err, ErrEmailEmpty) {
			t.Errorf("ParseEmail(%q): %v", in, err)
		}
	}
	for _, in := range []string{
		"a", "@", "a@", "@b.fr", "a@b", "a@@b.fr", "a@b.fr@c.fr", "a b@c.fr", "a@b .fr", ".a@b.fr", "a.@b.fr",
		"a..b@c.fr", "a@.b.fr", "a@b..fr", "a@b.fr.", "a@-b.fr", "a@b-.fr", "a@b.f", "a@hélène.fr", "a@[127.0.0.1]",
		`"a"@b.fr`, "a<b@c.fr", "a\x00@b.fr", "a@b.fr\x00", "a\u202e@b.fr", "a@b.fr\xff", "a@" + strings.Repeat("d", 64) + ".fr",
		strings.Repeat("l", 65) + "@b.fr", "a@" + strings.Repeat("d.", 130) + "fr", "mailto:a@b.fr",
	} {
		e, err := ParseEmail(in)
		if !errors.Is(err, ErrEmailMalformed) || e != (Email{}) {
			t.Errorf("ParseEmail(%q) = %q, %v", in, e.Address(), err)
		}
		if err != nil && len(in) > 3 && strings.Contains(err.Error(), in) {
			t.Errorf("the error quotes the address: %v", err)
		}
	}
}

// What was parsed parses to itself.
func TestParseEmailIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := ParseEmail(rapid.String().Draw(t, "local") + "@" + rapid.StringMatching(`[A-Za-z0-9.-]{1,20}\.[a-z]{2,4}`).Draw(t, "domain"))
		if err != nil {
			return // most are refused
		}
		again, err := ParseEmail(e.Address())
		if err != nil || again != e || len(e.Address()) > MaxEmailBytes {
			t.Fatalf("%q became %q, %v", e.Address(), again.Address(), err)
		}
	})
}

func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"a@b.fr", " A@B.FR ", "a@b@c", "\xff@b.fr", "hélène@b.fr"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEmail(s)
		if (err == nil) == e.IsZero() {
			t.Fatalf("%q: %v and %v", s, e.Address(), err)
		}
		if err == nil && strings.Count(e.Address(), "@") != 1 {
			t.Fatalf("%q became %q", s, e.Address())
		}
	})
}

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"}

// redacted prints v in every way a log line might and looks for the canary.
func redacted(t *testing.T, v any, canary string) {
	t.Helper()
	var b strings.Builder
	for _, verb := range verbs {
		fmt.Fprintf(&b, verb+" ", v)
		fmt.Fprintf(&b, verb+" ", []any{v})
		fmt.Fprintf(&b, verb+" ", struct{ V any }{v})
	}
	fmt.Fprint(&b, v, errors.New(fmt.Sprint(v)))
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("x", "v", v, "in", []any{v})
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	if text, err := json.Marshal(map[string]any{"v": v}); err == nil {
		b.Write(text)
	}
	if strings.Contains(b.String(), canary) || strings.Contains(b.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("it shows: %s", b.String())
	}
}

func TestEmailRedacts(t *testing.T) {
	e, err := ParseEmail("canari@univ-uness.fr")
	if err != nil {
		t.Fatal(err)
	}
	redacted(t, e, "canari")
	redacted(t, &e, "canari")
	if (Email{}).Address() != "" {
		t.Error("the zero address has text")
	}
}
