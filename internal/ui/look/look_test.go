package look_test

import (
	"bytes"
	"image/color"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
	"github.com/go-text/typesetting/font"

	"portillon/assets"
	"portillon/internal/ui/look"
)

// luminance and contrast are WCAG 2.2's, «relative luminance» and «contrast ratio».
func luminance(c color.NRGBA) float64 {
	lin := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.R) + 0.7152*lin(c.G) + 0.0722*lin(c.B)
}

func contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	if la < lb {
		la, lb = lb, la
	}
	return (la + 0.05) / (lb + 0.05)
}

func TestContrast(t *testing.T) {
	if c := contrast(color.NRGBA{A: 255}, color.NRGBA{R: 255, G: 255, B: 255, A: 255}); c < 20.99 || c > 21.01 {
		t.Fatalf("black on white is 21:1, not %.2f", c)
	}
	for name, p := range map[string]look.Palette{"ordinary": look.Ordinary(), "high contrast": look.HighContrast()} {
		pairs := []struct {
			what    string
			fg, bg  color.NRGBA
			atLeast float64
		}{
			{"ink on card", p.Ink, p.Card, 7},
			{"ink on ground", p.Ink, p.Ground, 7},
			{"muted on card", p.Muted, p.Card, 4.5},
			{"muted on ground", p.Muted, p.Ground, 4.5},
			{"accent on card", p.Accent, p.Card, 4.5},
			{"accent on ground", p.Accent, p.Ground, 4.5},
			{"button text", p.OnAccent, p.Accent, 4.5},
			{"hovered button text", p.OnAccent, p.AccentHover, 4.5},
			{"pressed button text", p.OnAccent, p.AccentPressed, 4.5},
			{"disabled button text", p.OnDisabled, p.Disabled, 4.5},
			{"disabled text on card", p.OnDisabled, p.Card, 4.5},
			{"ok on card", p.OK, p.Card, 4.5},
			{"ok on ground", p.OK, p.Ground, 4.5},
			{"warning on card", p.Warning, p.Card, 4.5},
			{"warning on ground", p.Warning, p.Ground, 4.5},
			{"error on card", p.Error, p.Card, 4.5},
			{"error on ground", p.Error, p.Ground, 4.5},
			{"key", p.KeyInk, p.Key, 7},
			{"function key", p.KeyInk, p.KeyAccentual, 7},
			{"pressed key", p.KeyInk, p.KeyPress, 4.5},
			{"key hint", p.Muted, p.Key, 4.5},
			{"key hint while pressed", p.Muted, p.KeyPress, 3},
			{"field border on card", p.Line, p.Card, 3},
			{"field border on ground", p.Line, p.Ground, 3},
			{"focus ring on card", p.Focus, p.Card, 3},
			{"focus ring on ground", p.Focus, p.Ground, 3},
			{"key outline on key", p.Line, p.Key, 3},
			{"pressed outline", p.Accent, p.KeyPress, 3},
			{"pressed outline on keyboard", p.Accent, p.KeyboardGround, 3},
		}
		for _, pair := range pairs {
			if got := contrast(pair.fg, pair.bg); got < pair.atLeast {
				t.Errorf("%s: %s has %.2f:1, needs %g:1", name, pair.what, got, pair.atLeast)
			}
		}
	}
}

// The theme must not let one of Fyne's own colours through, nor a second family.
func TestThemeIsComplete(t *testing.T) {
	test.NewTempApp(t)
	l := look.New()
	th := look.Theme(l)
	for _, style := range []fyne.TextStyle{{}, {Bold: true}, {Italic: true}, {Monospace: true}, {Bold: true, Italic: true}} {
		if got := th.Font(style).Name(); !strings.HasPrefix(got, "Inter") {
			t.Errorf("%+v is drawn in %s", style, got)
		}
	}
	if got := th.Size(theme.SizeNameText); got != look.SizeBody {
		t.Errorf("text is %g dp", got)
	}
	before := th.Color(theme.ColorNameBackground, theme.VariantDark)
	l.Palette, l.Percent = look.HighContrast(), 200
	if th.Color(theme.ColorNameBackground, theme.VariantLight) == before {
		t.Error("the theme does not follow the palette")
	}
	if got := th.Size(theme.SizeNameText); got != 2*look.SizeBody {
		t.Errorf("text at 200 %% is %g dp", got)
	}
}

// French needs more than ASCII, and the keyboard more than French.
func TestFontsHoldWhatIsDrawn(t *testing.T) {
	const need = "àâäæçéèêëîïôœöùûüÿÀÂÄÆÇÉÈÊËÎÏÔŒÖÙÛÜŸ«»’‘“”…–—•·°²³µ§€£¤¨\u202f\u00a0\u2011←↑→↓⇧⌫"
	files, err := fs.Glob(assets.Fonts, "fonts/*.ttf")
	if err != nil || len(files) != 3 {
		t.Fatalf("fonts: %v %v", files, err)
	}
	for _, name := range files {
		b, err := assets.Fonts.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		face, err := font.ParseTTF(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for r := rune(0x20); r < 0x7f; r++ {
			if _, ok := face.NominalGlyph(r); !ok {
				t.Errorf("%s lacks %q", name, r)
			}
		}
		for _, r := range need {
			if _, ok := face.NominalGlyph(r); !ok {
				t.Errorf("%s lacks %q", name, r)
			}
			if look.Source(string(r), fyne.TextStyle{}) == nil {
				t.Errorf("for %q the fonts of the system are read", r)
			}
		}
		// What is drawn without fallback must be there.
		for r := rune(0); r < 0x3000; r++ {
			if _, ok := face.NominalGlyph(r); !ok && look.Source(string(r), fyne.TextStyle{}) != nil {
				t.Errorf("%s lacks %U, and nothing else is asked", name, r)
			}
		}
	}
}

func TestDigitsHaveOneWidth(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(look.Theme(look.New()))
	want := fyne.MeasureText("0:00", look.SizeDigits, look.Digits())
	for _, s := range []string{"1:11", "2:59", "8:47"} {
		if got := fyne.MeasureText(s, look.SizeDigits, look.Digits()); math.Abs(float64(got.Width-want.Width)) > 0.1 {
			t.Errorf("%s is %v wide, 0:00 %v", s, got, want)
		}
	}
}

func TestIcons(t *testing.T) {
	test.NewTempApp(t)
	files, err := fs.Glob(assets.Icons, "icons/*.svg")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(look.Icons()) {
		t.Errorf("%d drawings, %d names", len(files), len(look.Icons()))
	}
	ink := look.Ordinary().Accent
	for _, i := range look.Icons() {
		res := i.Draw(ink)
		if bytes.Contains(res.Content(), []byte("currentColor")) || !bytes.Contains(res.Content(), []byte("#1f4e9e")) {
			t.Errorf("%s does not take its colour", i)
		}
		img := canvas.NewImageFromResource(res)
		img.FillMode = canvas.ImageFillContain
		c := software.NewCanvas()
		c.SetPadded(false)
		c.SetContent(img)
		c.Resize(fyne.NewSize(48, 48))
		if shot := c.Capture(); !holds(shot, ink) {
			t.Errorf("%s draws nothing", i)
		}
	}
	if _, err := os.Stat("../../../assets/icon.png"); err != nil || len(look.AppIcon().Content()) < 1000 {
		t.Errorf("no program icon: %v", err)
	}
}
