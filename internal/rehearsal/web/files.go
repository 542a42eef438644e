package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"portillon/assets"
	"portillon/internal/words"
)

//go:embed pages/*.html
var basePages embed.FS

//go:embed static
var baseStatic embed.FS

// file is a static file, whose address changes with its content: it may be kept forever.
type file struct {
	content []byte
	kind    string
	address string
}

// kinds of static files; others are not served.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ttf":
		return "font/ttf"
	}
	return ""
}

// loadStatic reads the static files: this package's, the house's fonts and icon, and the
// site's own. Of a stylesheet, url(NAME) becomes the file's address.
func loadStatic(own fs.FS) (map[string]file, error) {
	out := map[string]file{"icon.png": newFile("icon.png", assets.Icon)}
	base, err := fs.Sub(baseStatic, "static")
	if err != nil {
		return nil, err
	}
	fonts, err := fs.Sub(assets.Fonts, "fonts")
	if err != nil {
		return nil, err
	}
	for _, from := range []fs.FS{fonts, base, own} {
		if from == nil {
			continue
		}
		names, err := fs.Glob(from, "*")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if kindOf(name) == "" {
				continue
			}
			b, err := fs.ReadFile(from, name)
			if err != nil {
				return nil, err
			}
			if path.Ext(name) == ".css" {
				for other, f := range out {
					b = []byte(strings.ReplaceAll(string(b), "url("+other+")", "url("+path.Base(f.address)+")"))
				}
			}
			out[name] = newFile(name, b)
		}
	}
	return out, nil
}

func newFile(name string, content []byte) file {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	address := "/static/" + strings.TrimSuffix(name, ext) + "." + base64.RawURLEncoding.EncodeToString(sum[:9]) + ext
	return file{content, kindOf(name), address}
}

func (s *Site) serveStatic(w http.ResponseWriter, r *http.Request) {
	for _, f := range s.static {
		if f.address == r.URL.Path {
			w.Header().Set("Content-Type", f.kind)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			_, _ = w.Write(f.content) // the reader went away: nobody to tell
			return
		}
	}
	s.visit(w, r).fail(NotFound)
}

// loadPages parses, for each language, each page of the site and of this package with
// the layout and with every part (_NAME.html).
func (s *Site) loadPages() (map[string]map[string]*template.Template, error) {
	base, err := fs.Sub(basePages, "pages")
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]*template.Template{}
	for _, lang := range words.Languages() {
		common := template.New("").Funcs(s.funcs(s.words[lang])).Option("missingkey=error")
		pages := map[string]*template.Template{}
		sources := []fs.FS{base, s.Pages}
		for _, from := range sources {
			if err := parts(common, from); err != nil {
				return nil, err
			}
		}
		for _, from := range sources {
			names, err := fs.Glob(from, "[^_]*.html")
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				t, err := common.Clone()
				if err == nil {
					t, err = t.ParseFS(from, name)
				}
				if err != nil {
					return nil, fmt.Errorf("page %s: %w", name, err)
				}
				pages[strings.TrimSuffix(name, ".html")] = t
			}
		}
		out[lang] = pages
	}
	return out, nil
}

func parts(into *template.Template, from fs.FS) error {
	names, err := fs.Glob(from, "_*.html")
	if err != nil || len(names) == 0 {
		return err
	}
	_, err = into.ParseFS(from, names...)
	return err
}

var (
	errPairs   = errors.New("say: wanted key, count, then pairs of name and value")
	errUnknown = errors.New("no such word or file")
)

// Breakable parts an address where a line may end: before the @ alone. At a dash of the
// address itself nobody could tell it from a hyphen.
func Breakable(address string) []string {
	if i := strings.LastIndex(address, "@"); i > 0 {
		return []string{address[:i], address[i:]}
	}
	return []string{address}
}

// unbroken keeps the word «e-mail» on one line, where it is a word and no part of an address.
func unbroken(sentence string) string {
	return eMail.ReplaceAllString(sentence, "${1}${2}\u2011mail${3}")
}

var eMail = regexp.MustCompile(`(^|[\s’«\x{a0}(])([eE])-mail([\s,;:)\x{a0}\x{202f}*]|\.?$|\.\s)`)

// funcs are what pages may call.
func (s *Site) funcs(w *words.Words) template.FuncMap {
	funcs := template.FuncMap{
		"address": Breakable, // for the part "address" of every page
		"number":  func(n int) string { return message.NewPrinter(language.Make(w.Language())).Sprintf("%d", n) },
		"t": func(key string) (string, error) {
			if !w.Has(key) {
				return "", fmt.Errorf("%w: %s", errUnknown, key)
			}
			return unbroken(w.T(key)), nil
		},
		"say": func(key string, count int, pairs ...any) (string, error) {
			if len(pairs)%2 != 0 || !w.Has(key) {
				return "", fmt.Errorf("%w: %s", errPairs, key)
			}
			args := map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				args[fmt.Sprint(pairs[i])] = fmt.Sprint(pairs[i+1])
			}
			return unbroken(w.Say(key, count, args)), nil
		},
		"asset": func(name string) (string, error) {
			f, ok := s.static[name]
			if !ok {
				return "", fmt.Errorf("%w: %s", errUnknown, name)
			}
			return f.address, nil
		},
		"csrf": func(f Frame) template.HTML {
			token := ""
			if f.v.session {
				token = f.v.token()
			}
			// Our own markup around random letters and digits.
			return template.HTML(`<input type="hidden" name="` + FieldToken + `" value="` + template.HTMLEscapeString(token) + `">`) //nolint:gosec // see above
		},
	}
	maps.Copy(funcs, s.Funcs)
	return funcs
}
