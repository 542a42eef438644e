package ui_test

import (
	"testing"

	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/words"
)

// TestCheckWords: every check has a name and a remedy in every language, and everything in «Rapport»
// a word.
func TestCheckWords(t *testing.T) {
	for _, lang := range words.Languages() {
		w, err := words.New(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range preflight.Entries() {
			for _, key := range []string{"check." + e.ID, "check." + e.ID + ".remedy"} {
				if !w.Has(key) {
					t.Errorf("%s: no %s", lang, key)
				}
			}
		}
		for _, s := range login.Screens() {
			if key := "report.screen." + string(s); !w.Has(key) {
				t.Errorf("%s: no %s", lang, key)
			}
		}
		kinds := login.Codes()
		for _, k := range identity.Kinds() {
			kinds = append(kinds, k.String())
		}
		for _, k := range kinds {
			if key := "report.kind." + k; !w.Has(key) {
				t.Errorf("%s: no %s", lang, key)
			}
		}
	}
}
