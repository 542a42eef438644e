package rehearsal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portillon/internal/e2e/browser"
	"portillon/internal/words"
)

// view is how somebody looks at the web pages: on what, and in which language.
type view struct {
	size, lang string
	window     browser.Window
	words      *words.Words
}

// each runs f as a student with a phone sees the pages, in French, and as somebody at a desk
// in English; the other way round where staff is meant. WEB_PICTURES=all has all four.
func each(t *testing.T, f func(*testing.T, view), staff ...bool) {
	t.Helper()
	here := len(staff) > 0
	for _, v := range []struct {
		view
		staff bool
	}{
		{view{size: "phone", lang: "fr", window: browser.Phone()}, false}, {view{size: "desk", lang: "en", window: browser.Desk()}, false},
		{view{size: "desk", lang: "fr", window: browser.Desk()}, true}, {view{size: "phone", lang: "en", window: browser.Phone()}, true},
	} {
		if v.staff != here && os.Getenv("WEB_PICTURES") != "all" {
			continue
		}
		w, err := words.New(v.lang, "web", "cockpit", "portal")
		if err != nil {
			t.Fatal(err)
		}
		v.words = w
		t.Run(v.size+"-"+v.lang, func(t *testing.T) { f(t, v.view) })
	}
}

// browser starts one; nil: there is none on this machine, and the test is over.
func (v view) browser(t *testing.T, w *world) *browser.Browser {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.log)
		}
	})
	// Outside git: the pictures are looked at, not compared.
	dir, err := filepath.Abs("../../out/web")
	if err != nil {
		t.Fatal(err)
	}
	return browser.Start(t, v.window, w.CAPin, dir)
}

// page looks at the accessibility of a page and keeps a picture.
func (v view) page(b *browser.Browser, site, name string) {
	b.Page(site + "-" + v.size + "-" + v.lang + "-" + name)
}

// t is a sentence of the view's language.
func (v view) t(key string, kv ...string) string {
	args := map[string]string{}
	for i := 0; i+1 < len(kv); i += 2 {
		args[kv[i]] = kv[i+1]
	}
	return strings.Join(strings.Fields(v.words.Say(key, 1, args)), " ")
}

// says waits until an element says a sentence.
func (v view) says(b *browser.Browser, css browser.CSS, key string, kv ...string) {
	b.Says(css, v.t(key, kv...))
}
