package words_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"portillon/assets"
	"portillon/internal/identity"
	"portillon/internal/words"
)

// forms is what a language's files say, the tablet's and the web pages': key → plural
// form → sentence. A key is in one file alone.
func forms(t *testing.T, lang string) map[string]map[string]string {
	t.Helper()
	files, err := fs.Glob(assets.I18n, "i18n/*.json")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for _, name := range files {
		if base := path.Base(name); base != lang+".json" && !strings.HasSuffix(base, "."+lang+".json") {
			continue
		}
		b, err := assets.I18n.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(b, &raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for key, v := range raw {
			if _, twice := out[key]; twice {
				t.Errorf("%s: %s is in another file too", name, key)
			}
			var one string
			if json.Unmarshal(v, &one) == nil {
				out[key] = map[string]string{"other": one}
				continue
			}
			var many map[string]string
			if err := json.Unmarshal(v, &many); err != nil {
				t.Fatalf("%s: %s: %v", name, key, err)
			}
			out[key] = many
		}
	}
	return out
}

// quoted are labels of the real cockpit, spelt as staff know them from the guide
// (docs/decisions/0012-the-cockpits-labels.md), typography apart.
func quoted() map[string]string {
	return map[string]string{
		"cockpit.address.label":    "Adresse email",
		"cockpit.column.email":     "Adresse email",
		"cockpit.column.secondary": "Adresses email secondaires",
	}
}

var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)

func placeholders(sentences map[string]string) []string {
	var all []string
	for _, s := range sentences {
		all = append(all, placeholder.FindAllString(s, -1)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestLanguagesSayTheSame(t *testing.T) {
	fr, en := forms(t, "fr"), forms(t, "en")
	for key, f := range fr {
		e, ok := en[key]
		if !ok {
			t.Errorf("%s: not in English", key)
			continue
		}
		if !slices.Equal(placeholders(f), placeholders(e)) {
			t.Errorf("%s: quotes %v in French, %v in English", key, placeholders(f), placeholders(e))
		}
		if (f["one"] == "") != (e["one"] == "") {
			t.Errorf("%s: has plural forms in one language alone", key)
		}
	}
	for key := range en {
		if _, ok := fr[key]; !ok {
			t.Errorf("%s: not in French", key)
		}
	}
}

func TestTypography(t *testing.T) {
	const nbsp, narrow = "\u00a0", "\u202f"
	bad := map[string]*regexp.Regexp{
		"straight quote":             regexp.MustCompile(`["']`),
		"e-mail has one spelling":    regexp.MustCompile(`(?i)(^|[^-])\b(email|mail|mél|courriel)s?\b`),
		"space at an end, or two":    regexp.MustCompile(`^\s|\s$|  `),
		"three dots for an ellipsis": regexp.MustCompile(`\.\.\.`),
	}
	badFrench := map[string]*regexp.Regexp{
		"; ! ? need U+202F before":   regexp.MustCompile(`[^` + narrow + `][;!?]`),
		": needs U+00A0 before":      regexp.MustCompile(`[^` + nbsp + `]:`),
		"« needs U+00A0 after":       regexp.MustCompile(`«[^` + nbsp + `]`),
		"» needs U+00A0 before":      regexp.MustCompile(`[^` + nbsp + `]»`),
		"% needs U+00A0 before":      regexp.MustCompile(`[^` + nbsp + `]%`),
		"English quotation marks":    regexp.MustCompile(`[“”]`),
		"a number may part its unit": regexp.MustCompile(`\}\} (s|h|min)\b`),
	}
	for _, lang := range words.Languages() {
		rules := []map[string]*regexp.Regexp{bad}
		if lang == "fr" {
			rules = append(rules, badFrench)
		}
		for key, sentences := range forms(t, lang) {
			for form, s := range sentences {
				if lang == "fr" && quoted()[key] == s {
					continue
				}
				plain := placeholder.ReplaceAllString(s, "0")
				for _, set := range rules {
					for why, re := range set {
						subject := plain
						if strings.Contains(why, "unit") {
							subject = s
						}
						if re.MatchString(subject) {
							t.Errorf("%s: %s (%s): %s: %q", lang, key, form, why, s)
						}
					}
				}
			}
		}
	}
}

// TestGuideWords pins the sentences students and invigilators know from paper.
func TestGuideWords(t *testing.T) {
	w := load(t, "fr")
	for key, want := range map[string]string{
		"action.login":         "SE CONNECTER",
		"action.code.request":  "RECEVOIR LE CODE",
		"action.code.enter":    "SAISIR LE CODE REÇU",
		"email.title":          "Bienvenue\u202f!",
		"email.intro":          "Veuillez saisir votre adresse e-mail pour vous connecter ou créer votre compte UNESS",
		"email.label":          "Votre adresse e-mail*",
		"password.title":       "Compte UNESS",
		"password.label":       "Votre mot de passe Uness*",
		"password.remember":    "Se souvenir de moi",
		"password.forgotten":   "Mot de passe oublié\u202f?",
		"error.password.empty": "Vous devez entrer votre mot de passe.",
		"error.password.wrong": "Mauvais identifiant / mot de passe.",
		"code.title":           "Saisir le code reçu par e-mail",
		"code.sent":            "Nous vous avons envoyé un code de connexion par e-mail.",
		"code.label":           "Code\u00a0:*",
		"action.cancel":        "Annuler",
		"connected.notme":      "Ce n’est pas moi",
		"setup.done":           "J’ai terminé",

		"cockpit.people.title":     "Personnes et fonctions",
		"cockpit.mass":             "Action de masse",
		"cockpit.columns":          "Filtrer les colonnes",
		"cockpit.edit":             "Éditer",
		"cockpit.civil":            "Etat Civil",
		"cockpit.professional":     "Informations professionnelles ou universitaires",
		"cockpit.column.given":     "Prénom",
		"cockpit.column.family":    "Nom",
		"cockpit.column.birth":     "Date de naissance",
		"cockpit.column.student":   "Numéro étudiant",
		"cockpit.column.ine":       "Numéro INE",
		"cockpit.column.rpps":      "Numéro RPPS",
		"cockpit.column.email":     "Adresse email",
		"cockpit.column.extra":     "Majoration de temps",
		"cockpit.extra.third":      "1/3 temps",
		"cockpit.person.save":      "Mettre à jour les informations",
		"cockpit.column.secondary": "Adresses email secondaires",
		"cockpit.address.label":    "Adresse email",
		"cockpit.address.remove":   "Supprimer",
	} {
		w := w
		if strings.HasPrefix(key, "cockpit.") {
			w = load(t, "fr", "cockpit")
		}
		if got := w.T(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestPlurals(t *testing.T) {
	for lang, want := range map[string][]string{
		"fr": {"Il vous reste 0 essai.", "Il vous reste 1 essai.", "Il vous reste 2 essais."},
		"en": {"You have 0 tries left.", "You have 1 try left.", "You have 2 tries left."},
	} {
		w := load(t, lang)
		for n, tail := range want {
			if got := w.Say("error.password.wrong.remaining", n, nil); !strings.HasSuffix(got, tail) {
				t.Errorf("%s, %d: %q does not end in %q", lang, n, got, tail)
			}
		}
	}
}

// Values come from servers and keyboards: they are quoted, never executed.
func TestValuesAreQuotedAsTheyAre(t *testing.T) {
	w := load(t, "fr")
	hostile := `{{.n}} <b> **x** [a](https://b) {{template "z"}}`
	got := w.Say("email.suggest", 0, map[string]string{"email": hostile})
	if !strings.Contains(got, hostile) {
		t.Errorf("value altered: %q", got)
	}
}

// TestEveryKindHasItsSentence: no failure leaves a student without a word. Kinds
// about the person are said beside a field or by a screen of their own.
func TestEveryKindHasItsSentence(t *testing.T) {
	personal := map[identity.Kind][]string{
		identity.WrongPassword:        {"error.password.wrong", "error.password.wrong.remaining"},
		identity.WrongCode:            {"error.code.wrong", "error.code.wrong.remaining"},
		identity.CodeExpired:          {"error.code.expired"},
		identity.CodeUsed:             {"error.code.used"},
		identity.CodeSuperseded:       {"error.code.superseded"},
		identity.TooManyAttempts:      {"error.attempts", "error.attempts.wait", "error.code.attempts"},
		identity.AccountUnknown:       {"error.email.unknown"},
		identity.AccountNotConfigured: {"setup.title", "setup.text"},
		identity.AccountBlocked:       {"error.account.blocked", "error.password.blocked", "error.password.blocked.code"},
		identity.SessionExpired:       {"error.session.expired"},
	}
	for _, lang := range words.Languages() {
		w := load(t, lang)
		for _, kind := range append(identity.Kinds(), identity.KindUnknown) {
			keys, ok := personal[kind]
			if !ok {
				keys = []string{"trouble." + kind.String(), "trouble." + kind.String() + ".who"}
			}
			for _, key := range keys {
				if !w.Has(key) {
					t.Errorf("%s: kind %s: no %s", lang, kind, key)
				}
			}
		}
	}
}

func TestUnknown(t *testing.T) {
	if _, err := words.New("de"); !errors.Is(err, words.ErrLanguage) {
		t.Errorf("German: %v", err)
	}
	if got := load(t, "fr").T("no.such.key"); got != "no.such.key" {
		t.Errorf("unknown key: %q", got)
	}
}

func load(t *testing.T, lang string, sets ...string) *words.Words {
	t.Helper()
	w, err := words.New(lang, sets...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
