package ui_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"portillon/internal/login"
	"portillon/internal/procedure"
	"portillon/internal/ui/kit"
)

var desk = fyne.NewSize(1280, 800)

// events takes what was posted since the last call.
func (st stage) events() []login.Event {
	out := slices.Clone(*st.posted)
	*st.posted = nil
	return out
}

func (st stage) show(t *testing.T, name string) {
	t.Helper()
	st.ui.Update(sceneNamed(t, name).view)
	st.events()
}

func (st stage) button(t *testing.T, label string) *kit.Button {
	t.Helper()
	for _, s := range walk(st.ui.Content(), fyne.Position{}) {
		if b, ok := s.object.(*kit.Button); ok && b.Label() == label {
			return b
		}
	}
	t.Fatalf("no button %q in view", label)
	return nil
}

// TestButtons: every button of every screen posts its event.
func TestButtons(t *testing.T) {
	st := newStage(t, "fr", desk)
	for _, c := range []struct {
		scene, label string
		want         login.Event
	}{
		{"email-typed", "SE CONNECTER", login.SubmitEmail{}},
		{"email-suggest", "Oui, corriger", login.AcceptSuggestion{}},
		{"email-suggest", "Non, garder mon adresse", login.RefuseSuggestion{}},
		{"email-unknown", "Créer mon compte", login.OpenSetup{}},
		{"email-unknown", "Aide surveillant", login.OpenHelp{}},
		{"password-empty", "Modifier", login.Back{}},
		{"password-empty", "RECEVOIR LE CODE", login.RequestCode{}},
		{"password-empty", "Mot de passe oublié\u202f?", login.OpenForgotten{}},
		{"password-running", "SAISIR LE CODE REÇU", login.EnterCode{}},
		{"password-forgotten", "Retour", login.Back{}},
		{"code-amber", "Annuler", login.Back{}},
		{"code-amber", "Recevoir un nouveau code", login.RequestCode{}},
		{"code-procedures", "Le code n’arrive pas\u202f? Voir l’adresse secondaire", login.OpenHelp{}},
		{"setup-shown", "J’ai terminé", login.SetupDone{}},
		{"setup-shown", "Retour", login.Back{}},
		{"trouble-busy", "Réessayer maintenant", login.RetryNow{}},
		{"trouble-service_unavailable", "Revenir à la saisie", login.RetryNow{}},
		{"trouble-busy", "Retour", login.Back{}},
		{"connected-opening", "Ce n’est pas moi", login.NotMe{}},
		{"connected-interrupted", "Réessayer", login.RetryNow{}},
		{"ended-shown", "Candidat suivant", login.Touched{}},
		{"noncompliant-blocked", "Réessayer", login.RetryNow{}},
		{"help-address", "Non, elle est différente", login.HelpTo{Step: procedure.Correct}},
		{"help-address", "Oui, mais elle n’est pas reconnue", login.HelpTo{Step: procedure.Secondary}},
		{"help-correct", "Corriger l’adresse", login.CloseHelp{Goal: procedure.GoalAddress}},
		{"help-code", "Se connecter par code", login.CloseHelp{Goal: procedure.GoalScreen}},
		{"help-choose", "Il a oublié son mot de passe", login.HelpTo{Step: procedure.Code}},
		{"help-choose", "Autre chose", login.HelpTo{Step: procedure.Call}},
		{"help-add", "Saisir l’adresse secondaire", login.CloseHelp{Goal: procedure.GoalAddress}},
		{"help-add", "Autre problème", login.HelpTo{Step: procedure.Choose}},
		{"help-call", "Fermer l’aide", login.CloseHelp{Goal: procedure.GoalScreen}},
		{"help-call", "Retour", login.Back{}},
		{"email-typed", "Aa", login.StepText{}},
	} {
		st.show(t, c.scene)
		b := st.button(t, c.label)
		test.Tap(b)
		if got := st.events(); !reflect.DeepEqual(got, []login.Event{c.want}) {
			t.Errorf("%s, %s: posted %#v, want %#v", c.scene, c.label, got, c.want)
		}
		b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
		if got := st.events(); !reflect.DeepEqual(got, []login.Event{c.want}) {
			t.Errorf("%s, %s by Return: posted %#v", c.scene, c.label, got)
		}
		b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
		if got := st.events(); !reflect.DeepEqual(got, []login.Event{login.Back{}}) {
			t.Errorf("%s, %s by Escape: posted %#v", c.scene, c.label, got)
		}
	}
}

// TestBusyButtonsWait: while a request is under way nothing is sent twice.
func TestBusyButtonsWait(t *testing.T) {
	st := newStage(t, "fr", desk)
	for _, name := range []string{"email-busy", "password-busy", "code-busy"} {
		st.show(t, name)
		if !st.button(t, "SE CONNECTER").Disabled() {
			t.Errorf("%s: the button does not wait", name)
		}
		for _, s := range walk(st.ui.Content(), fyne.Position{}) {
			if b, ok := s.object.(*kit.Button); ok && b.Disabled() {
				test.Tap(b)
			}
		}
		st.canvas.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
		for _, e := range st.events() {
			switch e := e.(type) {
			case login.Touched: // by Return in the field
			default:
				t.Errorf("%s: posted %T", name, e)
			}
		}
	}
}

// TestSecretsLeaveByCopy: what is typed is told by its length alone, leaves as a
// copy with the submit, and is gone when the epoch changes.
func TestSecretsLeaveByCopy(t *testing.T) {
	st := newStage(t, "fr", desk)
	for _, c := range []struct {
		scene, typed string
		field        login.Field
		bump         func(*login.View)
	}{
		{"password-empty", "S\u00e9same 1!", login.FieldPassword, func(v *login.View) { v.PasswordEpoch++ }},
		{"code-fresh", "012345", login.FieldCode, func(v *login.View) { v.CodeEpoch++ }},
	} {
		st.show(t, c.scene)
		for _, r := range c.typed {
			st.canvas.Focused().TypedRune(r)
		}
		n := len([]rune(c.typed))
		if got := st.events(); len(got) != n || got[n-1] != (login.Typed{Field: c.field, N: n}) {
			t.Errorf("%s: typing posted %#v", c.scene, got)
		}
		if got := submitted(t, st); got != c.typed {
			t.Errorf("%s: submitted %d characters, not the %d typed", c.scene, len(got), len(c.typed))
		}
		v := sceneNamed(t, c.scene).view
		c.bump(&v)
		st.ui.Update(v)
		st.events()
		if got := submitted(t, st); got != "" {
			t.Errorf("%s: %d characters survived the epoch", c.scene, len(got))
		}
	}
	st.show(t, "password-empty")
	st.canvas.Focused().TypedRune('x')
	st.ui.WipeAll()
	st.events()
	if got := submitted(t, st); got != "" {
		t.Error("WipeAll left something")
	}
}

// submitted presses Return and reads the copy that leaves.
func submitted(t *testing.T, st stage) string {
	t.Helper()
	st.canvas.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	got := ""
	for _, e := range st.events() {
		switch e := e.(type) {
		case login.SubmitPassword:
			e.Secret.Use(func(b []byte) { got = string(b) })
			e.Secret.Close()
			return got
		case login.SubmitCode:
			e.Secret.Use(func(b []byte) { got = string(b) })
			e.Secret.Close()
			return got
		}
	}
	t.Fatal("nothing was submitted")
	return ""
}

// TestSlidingOffCancels: pressed looks pressed, and leaving takes it back.
func TestSlidingOffCancels(t *testing.T) {
	st := newStage(t, "fr", desk)
	st.show(t, "email-typed")
	b := st.button(t, "SE CONNECTER")
	calm := test.RenderObjectToMarkup(b)
	b.MouseDown(nil)
	if test.RenderObjectToMarkup(b) == calm {
		t.Error("a pressed button looks like any other")
	}
	b.MouseOut()
	if test.RenderObjectToMarkup(b) != calm {
		t.Error("sliding off left the button pressed")
	}
	if got := st.events(); len(got) != 0 {
		t.Errorf("sliding off posted %#v", got)
	}
}

// TestSecondChangesDigitsAlone: a countdown's second moves nothing and rewrites no
// other word.
func TestSecondChangesDigitsAlone(t *testing.T) {
	st := newStage(t, "fr", desk)
	for _, c := range []struct {
		scene   string
		tick    func(*login.View)
		changed int // lines of the listing
	}{
		{"code-amber", func(v *login.View) {
			s := *v.Code
			s.Left.Seconds--
			v.Code = &s
		}, 2}, // the arc and the digits
		{"code-fresh", func(v *login.View) {
			s := *v.Code
			s.Left.Seconds--
			s.ResendIn--
			v.Code = &s
		}, 3},
		{"trouble-busy", func(v *login.View) {
			s := *v.Trouble
			s.RetryIn--
			v.Trouble = &s
		}, 1},
	} {
		st.show(t, c.scene)
		before := listing(st)
		v := sceneNamed(t, c.scene).view
		c.tick(&v)
		st.ui.Update(v)
		diff := lineDiff(before, listing(st))
		if got := strings.Count(diff, "+ "); got != c.changed {
			t.Errorf("%s: %d lines changed, want %d:\n%s", c.scene, got, c.changed, diff)
		}
	}
}

// TestHostileWordsAreDrawnPlain: nothing of a server's is markup, and marks that
// would turn or hide text are gone.
func TestHostileWordsAreDrawnPlain(t *testing.T) {
	st := newStage(t, "fr", desk)
	hostile := "**x** [a](https://b)\u202e\u0000\u2066\u200b<b>\n" + strings.Repeat("long ", 200000)
	v := sceneNamed(t, "connected-opening").view
	c := *v.Connected
	c.Name, v.Connected = hostile, &c
	st.ui.Update(v)
	drawn := ""
	for _, s := range walk(st.ui.Content(), fyne.Position{}) {
		if text, ok := s.object.(*canvas.Text); ok {
			drawn += text.Text + " "
		}
	}
	for _, bad := range []string{"\u202e", "\u0000", "\u2066", "\u200b", "\n"} {
		if strings.Contains(drawn, bad) {
			t.Errorf("%q was drawn", bad)
		}
	}
	if !strings.Contains(drawn, "**x** [a](https://b)") {
		t.Errorf("the words were changed: %.80q", drawn)
	}
	if len(drawn) > 4000 {
		t.Errorf("%d bytes were drawn", len(drawn))
	}
}

// TestTouchesKeepTheScreenAwake: a touch of nothing, and of the warning, count.
func TestTouchesKeepTheScreenAwake(t *testing.T) {
	st := newStage(t, "fr", desk)
	st.show(t, "email-idle")
	for _, s := range walk(st.ui.Content(), fyne.Position{}) {
		switch o := s.object.(type) {
		case *kit.Ground:
			test.Tap(o)
		case *kit.Pill:
			test.Tap(o)
		default:
			continue
		}
		if got := st.events(); !reflect.DeepEqual(got, []login.Event{login.Touched{}}) {
			t.Errorf("%v: posted %#v", s, got)
		}
	}
}

// TestDomainKeys: one touch posts the domain, whole, whatever is typed; what becomes of the
// address is the machine's.
func TestDomainKeys(t *testing.T) {
	for _, typed := range []string{"", "a.b", "a.b@", "a.b@univ-u", "a.b@gmail.com", "a.b@univ-uness.fr"} {
		st := newStage(t, "fr", desk)
		st.ui.Update(emailScene("", login.EmailView{Text: typed, Caret: len(typed)}, nil).view)
		key := "univ-uness.fr"
		if !strings.Contains(typed, "@") {
			key = "@" + key
		}
		at, ok := st.ui.Keyboard().Where(key)
		if !ok {
			t.Fatalf("%q: no key %q", typed, key)
		}
		st.ui.Keyboard().FingerDown(0, at)
		st.ui.Keyboard().FingerUp(0, at)
		want := []login.Event{login.Domain{Text: "univ-uness.fr"}}
		if got := st.events(); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: posted %#v", typed, got)
		}
	}
}

// TestEveryScreenShows: no screen of the login is missing, in any of its views,
// and Demonstration is said on each.
func TestEveryScreenShows(t *testing.T) {
	st := newStage(t, "fr", desk, func(f *uiFrame) { f.Demonstration = true })
	left := login.Screens()
	for _, s := range scenes() {
		st.ui.Update(s.view)
		left = slices.DeleteFunc(left, func(n login.Screen) bool { return n == s.view.Screen })
		if !strings.Contains(listing(st), `"Démonstration"`) {
			t.Errorf("%s does not say that it is a demonstration", s.name)
		}
	}
	if len(left) > 0 {
		t.Errorf("no scene shows %v", left)
	}
}
