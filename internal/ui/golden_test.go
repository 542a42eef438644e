package ui_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"golang.org/x/tools/txtar"

	"portillon/internal/ui/field"
	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/kit"
)

var update = flag.Bool("update", false, "write the golden files of this package anew")

// TestGoldenLayout holds every scene, as a list of what is in view and where, to
// testdata: one archive for each language and orientation, so that a change of
// a screen reads as a change of a few lines.
func TestGoldenLayout(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		for way, size := range map[string]fyne.Size{"landscape": {Width: 1280, Height: 800}, "portrait": {Width: 800, Height: 1280}} {
			t.Run(lang+"-"+way, func(t *testing.T) {
				st := newStage(t, lang, size)
				got := &txtar.Archive{Comment: []byte("What is in view on every screen; `go test ./internal/ui -update` writes it.\n\n")}
				for _, s := range scenes() {
					st.ui.Update(s.view)
					got.Files = append(got.Files, txtar.File{Name: s.name, Data: []byte(listing(st))})
				}
				compareArchive(t, filepath.Join("testdata", lang+"-"+way+".txtar"), got)
			})
		}
	}
}

func compareArchive(t *testing.T, path string, got *txtar.Archive) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for _, f := range want.Files {
		known[f.Name] = string(f.Data)
	}
	for _, f := range got.Files {
		if known[f.Name] != string(f.Data) {
			t.Errorf("%s: %s differs:\n%s", path, f.Name, lineDiff(known[f.Name], string(f.Data)))
		}
		delete(known, f.Name)
	}
	for name := range known {
		t.Errorf("%s: %s is no scene any more", path, name)
	}
}

// lineDiff lists the lines that are in one text alone.
func lineDiff(want, got string) string {
	var b strings.Builder
	count := map[string]int{}
	for _, l := range strings.Split(want, "\n") {
		count[l]++
	}
	for _, l := range strings.Split(got, "\n") {
		if count[l] == 0 {
			fmt.Fprintf(&b, "+ %s\n", l)
		}
		count[l]--
	}
	for _, l := range strings.Split(want, "\n") {
		if count[l] > 0 {
			fmt.Fprintf(&b, "- %s\n", l)
			count[l]--
		}
	}
	return b.String()
}

// listing is what is in view, a line each, in the order of the Tab key.
func listing(st stage) string {
	var b strings.Builder
	for _, s := range walk(st.ui.Content(), fyne.Position{}) {
		at := fmt.Sprintf("%g,%g %gx%g", s.pos.X, s.pos.Y, s.size().Width, s.size().Height)
		switch o := s.object.(type) {
		case *canvas.Text:
			fmt.Fprintf(&b, "  text %s size %g colour %v %q\n", at, o.TextSize, o.Color, o.Text)
		case *kit.Button:
			fmt.Fprintf(&b, "button %s rank %d disabled %v %q\n", at, o.Rank(), o.Disabled(), o.Label())
		case *kit.Card:
			pos, size := o.Face()
			fmt.Fprintf(&b, "card %s face %g,%g %gx%g pages %d\n", at, pos.X, pos.Y, size.Width, size.Height, o.Pages())
		case *canvas.Arc:
			fmt.Fprintf(&b, "  arc %s from %.1f colour %v\n", at, o.StartAngle, o.FillColor)
		case *canvas.Image:
			fmt.Fprintf(&b, "  icon %s\n", at)
		case *kit.QR, *kit.Check, *kit.Pill, *keyboard.Keyboard, *field.Email, *field.Secret, *field.Code:
			fmt.Fprintf(&b, "%s %s\n", strings.TrimPrefix(fmt.Sprintf("%T", o), "*"), at)
		}
	}
	return b.String()
}

// TestGoldenPictures compares the card of the main screens with a picture. Fyne's
// software painter gives the same pixels everywhere, but for the last bit of a
// rounding.
func TestGoldenPictures(t *testing.T) {
	for _, name := range []string{"email-unknown", "password-wrong", "code-amber", "setup-shown", "trouble-busy", "noncompliant-blocked", "connected-opening"} {
		for _, contrast := range []bool{false, true} {
			file := filepath.Join("testdata", name+".png")
			if contrast {
				if name != "password-wrong" && name != "code-amber" {
					continue
				}
				file = filepath.Join("testdata", name+"-contrast.png")
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".png"), func(t *testing.T) {
				st := newStage(t, "fr", fyne.NewSize(1280, 800))
				v := sceneNamed(t, name).view
				v.HighContrast = contrast
				st.ui.Update(v)
				comparePicture(t, file, cropToCard(t, st))
			})
		}
	}
}

func sceneNamed(t *testing.T, name string) scene {
	t.Helper()
	for _, s := range scenes() {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no scene %q", name)
	return scene{}
}

func cropToCard(t *testing.T, st stage) *image.NRGBA {
	t.Helper()
	at, c := card(t, walk(st.ui.Content(), fyne.Position{}))
	pos, size := c.Face()
	pos = pos.Add(at.pos)
	const margin = 8
	from := image.Rect(int(pos.X)-margin, int(pos.Y)-margin, int(pos.X+size.Width)+margin, int(pos.Y+size.Height)+margin)
	out := image.NewNRGBA(image.Rect(0, 0, from.Dx(), from.Dy()))
	draw.Draw(out, out.Bounds(), st.canvas.Capture(), from.Min, draw.Src)
	return out
}

func comparePicture(t *testing.T, path string, got *image.NRGBA) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	want, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if n := different(want, got); n > 20 {
		seen := filepath.Join(t.ArtifactDir(), filepath.Base(path))
		if err := os.WriteFile(seen, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s: %d pixels differ; what was drawn: %s (kept with -artifacts)", path, n, seen)
	}
}

// different counts the pixels that differ by more than rounding.
func different(a, b image.Image) int {
	if a.Bounds() != b.Bounds() {
		return a.Bounds().Dx()*a.Bounds().Dy() + 1
	}
	n := 0
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			ar, ag, ab, _ := a.At(x, y).RGBA()
			br, bg, bb, _ := b.At(x, y).RGBA()
			if apart(ar, br) || apart(ag, bg) || apart(ab, bb) {
				n++
			}
		}
	}
	return n
}

func apart(a, b uint32) bool {
	const rounding = 4 << 8
	return a > b+rounding || b > a+rounding
}
