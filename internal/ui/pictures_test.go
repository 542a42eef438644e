package ui_test

import (
	"cmp"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"portillon/internal/ui"
)

// TestPictures draws every page of every scene to PICTURES, a folder, for people to look at;
// PICTURES_ONLY is a part of the names wanted, PICTURES_LANG the language (fr). Without PICTURES it draws one
// scene to memory, so that the way there is tested.
func TestPictures(t *testing.T) {
	folder, only := os.Getenv("PICTURES"), os.Getenv("PICTURES_ONLY")
	lang := cmp.Or(os.Getenv("PICTURES_LANG"), "fr")
	for _, size := range []fyne.Size{{Width: 1280, Height: 800}, {Width: 800, Height: 1280}, {Width: 1920, Height: 1200}} {
		for _, percent := range []int{100, 150, 200} {
			for _, contrast := range []bool{false, true} {
				if contrast && percent == 150 {
					continue
				}
				variant := fmt.Sprintf("%.0fx%.0f-%d", size.Width, size.Height, percent)
				if contrast {
					variant += "-contrast"
				}
				for i, s := range scenes() {
					name := variant + "-" + s.name
					if folder == "" && (i > 0 || variant != "1280x800-100") || !strings.Contains(name, only) {
						continue
					}
					v := s.view
					v.TextPercent, v.HighContrast = percent, contrast
					st := newStage(t, lang, size, func(f *ui.Frame) { f.Demonstration = strings.Contains(s.name, "typed") })
					st.ui.Update(v)
					_, c := card(t, walk(st.ui.Content(), fyne.Position{}))
					for page := range c.Pages() {
						c.Turn(page)
						img := st.canvas.Capture()
						if folder == "" {
							continue
						}
						if page > 0 {
							name = fmt.Sprintf("%s-%s-page%d", variant, s.name, page+1)
						}
						writePicture(t, filepath.Join(folder, name+".png"), img)
					}
				}
			}
		}
	}
}

func writePicture(t *testing.T, path string, img image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
