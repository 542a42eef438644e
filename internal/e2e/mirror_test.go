package e2e

import (
	"fmt"
	"image"
	"math"
	"regexp"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"

	"portillon/internal/login"
	"portillon/internal/ui"
	"portillon/internal/ui/demoexam"
	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// drawing: Fyne draws on one goroutine, and rooms are used by several.
var drawing sync.Mutex

// mirror draws the screens the tablet should be showing, in this process. It knows
// where the buttons and keys are, and what is to be read.
type mirror struct {
	ui     *ui.UI // nil for a player's window
	canvas test.WindowlessCanvas
}

func newMirror(lang string, size image.Point, change ...func(*ui.Frame)) (*mirror, error) {
	drawing.Lock()
	defer drawing.Unlock()
	w, err := words.New(lang)
	if err != nil {
		return nil, err
	}
	// As demo.WriteConfig has it.
	f := ui.Frame{Exam: "Moodle Evaluation", Centre: "Faculté de médecine", Room: "B12", Tablet: "B12-07",
		Version: "dev", LocalPhone: "01 23 45 67 89", SupportPhone: "06.49.10.01.97", SupportURI: "https://sos.uness.fr/",
		Domains: []string{"univ-uness.fr", "etu.univ-uness.fr"}, Demonstration: true}
	for _, c := range change {
		c(&f)
	}
	u := ui.New(f, w, func(login.Event) {})
	m := &mirror{u, draw(u.Content(), size)}
	u.Attach(m.canvas)
	return m, nil
}

// newPlayerMirror draws the demonstration's player for a student.
func newPlayerMirror(p person, size image.Point) (*mirror, error) {
	drawing.Lock()
	defer drawing.Unlock()
	w, err := words.New("fr")
	if err != nil {
		return nil, err
	}
	exam := demoexam.Content(look.New(), w, demoexam.Candidate{Name: p.name}, func() {})
	return &mirror{nil, draw(exam, size)}, nil
}

func draw(content fyne.CanvasObject, size image.Point) test.WindowlessCanvas {
	c := software.NewCanvas()
	c.SetPadded(false)
	c.SetContent(content)
	c.Resize(fyne.NewSize(float32(size.X), float32(size.Y)))
	return c
}

// show draws a view.
func (m *mirror) show(v login.View) {
	drawing.Lock()
	defer drawing.Unlock()
	if v.TextPercent == 0 {
		v.TextPercent = 100
	}
	m.ui.Update(v)
}

// placed is an object in view and where it is in the window.
type placed struct {
	object fyne.CanvasObject
	pos    fyne.Position
}

func (p placed) rect() image.Rectangle {
	s := p.object.Size()
	return image.Rect(int(p.pos.X), int(p.pos.Y), int(p.pos.X+s.Width), int(p.pos.Y+s.Height))
}

func (p placed) center() image.Point {
	r := p.rect()
	return r.Min.Add(r.Max).Div(2)
}

// walk lists everything in view below o.
func walk(o fyne.CanvasObject, at fyne.Position) []placed {
	if !o.Visible() {
		return nil
	}
	at = at.Add(o.Position())
	out := []placed{{o, at}}
	var children []fyne.CanvasObject
	switch w := o.(type) {
	case *fyne.Container:
		children = w.Objects
	case fyne.Widget:
		children = test.WidgetRenderer(w).Objects()
	}
	for _, child := range children {
		out = append(out, walk(child, at)...)
	}
	return out
}

func (m *mirror) all() []placed { return walk(m.canvas.Content(), fyne.Position{}) }

// button is where the button that says label is.
func (m *mirror) button(label string) (image.Rectangle, error) {
	drawing.Lock()
	defer drawing.Unlock()
	var said []string
	for _, p := range m.all() {
		if b, ok := p.object.(*kit.Button); ok {
			if b.Label() == label {
				return p.rect(), nil
			}
			said = append(said, b.Label())
		}
	}
	return image.Rectangle{}, fmt.Errorf("no button %q among %q", label, said)
}

// check is the middle of the one box to tick.
func (m *mirror) check() (image.Point, error) {
	drawing.Lock()
	defer drawing.Unlock()
	for _, p := range m.all() {
		if _, ok := p.object.(*kit.Check); ok {
			return p.center(), nil
		}
	}
	return image.Point{}, fmt.Errorf("no box to tick")
}

// turn goes to a page of the card, counted from 0.
func (m *mirror) turn(page int) error {
	drawing.Lock()
	defer drawing.Unlock()
	for _, p := range m.all() {
		if c, ok := p.object.(*kit.Card); ok {
			c.Turn(page)
			return nil
		}
	}
	return fmt.Errorf("no card in view")
}

// ring is where the countdown in view is.
func (m *mirror) ring() (image.Rectangle, error) {
	drawing.Lock()
	defer drawing.Unlock()
	for _, p := range m.all() {
		if _, ok := p.object.(*kit.Ring); ok {
			return p.rect(), nil
		}
	}
	return image.Rectangle{}, fmt.Errorf("no countdown in view")
}

// press presses the key that says name in the mirror too, so that Shift and layers
// stay the tablet's, and returns where it is.
func (m *mirror) press(name string) (image.Point, bool) {
	drawing.Lock()
	defer drawing.Unlock()
	k, origin := m.keyboard()
	if k == nil {
		return image.Point{}, false
	}
	at, ok := k.Where(name)
	if !ok {
		return image.Point{}, false
	}
	k.FingerDown(0, at)
	k.FingerUp(0, at)
	at = at.Add(origin)
	return image.Pt(int(at.X), int(at.Y)), true
}

// has reports whether a key in view says name.
func (m *mirror) has(name string) bool {
	drawing.Lock()
	defer drawing.Unlock()
	k, _ := m.keyboard()
	if k == nil {
		return false
	}
	_, ok := k.Where(name)
	return ok
}

// keyboard is the one in view and where it is; nil for none.
func (m *mirror) keyboard() (*keyboard.Keyboard, fyne.Position) {
	for _, p := range m.all() {
		if k, ok := p.object.(*keyboard.Keyboard); ok {
			return k, p.pos
		}
	}
	return nil, fyne.Position{}
}

// moving is what changes by itself, and is not compared.
var moving = regexp.MustCompile(`\d+:\d\d|second|dans \d|Demandé`)

// texts are the words on the card and where they stand.
func (m *mirror) texts() map[string]image.Rectangle {
	out := map[string]image.Rectangle{}
	for _, card := range m.all() {
		c, ok := card.object.(*kit.Card)
		if !ok {
			continue
		}
		for _, p := range walk(c, card.pos.Subtract(c.Position())) {
			if t, ok := p.object.(*canvas.Text); ok && strings.TrimSpace(t.Text) != "" && !moving.MatchString(t.Text) {
				r := p.rect()
				r.Max.X = min(r.Max.X, r.Min.X+int(t.MinSize().Width)+1) // a box may be wider than its words
				if t.Alignment == fyne.TextAlignLeading && r.Dx() > 0 && r.Dy() > 0 {
					out[t.Text] = r
				}
			}
		}
	}
	return out
}

// where words stand, wherever they do.
func (m *mirror) where(words ...string) map[string]image.Rectangle {
	drawing.Lock()
	defer drawing.Unlock()
	out := map[string]image.Rectangle{}
	for _, p := range m.all() {
		t, ok := p.object.(*canvas.Text)
		for _, w := range words {
			if ok && t.Text == w {
				out[w] = p.rect()
			}
		}
	}
	return out
}

// picture is the mirror's screen, and what is to be read on it.
func (m *mirror) picture() (image.Image, map[string]image.Rectangle) {
	drawing.Lock()
	defer drawing.Unlock()
	return m.canvas.Capture(), m.texts()
}

// alike is how far two pictures agree within r: the correlation of their lightness,
// at the best of a few shifts of a pixel, 1 for equal.
func alike(a, b image.Image, r image.Rectangle) float64 {
	best := -1.0
	for _, shift := range []image.Point{{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}} {
		best = max(best, correlation(a, b, r, shift))
	}
	return best
}

// shine is how much lighter a is than b over a rectangle, from -255 to 255. Words agree
// in shape on a button that waits; its paint does not.
func shine(a, b image.Image, r image.Rectangle) float64 {
	r = r.Intersect(a.Bounds()).Intersect(b.Bounds())
	var sum float64
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			sum += light(a, x, y) - light(b, x, y)
		}
	}
	return sum / max(1, float64(r.Dx()*r.Dy())) / 0x101
}

func correlation(a, b image.Image, r image.Rectangle, shift image.Point) float64 {
	r = r.Intersect(a.Bounds()).Intersect(b.Bounds())
	var n, sa, sb, saa, sbb, sab float64
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			va, vb := light(a, x, y), light(b, x+shift.X, y+shift.Y)
			n, sa, sb = n+1, sa+va, sb+vb
			saa, sbb, sab = saa+va*va, sbb+vb*vb, sab+va*vb
		}
	}
	va, vb := saa-sa*sa/n, sbb-sb*sb/n
	if n == 0 || va <= 0 || vb <= 0 {
		return 0
	}
	return (sab - sa*sb/n) / math.Sqrt(va*vb)
}

func light(img image.Image, x, y int) float64 {
	r, g, b, _ := img.At(x, y).RGBA()
	return float64(r)*0.3 + float64(g)*0.6 + float64(b)*0.1
}

// french is the sentence of a key, for what screens.md gives no words to.
func french(key string) string {
	w, err := words.New("fr")
	if err != nil {
		return key // a button that nobody finds
	}
	return w.T(key)
}
