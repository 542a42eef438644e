package keyboard_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"github.com/go-text/typesetting/font"
	"pgregory.net/rapid"

	"portillon/assets"
	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/look"
)

// record writes down what the keyboard says.
type record struct{ said []string }

func (r *record) Rune(c rune)         { r.said = append(r.said, string(c)) }
func (r *record) Replace(old, c rune) { r.said = append(r.said, string(old)+">"+string(c)) }
func (r *record) Text(s string)       { r.said = append(r.said, "text "+s) }
func (r *record) Backspace()          { r.said = append(r.said, "backspace") }
func (r *record) Submit()             { r.said = append(r.said, "submit") }
func (r *record) Touched()            { r.said = append(r.said, "touched") }

func (r *record) take() string {
	s := strings.Join(r.said, " ")
	r.said = nil
	return s
}

var domains = []string{"univ-uness.fr", "etu.univ-uness.fr"}

// docked is a keyboard across a window of this size, as the screens dock it.
func docked(l keyboard.Layout, window fyne.Size) (*keyboard.Keyboard, *record) {
	out := &record{}
	k := keyboard.New(look.New(), out, keyboard.WithTimer(func(d time.Duration, f func()) func() {
		t := time.AfterFunc(d, f)
		return func() { t.Stop() }
	}))
	k.SetDomains(domains, false)
	k.SetLayout(l)
	k.Resize(fyne.NewSize(window.Width, k.HeightFor(window)))
	return k, out
}

var (
	landscape = fyne.NewSize(1280, 800)
	portrait  = fyne.NewSize(800, 1280)
	layouts   = []keyboard.Layout{keyboard.LayoutEmail, keyboard.LayoutPassword, keyboard.LayoutDigits}
)

func where(t testing.TB, k *keyboard.Keyboard, key string) fyne.Position {
	t.Helper()
	p, ok := k.Where(key)
	if !ok {
		t.Fatalf("no key %q", key)
	}
	return p
}

// tap presses one key with a finger of its own.
func tap(t testing.TB, k *keyboard.Keyboard, keys ...string) {
	t.Helper()
	for _, key := range keys {
		p := where(t, k, key)
		k.FingerDown(7, p)
		k.FingerUp(7, p)
	}
}

func TestCharacters(t *testing.T) {
	pw := keyboard.Characters(keyboard.LayoutPassword)
	for r := rune(' '); r <= '~'; r++ {
		if !slices.Contains(pw, r) {
			t.Errorf("a password cannot hold %q", r)
		}
	}
	for _, r := range "àâäæçéèêëîïôœöùûüÿÀÂÄÆÇÉÈÊËÎÏÔŒÖÙÛÜŸñÑ€£§²µ°…¤¨«»’–—" {
		if !slices.Contains(pw, r) {
			t.Errorf("a password cannot hold %q", r)
		}
	}
	if got := string(keyboard.Characters(keyboard.LayoutDigits)); got != "0123456789" {
		t.Errorf("the pad types %q", got)
	}
	mail := keyboard.Characters(keyboard.LayoutEmail)
	for _, r := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+-/=?^_`{|}~@" {
		if !slices.Contains(mail, r) {
			t.Errorf("an address cannot hold %q", r)
		}
	}
	if len(keyboard.Characters(keyboard.LayoutNone)) != 0 {
		t.Error("no layout types something")
	}
	b, err := assets.Fonts.ReadFile("fonts/Inter-SemiBold.ttf")
	if err != nil {
		t.Fatal(err)
	}
	face, err := font.ParseTTF(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Concat(pw, mail) {
		if _, ok := face.NominalGlyph(r); !ok {
			t.Errorf("%q cannot be drawn", r)
		}
		if !unicode.IsPrint(r) {
			t.Errorf("%U is no character to type", r)
		}
	}
}

// keysOf finds every key by touching the keyboard all over.
func keysOf(k *keyboard.Keyboard) map[string]fyne.Position {
	found := map[string]fyne.Position{}
	for y := float32(0); y < k.Size().Height; y += 4 {
		for x := float32(0); x < k.Size().Width; x += 4 {
			name := k.KeyAt(fyne.NewPos(x, y))
			if p, ok := k.Where(name); ok {
				found[name] = p
			}
		}
	}
	return found
}

func TestKeysAreLargeEnough(t *testing.T) {
	test.NewTempApp(t)
	for _, window := range []fyne.Size{landscape, portrait} {
		for _, l := range layouts {
			k, _ := docked(l, window)
			if h := k.Size().Height; h > 0.41*window.Height {
				t.Errorf("%s takes %g of %g dp", l, h, window.Height)
			}
			keys := keysOf(k)
			if want := map[keyboard.Layout]int{keyboard.LayoutEmail: 47, keyboard.LayoutPassword: 50, keyboard.LayoutDigits: 12}[l]; len(keys) != want {
				t.Errorf("%s shows %d keys, not %d", l, len(keys), want)
			}
			for name, p := range keys {
				// 24 dp from the middle in every direction it is still this key.
				for _, d := range []fyne.Delta{{DX: -24, DY: -24}, {DX: 23.9, DY: -24}, {DX: -24, DY: 23.9}, {DX: 23.9, DY: 23.9}} {
					if got := k.KeyAt(p.AddXY(d.DX, d.DY)); got != name {
						t.Errorf("%s at %v: %q is smaller than 48 dp: next to it is %q", l, window, name, got)
					}
				}
			}
		}
	}
}

func TestGapsBelongToSomebody(t *testing.T) {
	test.NewTempApp(t)
	k, _ := docked(keyboard.LayoutPassword, landscape)
	for y := float32(0); y <= k.Size().Height; y += 3 {
		for x := float32(0); x <= k.Size().Width; x += 3 {
			if k.KeyAt(fyne.NewPos(x, y)) == "" {
				t.Fatalf("nothing at %g,%g", x, y)
			}
		}
	}
}

func TestAddressWithDomainKey(t *testing.T) {
	test.NewTempApp(t)
	k, out := docked(keyboard.LayoutEmail, landscape)
	a := where(t, k, "a")
	tap(t, k, "a", ".", "b", "@etu.univ-uness.fr", "backspace", "return")
	if got := out.take(); got != "a . b text @etu.univ-uness.fr backspace submit" {
		t.Errorf("typed %q", got)
	}
	k.SetDomains(domains, true)
	tap(t, k, "univ-uness.fr")
	if got := out.take(); got != "text univ-uness.fr" {
		t.Errorf("typed %q", got)
	}
	if where(t, k, "a") != a {
		t.Error("the keys moved when the @ was typed")
	}
}

func TestShift(t *testing.T) {
	test.NewTempApp(t)
	k, out := docked(keyboard.LayoutPassword, landscape)
	tap(t, k, "shift", "A", "a", "shift", "shift", "A", "B", "?", "shift", "a", ",")
	if got := strings.ReplaceAll(out.take(), "touched ", ""); got != "A a A B ? a ," {
		t.Errorf("typed %q", got)
	}
	// Held, it works as on a typewriter, and is off once it is lifted.
	p := where(t, k, "shift")
	k.FingerDown(1, p)
	tap(t, k, "A", "B")
	k.FingerUp(1, p)
	tap(t, k, "a")
	if got := out.take(); got != "touched A B a" {
		t.Errorf("typed %q", got)
	}
}

func TestLayers(t *testing.T) {
	test.NewTempApp(t)
	k, out := docked(keyboard.LayoutPassword, landscape)
	tap(t, k, "&#€", "{", "abc", "a", "éàç", "ç", "shift", "É", "é", "&#€", "éàç", "abc", "z", " ")
	if got := strings.ReplaceAll(out.take(), "touched ", ""); got != "{ a ç É é z  " {
		t.Errorf("typed %q", got)
	}
	tap(t, k, "&#€")
	k.SetLayout(keyboard.LayoutEmail)
	k.SetLayout(keyboard.LayoutPassword)
	where(t, k, "a") // starts with its letters
	k.SetLayout(keyboard.LayoutNone)
	if k.MinSize() != (fyne.Size{}) || k.HeightFor(landscape) != 0 || k.KeyAt(fyne.NewPos(9, 9)) != "" {
		t.Error("no layout takes room")
	}
	out.take()
	k.FingerDown(1, fyne.NewPos(9, 9))
	k.FingerUp(1, fyne.NewPos(9, 9))
	if got := out.take(); got != "touched" {
		t.Errorf("no layout types %q", got)
	}
}

// Whatever thumbs do, every key that goes down is told, once and in order.
func TestOverlapLosesNothing(t *testing.T) {
	test.NewTempApp(t)
	for _, l := range layouts {
		k, out := docked(l, landscape)
		names := slices.Sorted(func(yield func(string) bool) {
			for name := range keysOf(k) {
				if len([]rune(name)) == 1 && !yield(name) {
					return
				}
			}
		})
		rapid.Check(t, func(t *rapid.T) {
			var want []string
			down := map[int]fyne.Position{}
			for range rapid.IntRange(1, 40).Draw(t, "steps") {
				id := rapid.IntRange(0, 4).Draw(t, "finger")
				if p, is := down[id]; is && rapid.Bool().Draw(t, "lift") {
					k.FingerUp(id, p)
					delete(down, id)
					continue
				}
				// A finger that is down already lost its end: it counts anew.
				name := rapid.SampledFrom(names).Draw(t, "key")
				p, _ := k.Where(name)
				jitter := fyne.NewDelta(rapid.Float32Range(-20, 20).Draw(t, "dx"), rapid.Float32Range(-20, 20).Draw(t, "dy"))
				p = p.AddXY(jitter.DX, jitter.DY)
				k.FingerDown(id, p)
				k.FingerMove(id, p)
				down[id] = p
				want = append(want, name)
			}
			k.Release()
			if got := out.said; !slices.Equal(got, want) {
				t.Fatalf("typed %q, told %q", want, got)
			}
			out.said = nil
		})
	}
}

// The field must keep the focus whatever is touched here, and Tab pass by.
func TestKeyboardNeverHasTheFocus(t *testing.T) {
	test.NewTempApp(t)
	k, out := docked(keyboard.LayoutEmail, landscape)
	var f fyne.Focusable = k
	if d, ok := f.(fyne.Disableable); !ok || !d.Disabled() {
		t.Error("the keyboard can be focused")
	}
	other := &holder{}
	w := test.NewTempWindow(t, container.NewVBox(other, k))
	w.Canvas().Focus(other)
	test.FocusNext(w.Canvas())
	if w.Canvas().Focused() != fyne.Focusable(other) {
		t.Errorf("Tab goes to %T", w.Canvas().Focused())
	}
	w.Canvas().Focus(k)
	if w.Canvas().Focused() != fyne.Focusable(other) {
		t.Errorf("the focus went to %T", w.Canvas().Focused())
	}
	out.take()
	p := where(t, k, "a")
	k.MouseDown(&desktop.MouseEvent{Button: desktop.MouseButtonSecondary, PointEvent: fyne.PointEvent{Position: p}})
	k.MouseUp(&desktop.MouseEvent{Button: desktop.MouseButtonSecondary, PointEvent: fyne.PointEvent{Position: p}})
	k.MouseDown(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary, PointEvent: fyne.PointEvent{Position: p}})
	k.MouseUp(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary, PointEvent: fyne.PointEvent{Position: p}})
	if got := out.take(); got != "touched a" {
		t.Errorf("the mouse types %q", got)
	}
}

// holder is something that can have the focus.
type holder struct{ fyne.Container }

func (*holder) FocusGained()            {}
func (*holder) FocusLost()              {}
func (*holder) TypedRune(rune)          {}
func (*holder) TypedKey(*fyne.KeyEvent) {}
