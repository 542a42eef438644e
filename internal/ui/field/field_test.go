package field_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"

	"portillon/internal/identity"
	"portillon/internal/ui/field"
	"portillon/internal/ui/look"
)

func key(n fyne.KeyName) *fyne.KeyEvent { return &fyne.KeyEvent{Name: n} }

func themed(t testing.TB) *look.Look {
	t.Helper()
	l := look.New()
	test.NewTempApp(t).Settings().SetTheme(look.Theme(l))
	return l
}

func newSecret(t testing.TB, l *look.Look, ev field.Events) *field.Secret {
	t.Helper()
	s, err := field.NewSecret(l, ev)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func newCode(t testing.TB, l *look.Look, ev field.Events, cells int) *field.Code {
	t.Helper()
	c, err := field.NewCode(l, ev, cells)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// held reads what a field keeps.
func held(t testing.TB, f interface {
	Secret() (*identity.Secret, error)
}) (text string) {
	t.Helper()
	s, err := f.Secret()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Use(func(b []byte) { text = string(b) })
	return text
}

// What is never to be typed: controls, direction and joining marks, odd spaces, a
// broken encoding.
const untypeable = "\x00\x07\t\n\x1b\x7f\u0085\u00a0\u00ad\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\ufffd"

// model is a line of text with a caret, written the plainest way.
type model struct {
	text  []rune
	caret int
	last  int
}

func (m *model) rune(r rune) {
	m.last = -1
	if !strings.ContainsRune(untypeable, r) && len(m.text) < field.MaxSecret {
		m.text = slices.Insert(m.text, m.caret, r)
		m.last = m.caret
		m.caret++
	}
}

func (m *model) key(k fyne.KeyName) {
	m.last = -1
	switch {
	case k == fyne.KeyBackspace && m.caret > 0:
		m.caret--
		m.text = slices.Delete(m.text, m.caret, m.caret+1)
	case k == fyne.KeyDelete && m.caret < len(m.text):
		m.text = slices.Delete(m.text, m.caret, m.caret+1)
	case k == fyne.KeyLeft:
		m.caret = max(m.caret-1, 0)
	case k == fyne.KeyRight:
		m.caret = min(m.caret+1, len(m.text))
	case k == fyne.KeyHome:
		m.caret = 0
	case k == fyne.KeyEnd:
		m.caret = len(m.text)
	}
}

func TestSecretIsWhatWasTyped(t *testing.T) {
	l := themed(t)
	rapid.Check(t, func(rt *rapid.T) {
		told := 0
		s, err := field.NewSecret(l, field.Events{Typed: func(n int) { told = n }})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		s.Resize(fyne.NewSize(400, 56))
		m := &model{last: -1}
		runes := rapid.SampledFrom([]rune("azAZ09 éèÉœŸ€²µ§°…\"\\" + untypeable))
		keys := rapid.SampledFrom([]fyne.KeyName{fyne.KeyBackspace, fyne.KeyDelete, fyne.KeyLeft, fyne.KeyRight, fyne.KeyHome, fyne.KeyEnd})
		burst := rapid.IntRange(1, 30)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0, 1, 2:
				r := runes.Draw(rt, "rune")
				for range burst.Draw(rt, "times") {
					s.Rune(r)
					m.rune(r)
				}
			case 3, 4:
				k := keys.Draw(rt, "key")
				s.TypedKey(key(k))
				m.key(k)
			case 5:
				s.Backspace()
				m.key(fyne.KeyBackspace)
			case 6:
				old, r := runes.Draw(rt, "old"), rapid.SampledFrom([]rune("êàç")).Draw(rt, "new")
				if m.last >= 0 && rapid.Bool().Draw(rt, "right") {
					old = m.text[m.last]
				}
				s.Replace(old, r)
				if m.last >= 0 && m.text[m.last] == old {
					m.text[m.last] = r
				}
			case 7:
				s.SetShown(rapid.Bool().Draw(rt, "shown"))
			case 8:
				r := runes.Draw(rt, "hardware")
				s.TypedRune(r)
				m.rune(r)
			case 9:
				if rapid.IntRange(0, 5).Draw(rt, "wipe") == 0 {
					s.Wipe()
					*m = model{last: -1}
					told = 0
				}
			}
			if got := held(t, s); got != string(m.text) || s.Count() != len(m.text) || told != len(m.text) {
				rt.Fatalf("holds %q (%d, told %d), typed %q", got, s.Count(), told, string(m.text))
			}
		}
	})
}

// drawn is every text of a widget's drawing from the left, hidden ones too.
func drawn(w fyne.Widget) (texts []string) {
	var all []*canvas.Text
	for _, o := range test.WidgetRenderer(w).Objects() {
		if t, ok := o.(*canvas.Text); ok {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b *canvas.Text) int { return cmp.Compare(a.Position().X, b.Position().X) })
	for _, t := range all {
		texts = append(texts, t.Text)
	}
	return texts
}

func TestSecretNeverDrawsTwoCharactersInOne(t *testing.T) {
	l := themed(t)
	s := newSecret(t, l, field.Events{})
	s.Resize(fyne.NewSize(400, 56))
	for _, r := range "Été 2024 à l’œil: §µ" {
		s.Rune(r)
	}
	if got := strings.Join(drawn(s), ""); got != "" {
		t.Errorf("hidden, %q is drawn", got)
	}
	s.SetShown(true)
	texts := drawn(s)
	if got := strings.Join(texts, ""); got != "Été 2024 à l’œil: §µ" {
		t.Errorf("shown, %q is drawn", got)
	}
	for _, text := range texts {
		if utf8.RuneCountInString(text) > 1 {
			t.Errorf("%q is one object", text)
		}
	}
	s.SetShown(false)
	if got := strings.Join(drawn(s), ""); got != "" {
		t.Errorf("hidden again, %q is kept", got)
	}
	s.SetShown(true)
	s.Wipe()
	if got := strings.Join(drawn(s), ""); got != "" || s.Count() != 0 {
		t.Errorf("wiped, %q is kept", got)
	}
	s.Rune('x')
	if got := strings.Join(drawn(s), ""); got != "" {
		t.Errorf("the next password is shown: %q", got)
	}
}

func TestSecretFull(t *testing.T) {
	l := themed(t)
	var refused []rune
	s := newSecret(t, l, field.Events{Refused: func(r rune) { refused = append(refused, r) }})
	for range field.MaxSecret {
		s.Rune('é')
	}
	s.Rune('x')
	s.Replace('x', 'y') // what was refused is not replaced, nor what came before it
	if held(t, s) != strings.Repeat("é", field.MaxSecret) || string(refused) != "x" {
		t.Errorf("refused %q", string(refused))
	}
	s.Close()
	s.Rune('a')
	if s.Count() != 0 || string(refused) != "xa" {
		t.Error("a closed field takes characters")
	}
}

func TestCode(t *testing.T) {
	l := themed(t)
	var refused []rune
	var typed []int
	submitted := 0
	c := newCode(t, l, field.Events{
		Refused: func(r rune) { refused = append(refused, r) },
		Typed:   func(n int) { typed = append(typed, n) },
		Submit:  func() { submitted++ },
	}, 6)
	for _, r := range "00 7a1é٣２2 9" {
		c.TypedRune(r)
	}
	if got := held(t, c); got != "007129" || string(refused) != "aé٣２" || submitted != 0 {
		t.Errorf("holds %q, refused %q, sent %d", got, string(refused), submitted)
	}
	if !slices.Equal(typed, []int{1, 2, 3, 4, 5, 6}) {
		t.Errorf("told %v", typed)
	}
	c.Rune('5')
	if got := held(t, c); got != "007129" || refused[len(refused)-1] != '5' {
		t.Errorf("a seventh digit: %q", got)
	}
	c.TypedKey(key(fyne.KeyReturn))
	if submitted != 1 {
		t.Errorf("Return sends %d", submitted)
	}
	c.TypedKey(key(fyne.KeyHome))
	c.TypedKey(key(fyne.KeyDelete))
	c.TypedKey(key(fyne.KeyEnd))
	c.Backspace()
	if got := held(t, c); got != "0712" {
		t.Errorf("edited to %q", got)
	}
	c.SetCells(3)
	if got := held(t, c); got != "071" {
		t.Errorf("three cells hold %q", got)
	}
	c.SetCells(40)
	for range 40 {
		c.Rune('9')
	}
	if c.Count() != field.MaxCells {
		t.Errorf("%d digits", c.Count())
	}
	for _, text := range drawn(c) {
		if len(text) > 1 {
			t.Errorf("%q is one object", text)
		}
	}
	c.Wipe()
	if c.Count() != 0 || strings.Join(drawn(c), "") != "" {
		t.Error("wiped, something is kept")
	}
}

func TestEmailTellsEveryKey(t *testing.T) {
	l := themed(t)
	var said []string
	say := func(s string) func() { return func() { said = append(said, s) } }
	e := field.NewEmail(l, field.Events{
		Rune: func(r rune) { said = append(said, string(r)) }, Backspace: say("backspace"), Delete: say("delete"),
		CaretTo: func(n int) { said = append(said, "caret "+string(rune('0'+n))) },
		Refused: func(rune) { said = append(said, "refused") },
		Submit:  say("submit"), Back: say("back"), Focused: func(g bool) { said = append(said, map[bool]string{true: "on", false: "off"}[g]) },
	})
	e.SetText("abc", 1)
	e.FocusGained()
	for _, r := range "é@\u202e" {
		e.TypedRune(r)
	}
	for _, k := range []fyne.KeyName{fyne.KeyBackspace, fyne.KeyDelete, fyne.KeyLeft, fyne.KeyRight, fyne.KeyHome, fyne.KeyEnd,
		fyne.KeyReturn, fyne.KeyEnter, fyne.KeyEscape, fyne.KeyF1, fyne.KeyUp, fyne.KeyTab} {
		e.TypedKey(key(k))
	}
	e.FocusLost()
	want := "on é @ refused backspace delete caret 0 caret 2 caret 0 caret 3 submit submit back off"
	if got := strings.Join(said, " "); got != want {
		t.Errorf("said %q\nwant %q", got, want)
	}
}

func TestTapMovesTheCaret(t *testing.T) {
	l := themed(t)
	at := -1
	e := field.NewEmail(l, field.Events{CaretTo: func(n int) { at = n }})
	w := test.NewTempWindow(t, e)
	w.Resize(fyne.NewSize(400, 56))
	e.SetText("moi@univ-uness.fr", 17)
	for x, want := range map[float32]int{2: 0, 390: 17} {
		e.Tapped(&fyne.PointEvent{Position: fyne.NewPos(x, 20)})
		if at != want {
			t.Errorf("a touch at %g puts the caret at %d, not %d", x, at, want)
		}
	}
	middle := 17 + fyne.MeasureText("moi@", look.SizeBody, fyne.TextStyle{}).Width
	e.Tapped(&fyne.PointEvent{Position: fyne.NewPos(middle, 20)})
	if at != 4 {
		t.Errorf("a touch behind the @ puts the caret at %d", at)
	}
	if w.Canvas().Focused() != fyne.Focusable(e) {
		t.Error("a touched field has not the focus")
	}
}

func TestTabReachesTheEye(t *testing.T) {
	l := themed(t)
	toggled := 0
	s := newSecret(t, l, field.Events{ToggleShown: func() { toggled++ }})
	w := test.NewTempWindow(t, s)
	w.Canvas().Focus(s)
	test.FocusNext(w.Canvas())
	eye := w.Canvas().Focused()
	if eye == nil || eye == fyne.Focusable(s) {
		t.Fatalf("Tab goes to %T", eye)
	}
	eye.TypedKey(key(fyne.KeySpace))
	eye.TypedRune('x')
	if toggled != 1 || s.Count() != 0 {
		t.Errorf("Space toggles %d times, %d typed", toggled, s.Count())
	}
}

// TestShownAgain: Fyne forgets the renderer of a widget that was hidden for a minute. A new one
// draws the same.
func TestShownAgain(t *testing.T) {
	l := themed(t)
	secret, code, email := newSecret(t, l, field.Events{}), newCode(t, l, field.Events{}, 6), field.NewEmail(l, field.Events{})
	email.SetText("moi@univ-uness.fr", 4)
	for _, w := range []fyne.Widget{email, secret, code} {
		test.NewTempWindow(t, w).Resize(fyne.NewSize(400, 100))
		widgets := []fyne.Widget{w}
		for _, o := range test.WidgetRenderer(w).Objects() {
			if inner, ok := o.(fyne.Widget); ok {
				widgets = append(widgets, inner)
			}
		}
		for _, w := range widgets {
			before, after := test.WidgetRenderer(w).Objects(), w.CreateRenderer().Objects()
			for i := range before {
				if before[i].Visible() && (before[i].Size() != after[i].Size() || before[i].Position() != after[i].Position()) {
					t.Errorf("%T: %T was %v at %v, and is %v at %v", w, before[i], before[i].Size(), before[i].Position(), after[i].Size(), after[i].Position())
				}
			}
		}
	}
}

// Nothing here may be reached by the shortcuts of cut, copy, paste, undo or select.
func TestNoShortcuts(t *testing.T) {
	l := themed(t)
	for _, w := range []fyne.CanvasObject{field.NewEmail(l, field.Events{}), newSecret(t, l, field.Events{}), newCode(t, l, field.Events{}, 6)} {
		if _, ok := w.(fyne.Shortcutable); ok {
			t.Errorf("%T takes shortcuts", w)
		}
		if _, ok := w.(fyne.SecondaryTappable); ok {
			t.Errorf("%T has a context menu", w)
		}
		if _, ok := w.(interface{ SelectedText() string }); ok {
			t.Errorf("%T has a selection", w)
		}
		if h := w.MinSize().Height; h < look.ButtonHeight {
			t.Errorf("%T is %g dp high", w, h)
		}
	}
}
