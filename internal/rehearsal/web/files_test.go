package web

import "testing"

// TestUnbroken: the word stays on its line, an address stays what it is.
func TestUnbroken(t *testing.T) {
	for in, want := range map[string]string{
		"Votre adresse e-mail*":            "Votre adresse e\u2011mail*",
		"par e-mail.":                      "par e\u2011mail.",
		"E-mail address":                   "E\u2011mail address",
		"D’après votre adresse e-mail":     "D’après votre adresse e\u2011mail",
		"l’e-mail, puis":                   "l’e\u2011mail, puis",
		"l’adresse e-mail@univ-x.fr reste": "l’adresse e-mail@univ-x.fr reste",
		"alice.e-mail@x.fr, e-mail.fr":     "alice.e-mail@x.fr, e-mail.fr",
		"e-mailing":                        "e-mailing",
		"":                                 "",
	} {
		if got := unbroken(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
