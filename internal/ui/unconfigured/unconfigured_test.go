package unconfigured

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// reasons are those that internal/image gives.
func reasons() []string {
	return []string{"absent", "damaged", "unsigned", "signature", "altered", "expired", "rolledback", "fleet", "invalid"}
}

func TestEveryReasonIsSaid(t *testing.T) {
	test.NewApp()
	for _, language := range words.Languages() {
		w, err := words.New(language)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range append(reasons(), "unheard") {
			win := test.NewWindow(Content(look.New(), w, Refusal{Reason: r, Detail: "line 3"}, "1.2"))
			win.Resize(fyne.NewSize(1280, 800))
			want := "unconfigured.reason." + r
			if !w.Has(want) {
				if r != "unheard" {
					t.Fatalf("%s: no words for %q", language, r)
				}
				want = "unconfigured.reason.invalid"
			}
			said := texts(win.Content())
			for _, s := range []string{w.T(want), w.T("unconfigured.title"), "line 3", "1.2"} {
				if !strings.Contains(said, s) {
					t.Errorf("%s, %s: %q is not on the screen: %s", language, r, s, said)
				}
			}
			win.Close()
		}
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "refused.json")
	for text, want := range map[string]string{`{"reason":"expired","detail":"x"}`: "expired", `{"reason":"../x"}`: unknown, `{`: unknown, ``: unknown} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Load(file); got.Reason != want || got.Detail == "" {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if got := Load(file + "x"); got.Reason != unknown || got.Detail == "" {
		t.Errorf("no file: %+v", got)
	}
}

// texts is all that is written below o.
func texts(o fyne.CanvasObject) string {
	var b strings.Builder
	if t, ok := o.(*kit.Text); ok {
		b.WriteString(t.Text() + "\n")
	}
	switch o := o.(type) {
	case *fyne.Container:
		for _, c := range o.Objects {
			b.WriteString(texts(c))
		}
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			b.WriteString(texts(c))
		}
	}
	return b.String()
}
