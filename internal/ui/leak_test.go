package ui_test

import (
	"image/color"
	"math/rand/v2"
	"runtime"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
)

// texture is what Fyne keeps a texture by, for as long as FYNE_CACHE says.
type texture struct {
	text  string
	size  float32
	style fyne.TextStyle
	color color.Color
}

// walker goes from screen to screen at random, as somebody does who only wants to see what happens.
type walker struct {
	stage
	t       *testing.T
	percent int
	r       *rand.Rand
	scenes  []scene
	seen    map[texture]bool
}

// step shows another view: half of them the first screen with any address typed, now and then in
// another text size.
func (w *walker) step() {
	v := w.scenes[w.r.IntN(len(w.scenes))].view
	if w.r.IntN(2) == 0 {
		v = sceneNamed(w.t, "email-empty").view
	}
	if w.r.IntN(200) == 0 {
		w.percent = 300 - w.percent
	}
	v.TextPercent = w.percent
	if v.Email != nil {
		signs := []rune("abcdefghijklmnopqrstuvwxyz0123456789@.-_+ABCDEFéèçàù'")
		text := make([]rune, w.r.IntN(254))
		for i := range text {
			text[i] = signs[w.r.IntN(len(signs))]
		}
		email := *v.Email
		email.Text, email.Caret = string(text), w.r.IntN(len(text)+1)
		v.Email = &email
	}
	w.ui.Update(v)
}

// look notes what would be painted.
func (w *walker) look(o fyne.CanvasObject) {
	if !o.Visible() {
		return
	}
	var within []fyne.CanvasObject
	switch o := o.(type) {
	case *canvas.Text:
		w.seen[texture{o.Text, o.TextSize, o.TextStyle, o.Color}] = true
	case *fyne.Container:
		within = o.Objects
	case fyne.Widget:
		within = test.WidgetRenderer(o).Objects()
	}
	for _, child := range within {
		w.look(child)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestNothingPilesUp shows 3,000 random views. What is drawn must come from a stock that is
// soon complete, since every text that was never drawn before costs a texture; and what is in
// memory must stay.
func TestNothingPilesUp(t *testing.T) {
	w := &walker{t: t, percent: 100, stage: newStage(t, "fr", fyne.NewSize(1280, 800)), r: rand.New(rand.NewPCG(5, 8)), scenes: scenes(), seen: map[texture]bool{}}
	for _, w.percent = range []int{200, 100} {
		for _, s := range w.scenes {
			s.view.TextPercent = w.percent
			w.ui.Update(s.view)
			w.look(w.ui.Content())
		}
	}
	known := len(w.seen)
	var before uint64
	const steps = 3000
	for i := range steps {
		if i == steps/5 {
			before = heap()
		}
		w.step()
		w.look(w.ui.Content())
		*w.posted = (*w.posted)[:0]
	}
	// Letters that no scene has typed, in both sizes.
	if fresh := len(w.seen) - known; fresh > steps/20 {
		t.Errorf("%d texts on all screens, then %d more in %d views", known, fresh, steps)
	}
	if now := heap(); now > before+before/10 {
		t.Errorf("the heap grew from %d to %d kB", before/1024, now/1024)
	}
	t.Logf("%d texts, %d late; heap %d kB, then %d kB", len(w.seen), len(w.seen)-known, before/1024, heap()/1024)
}
