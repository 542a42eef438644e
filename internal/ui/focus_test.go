package ui_test

import (
	"reflect"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"portillon/internal/login"
	"portillon/internal/ui/field"
	"portillon/internal/ui/kit"
)

// TestFocus: the field of the view has the focus, a button reached by Tab keeps
// it, and a key that meets no focus finds the field.
func TestFocus(t *testing.T) {
	st := newStage(t, "fr", desk)
	st.show(t, "email-typed")
	if _, ok := st.canvas.Focused().(*field.Email); !ok {
		t.Fatalf("screen 1: %T has the focus", st.canvas.Focused())
	}
	st.canvas.Unfocus()
	st.canvas.OnTypedRune()('a')
	if _, ok := st.canvas.Focused().(*field.Email); !ok {
		t.Error("a letter did not find the field")
	}
	if got := st.events(); !slices.Contains(got, login.Event(login.Key{Rune: 'a'})) {
		t.Errorf("the letter was lost: %#v", got)
	}
	st.show(t, "password-empty")
	if _, ok := st.canvas.Focused().(*field.Secret); !ok {
		t.Fatalf("screen 2: %T has the focus", st.canvas.Focused())
	}
	test.FocusNext(st.canvas)
	kept := st.canvas.Focused()
	v := sceneNamed(t, "password-empty").view
	p := *v.Password
	p.Remember, v.Password = true, &p
	st.ui.Update(v)
	if st.canvas.Focused() != kept {
		t.Error("a change on the screen took the focus from where Tab had put it")
	}
	st.show(t, "code-fresh")
	if _, ok := st.canvas.Focused().(*field.Code); !ok {
		t.Fatalf("screen 3: %T has the focus", st.canvas.Focused())
	}
	st.show(t, "trouble-busy")
	if st.canvas.Focused() != nil {
		t.Errorf("trouble: %T has the focus", st.canvas.Focused())
	}
	for key, want := range map[fyne.KeyName]login.Event{
		fyne.KeyReturn: login.RetryNow{}, fyne.KeyEscape: login.Back{}, fyne.KeyDown: login.Touched{},
	} {
		st.canvas.OnTypedKey()(&fyne.KeyEvent{Name: key})
		if got := st.events(); !reflect.DeepEqual(got, []login.Event{want}) {
			t.Errorf("trouble, %s: posted %#v", key, got)
		}
	}
}

// TestTabOrder follows the reading order, and reaches everything that acts.
func TestTabOrder(t *testing.T) {
	st := newStage(t, "fr", desk)
	st.show(t, "password-empty")
	var got []string
	first := st.canvas.Focused()
	for range 12 {
		switch f := st.canvas.Focused().(type) {
		case *kit.Button:
			got = append(got, f.Label())
		case *kit.Check:
			got = append(got, "☐")
		case *field.Secret:
			got = append(got, "…")
		}
		test.FocusNext(st.canvas)
		if st.canvas.Focused() == first {
			break
		}
	}
	want := []string{"…", "☐", "SE CONNECTER", "Mot de passe oublié\u202f?", "RECEVOIR LE CODE", "Aa", "Aide surveillant", "Modifier"}
	if !slices.Equal(got, want) {
		t.Errorf("Tab goes %q, want %q", got, want)
	}
}

// TestKeyboardFolds: where the text is too large for one page, those without the field have the
// keyboard's room, the code is one touch away, and the first letter brings field and keys back.
func TestKeyboardFolds(t *testing.T) {
	size := fyne.NewSize(1280, 800)
	st := newStage(t, "fr", size)
	v := sceneNamed(t, "password-empty").view
	v.TextPercent = 200
	st.ui.Update(v)
	_, c := card(t, walk(st.ui.Content(), fyne.Position{}))
	keys := func() bool { return st.ui.Keyboard().Visible() }
	request := func() bool {
		for _, s := range walk(st.ui.Content(), fyne.Position{}) {
			if b, ok := s.object.(*kit.Button); ok && b.Label() == "RECEVOIR LE CODE" {
				return s.inside(fyne.Position{}, size)
			}
		}
		return false
	}
	if c.Pages() != 2 || !keys() || request() {
		t.Fatalf("%d pages, keyboard %v, «RECEVOIR LE CODE» %v", c.Pages(), keys(), request())
	}
	c.Turn(1)
	if c.Page() != 1 || keys() || !request() {
		t.Errorf("second page: page %d, keyboard %v, «RECEVOIR LE CODE» %v", c.Page()+1, keys(), request())
	}
	st.ui.Update(v) // a tick that changes nothing
	v.Password.Typed = 1
	st.ui.Update(v)
	if c.Page() != 1 || keys() {
		t.Errorf("after another view: page %d, keyboard %v", c.Page()+1, keys())
	}
	st.canvas.OnTypedRune()('x')
	if c.Page() != 0 || !keys() {
		t.Errorf("after a letter: page %d, keyboard %v", c.Page()+1, keys())
	}
	c.Turn(1)
	v.TextPercent = 100
	st.ui.Update(v)
	if c.Page() != 0 || c.Pages() != 1 || !keys() || !request() {
		t.Errorf("at 100 %%: page %d of %d, keyboard %v", c.Page()+1, c.Pages(), keys())
	}
}
