package ui_test

import (
	"testing"

	"portillon/internal/preflight"
	"portillon/internal/words"
)

// TestCheckWords: every check has a name and a remedy in every language.
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
	}
}
