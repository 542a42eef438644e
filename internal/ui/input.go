package ui

import (
	"strings"

	"fyne.io/fyne/v2"

	"portillon/internal/login"
	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/screen"
)

// output takes the on-screen keyboard's keys to the field of the view.
type output struct{ u *UI }

// Rune implements keyboard.Output.
func (o output) Rune(r rune) {
	o.u.rewind()
	switch o.u.view.Field {
	case login.FieldEmail:
		o.u.post(login.Key{Rune: r})
	case login.FieldPassword:
		if o.u.secret != nil {
			o.u.secret.Rune(r)
		}
	case login.FieldCode:
		if o.u.code != nil {
			o.u.code.Rune(r)
		}
	case login.FieldNone:
	}
}

// Replace implements keyboard.Output.
func (o output) Replace(old, r rune) {
	switch o.u.view.Field {
	case login.FieldEmail:
		o.u.post(login.Backspace{})
		o.u.post(login.Key{Rune: r})
	case login.FieldPassword:
		if o.u.secret != nil {
			o.u.secret.Replace(old, r)
		}
	case login.FieldCode, login.FieldNone: // no key of the pad has another face
	}
}

// Text implements keyboard.Output: a domain, of which a part may be typed.
func (o output) Text(s string) {
	if o.u.view.Field != login.FieldEmail || o.u.view.Email == nil {
		return
	}
	// Whole, and to the machine: what stands there now may be newer than what is shown.
	o.u.post(login.Domain{Text: strings.TrimPrefix(s, "@")})
}

// Backspace implements keyboard.Output.
func (o output) Backspace() {
	o.u.rewind()
	switch o.u.view.Field {
	case login.FieldEmail:
		o.u.post(login.Backspace{})
	case login.FieldPassword:
		if o.u.secret != nil {
			o.u.secret.Backspace()
		}
	case login.FieldCode:
		if o.u.code != nil {
			o.u.code.Backspace()
		}
	case login.FieldNone:
	}
}

// Submit implements keyboard.Output.
func (o output) Submit() { o.u.submit(o.u.view.Field) }

// Touched implements keyboard.Output.
func (o output) Touched() { o.u.post(login.Touched{}) }

// rewind brings the field back into view: something is typed.
func (u *UI) rewind() {
	if s := u.screens[face(u.view)]; s != nil {
		s.Card().Rewind()
	}
}

// updateKeyboard folds and unfolds the keyboard; it reports whether it moved.
func (u *UI) updateKeyboard() bool {
	wanted := keyboard.LayoutNone
	switch u.view.Field {
	case login.FieldEmail:
		wanted = keyboard.LayoutEmail
		u.keyboard.SetDomains(u.frame.Domains, u.view.Email != nil && strings.Contains(u.view.Email.Text, "@"))
	case login.FieldPassword:
		wanted = keyboard.LayoutPassword
	case login.FieldCode:
		wanted = keyboard.LayoutDigits
	case login.FieldNone:
	}
	changed := u.keyboard.Layout() != wanted
	if changed {
		u.keyboard.SetLayout(wanted)
	}
	shown := wanted != keyboard.LayoutNone && !u.folded()
	kit.Show(u.dock, shown)
	return kit.Show(u.keyboard, shown) || changed
}

// Attach gives the canvas whose focus follows the view. Keys that meet no focus
// go to the field, or do what the screen's main button does.
func (u *UI) Attach(c fyne.Canvas) {
	u.canvas = c
	c.SetOnTypedRune(func(r rune) {
		if f := u.field(); f != nil {
			u.rewind()
			c.Focus(f)
			f.TypedRune(r)
			return
		}
		u.post(login.Touched{})
	})
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if f := u.field(); f != nil {
			u.rewind()
			c.Focus(f)
			f.TypedKey(e)
			return
		}
		u.looseKey(e.Name)
	})
	u.refocus(login.View{})
}

// looseKey is a key on a screen without a field.
func (u *UI) looseKey(name fyne.KeyName) {
	switch name {
	case fyne.KeyEscape:
		u.post(login.Back{})
	case fyne.KeyReturn, fyne.KeyEnter:
		u.post(mainAction(u.view))
	default:
		u.post(login.Touched{})
	}
}

// mainAction is what Return does where nothing has the focus.
func mainAction(v login.View) login.Event {
	switch v.Screen {
	case login.ScreenSetup:
		return login.SetupDone{}
	case login.ScreenTrouble, login.ScreenPreflight, login.ScreenNoncompliant:
		return login.RetryNow{}
	case login.ScreenHelp:
		return screen.FirstWay(v)
	case login.ScreenConnected:
		if v.Connected != nil && v.Connected.Interrupted {
			return login.RetryNow{}
		}
	case login.ScreenEmail, login.ScreenPassword, login.ScreenCode, login.ScreenEnded:
	}
	return login.Touched{}
}

// field is the widget of the view's field; nil for none.
func (u *UI) field() fyne.Focusable {
	switch u.view.Field {
	case login.FieldEmail:
		return u.email
	case login.FieldPassword:
		if u.secret != nil {
			return u.secret
		}
	case login.FieldCode:
		if u.code != nil {
			return u.code
		}
	case login.FieldNone:
	}
	return nil
}

// refocus gives the field the focus when screen or field changed, or nothing has
// it. A button reached by Tab keeps it.
func (u *UI) refocus(before login.View) {
	if u.canvas == nil {
		return
	}
	changed := before.Screen != u.view.Screen || before.Field != u.view.Field
	f := u.field()
	switch {
	case f != nil && (changed || u.canvas.Focused() == nil):
		u.canvas.Focus(f)
	case f == nil && changed:
		u.canvas.Unfocus()
	}
}
