// Package words turns the key of a sentence into the sentence, in the language of
// the exam centre. The sentences live in assets/i18n, one file per language,
// French first; the code holds keys only.
//
// internal/ui and internal/ui/screen call it for everything a person reads on the
// tablet, internal/rehearsal/web for everything on a web page. A Words is built once
// at start and is safe for concurrent use.
//
// A sentence that counts has the plural forms of its language (CLDR) and quotes
// the number as {{.n}}; other values are quoted by name. Values are inserted as
// plain text: nothing is ever parsed out of them.
package words

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"portillon/assets"
)

// ErrLanguage is wrapped by New for a language without a translation file.
var ErrLanguage = errors.New("no translations for this language")

// Languages lists what New accepts, the default first.
func Languages() []string { return []string{"fr", "en"} }

// Words speaks one language.
type Words struct {
	lang string
	loc  *i18n.Localizer
	// keys tells which sentences exist, and whether they have plural forms.
	keys map[string]bool
}

// New loads the translations of lang, "fr" or "en": the tablet's (i18n/fr.json), or
// those of the named sets, which are files of their own ("web": i18n/web.fr.json). It
// fails with ErrLanguage for any other language, and with the parser's error for a file
// that is not there or is not translations.
func New(lang string, sets ...string) (*Words, error) {
	if !slices.Contains(Languages(), lang) {
		return nil, fmt.Errorf("words: %w: %q", ErrLanguage, lang)
	}
	tag, err := language.Parse(lang)
	if err != nil {
		return nil, fmt.Errorf("words: %w: %w", ErrLanguage, err)
	}
	files := []string{lang + ".json"}
	if len(sets) > 0 {
		files = nil
		for _, set := range sets {
			files = append(files, set+"."+lang+".json")
		}
	}
	bundle := i18n.NewBundle(tag)
	keys := map[string]bool{}
	for _, name := range files {
		file, err := bundle.LoadMessageFileFS(assets.I18n, "i18n/"+name)
		if err != nil {
			return nil, fmt.Errorf("words: %w", err)
		}
		for _, m := range file.Messages {
			keys[m.ID] = m.One != ""
		}
	}
	return &Words{lang: lang, loc: i18n.NewLocalizer(bundle, lang), keys: keys}, nil
}

// Language is the language spoken, as given to New.
func (w *Words) Language() string { return w.lang }

// Has reports whether key names a sentence.
func (w *Words) Has(key string) bool {
	_, ok := w.keys[key]
	return ok
}

// Keys lists every key, sorted.
func (w *Words) Keys() []string { return slices.Sorted(maps.Keys(w.keys)) }

// T is the sentence of key.
func (w *Words) T(key string) string { return w.Say(key, 0, nil) }

// Say is the sentence of key, in the plural form of count, quoting args and the
// count itself as n. An unknown key gives the key: a test finds those, and a
// student in front of one still has a screen.
func (w *Words) Say(key string, count int, args map[string]string) string {
	data := make(map[string]any, len(args)+1)
	data["n"] = count
	for name, value := range args {
		data[name] = value
	}
	what := &i18n.LocalizeConfig{MessageID: key, TemplateData: data}
	if w.keys[key] {
		what.PluralCount = count
	}
	text, err := w.loc.Localize(what)
	if err != nil || text == "" {
		return key
	}
	return text
}
