// Package ui is the window's content: it shows a login.View and turns fingers and
// keys into login events. It decides nothing about the login.
//
// cmd/portillon builds one UI, puts Content into the window and gives Attach the
// canvas; internal/kiosk calls Update with every new view. All methods are
// called on the Fyne goroutine. The package does without fyne.io/fyne/v2/app,
// so that its tests need no display and no cgo.
//
// What is typed goes one way: a key, on the screen or of hardware, reaches the
// field of the view; the e-mail's runes go on as events and come back in the
// view; a password's and a code's stay in the field's own page, of which a copy
// leaves with the submit event alone.
package ui

import (
	"reflect"
	"slices"

	"fyne.io/fyne/v2"

	"portillon/internal/login"
	"portillon/internal/ui/field"
	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
	"portillon/internal/ui/screen"
	"portillon/internal/words"
)

// Frame is what the centre's configuration and the tablet say of themselves.
type Frame = screen.Frame

// maxCells is how many digits a one-time code may have.
const maxCells = 6

// UI is the window's content.
type UI struct {
	frame Frame
	words *words.Words
	post  func(login.Event)
	// look is the screens'; bar is the header's and footer's, whose text grows
	// less so that a card has room.
	look, bar *look.Look

	view    login.View
	makers  map[login.Screen]func(screen.Env) screen.Screen
	screens map[login.Screen]screen.Screen // those that were shown
	email   *field.Email
	secret  *field.Secret // nil where the tablet grants no safe page
	code    *field.Code   // as secret
	// noSecret: a copy of a secret could not be made safely; nothing was sent.
	noSecret bool

	window   *fyne.Container
	ground   *kit.Ground
	header   *header
	footer   *footer
	idle     *kit.Pill
	keyboard *keyboard.Keyboard
	dock     *kit.Ground
	canvas   fyne.Canvas // nil until Attach
	settle   func()
}

// Option changes a UI at its making.
type Option func(*options)

type options struct {
	keyboard []keyboard.Option
	settle   func()
}

// WithDo gives the way to the Fyne goroutine from another, for what happens by
// itself: a key that repeats or opens its accents. The default is fyne.Do.
func WithDo(do func(func())) Option {
	return func(o *options) {
		o.keyboard = append(o.keyboard, keyboard.WithDo(do))
	}
}

// WithSettle has f called when a button says to send what was typed, before that is taken: whoever knows of
// letters that are still on their way gives them to the keyboard.
func WithSettle(f func()) Option {
	return func(o *options) { o.settle = f }
}

// New builds the bars and the keyboard; a screen is built when it is first shown, so that nobody
// waits for the ten others before the first. The application's theme must be look.Theme's by
// then, of any Look: Fyne keeps the fonts that text was first measured with until
// its loop runs. Then set the theme of Look. post is called on the Fyne goroutine and must
// not block.
func New(frame Frame, w *words.Words, post func(login.Event), opts ...Option) *UI {
	o := options{settle: func() {}}
	for _, opt := range opts {
		opt(&o)
	}
	u := &UI{settle: o.settle, frame: frame, words: w, post: post, look: look.New(), bar: look.New()}
	u.makeFields()
	touched := func() { u.post(login.Touched{}) }
	u.ground = kit.NewGround(touched)
	u.dock = kit.NewGround(touched)
	u.keyboard = keyboard.New(u.look, output{u}, o.keyboard...)
	u.keyboard.SetDomains(frame.Domains, false)
	u.header = newHeader(u.bar, w, frame)
	u.footer = newFooter(u.bar, w, post)
	u.idle = kit.NewPill(u.bar, look.IconClock, kit.InkWarning, touched).Big()
	u.makeScreens()
	u.window = &fyne.Container{Layout: windowLayout{u}}
	u.window.Add(u.ground)
	u.window.Add(u.header.content)
	u.window.Add(u.dock)
	u.window.Add(u.keyboard)
	u.window.Add(u.footer.content)
	u.window.Add(u.idle)
	u.idle.Hide()
	return u
}

func (u *UI) makeFields() {
	back := func() { u.post(login.Back{}) }
	u.email = field.NewEmail(u.look, field.Events{
		Rune:      func(r rune) { u.post(login.Key{Rune: r}) },
		Backspace: func() { u.post(login.Backspace{}) },
		Delete:    func() { u.post(login.Delete{}) },
		CaretTo:   func(pos int) { u.post(login.CaretTo{Pos: pos}) },
		Submit:    func() { u.submit(login.FieldEmail) },
		Back:      back,
	})
	u.email.SetPlaceholder(u.words.T("email.placeholder"))
	u.secret, u.code = nil, nil
	var err error
	u.secret, err = field.NewSecret(u.look, field.Events{
		Typed:       func(n int) { u.post(login.Typed{Field: login.FieldPassword, N: n}) },
		ToggleShown: func() { u.post(login.ToggleShown{}) },
		Submit:      func() { u.submit(login.FieldPassword) },
		Back:        back,
	})
	if err != nil {
		u.secret, u.noSecret = nil, true
	}
	u.code, err = field.NewCode(u.look, field.Events{
		Typed:  func(n int) { u.post(login.Typed{Field: login.FieldCode, N: n}) },
		Submit: func() { u.submit(login.FieldCode) },
		Back:   back,
	}, maxCells)
	if err != nil {
		u.code, u.noSecret = nil, true
	}
}

func (u *UI) makeScreens() {
	u.screens = map[login.Screen]screen.Screen{}
	u.makers = map[login.Screen]func(screen.Env) screen.Screen{
		login.ScreenPreflight:    func(e screen.Env) screen.Screen { return screen.NewPreflight(e) },
		login.ScreenNoncompliant: func(e screen.Env) screen.Screen { return screen.NewNoncompliant(e) },
		login.ScreenEmail:        func(e screen.Env) screen.Screen { return screen.NewEmail(e, u.email) },
		login.ScreenPassword:     func(e screen.Env) screen.Screen { return screen.NewPassword(e, u.secret) },
		login.ScreenCode:         func(e screen.Env) screen.Screen { return screen.NewCode(e, u.code) },
		login.ScreenSetup:        func(e screen.Env) screen.Screen { return screen.NewSetup(e) },
		login.ScreenHelp:         func(e screen.Env) screen.Screen { return screen.NewHelp(e) },
		login.ScreenTrouble:      func(e screen.Env) screen.Screen { return screen.NewTrouble(e) },
		login.ScreenConnected:    func(e screen.Env) screen.Screen { return screen.NewConnected(e) },
		login.ScreenEnded:        func(e screen.Env) screen.Screen { return screen.NewEnded(e) },
		helpReport:               func(e screen.Env) screen.Screen { return screen.NewReport(e) },
		helpPower:                func(e screen.Env) screen.Screen { return screen.NewPower(e) },
	}
}

// screen is a screen, built now where it was not shown before; nil for one this build does not know.
func (u *UI) screen(name login.Screen) screen.Screen {
	if s := u.screens[name]; s != nil {
		return s
	}
	maker := u.makers[name]
	if maker == nil {
		return nil
	}
	s := maker(screen.Env{Look: u.look, Words: u.words, Frame: u.frame, Post: u.post, Submit: u.send})
	s.Card().Hide()
	u.screens[name] = s
	u.window.Objects = slices.Insert(u.window.Objects, slices.Index(u.window.Objects, fyne.CanvasObject(u.dock)), fyne.CanvasObject(s.Card()))
	return s
}

// What stands in the place of the help's page is a screen of its own here, and the help for
// everybody else.
const (
	helpReport login.Screen = "help/report"
	helpPower  login.Screen = "help/power"
)

// face is the screen that shows v.
func face(v login.View) login.Screen {
	switch {
	case v.Help == nil:
	case v.Help.Report != nil:
		return helpReport
	case v.Help.Power != nil:
		return helpPower
	}
	return v.Screen
}

// Content is what the window shows.
func (u *UI) Content() fyne.CanvasObject { return u.window }

// Look is what the theme is made of: look.Theme(u.Look()).
func (u *UI) Look() *look.Look { return u.look }

// Keyboard is the on-screen keyboard, for touch that does not come as pointer. Its
// Position is that in the window.
func (u *UI) Keyboard() *keyboard.Keyboard { return u.keyboard }

// SetStatus is what the footer says of the tablet.
func (u *UI) SetStatus(s Status) {
	if u.footer.set(s) {
		u.arrange()
	}
}

// arrange places everything again in the window's present size.
func (u *UI) arrange() { u.window.Layout.Layout(u.window.Objects, u.window.Size()) }

// WipeAll empties both secret fields and zeroes their pages.
func (u *UI) WipeAll() {
	if u.secret != nil {
		u.secret.Wipe()
	}
	if u.code != nil {
		u.code.Wipe()
	}
}

// Update shows v. Only what differs from the last view is touched.
func (u *UI) Update(v login.View) {
	if reflect.DeepEqual(u.view, v) {
		return
	}
	u.show(v)
}

func (u *UI) show(v login.View) {
	before := u.view
	u.view = v
	u.updateFields(before)
	restyled := u.restyle()
	now := u.screen(face(v))
	if now == nil {
		return // a screen this build does not know: keep what is shown
	}
	shown := v
	if u.noSecret && (v.Screen == login.ScreenPassword || v.Screen == login.ScreenCode) {
		shown.Error = &login.Text{Key: "error.secret.memory"}
	}
	now.Update(shown)
	moved := restyled
	if face(before) != face(v) {
		if old := u.screens[face(before)]; old != nil {
			old.Card().Hide()
		}
		now.Card().Rewind()
		now.Card().Show()
		moved = true
	} else if v.Error != nil && !reflect.DeepEqual(before.Error, v.Error) {
		now.Card().Rewind() // where the error stands
	}
	moved = u.updateKeyboard() || moved
	moved = u.header.update(v) || moved
	moved = u.updateIdle() || moved
	switch {
	case restyled:
		now.Card().Rewind() // pages are dealt anew
		u.window.Refresh()
	case moved:
		u.arrange()
	}
	u.refocus(before)
}

// restyle takes text size and palette from the view; it reports a change.
func (u *UI) restyle() bool {
	palette := look.Ordinary()
	if u.view.HighContrast {
		palette = look.HighContrast()
	}
	percent := max(u.view.TextPercent, 100)
	bar := min(percent, 150)
	if u.view.Field != login.FieldNone {
		bar = min(percent, 125)
	}
	if u.look.Percent == percent && u.look.Palette == palette && u.bar.Percent == bar {
		return false
	}
	u.look.Percent, u.look.Palette = percent, palette
	u.bar.Percent, u.bar.Palette = bar, palette
	return true
}

func (u *UI) updateFields(before login.View) {
	v := u.view
	if v.Email != nil {
		u.email.SetText(v.Email.Text, v.Email.Caret)
		u.email.SetError(v.Error != nil || v.Email.Unknown)
	}
	if u.secret != nil {
		if v.PasswordEpoch != before.PasswordEpoch {
			u.secret.Wipe()
		}
		if v.Password != nil {
			u.secret.SetShown(v.Password.Shown)
			u.secret.SetError(v.Error != nil)
		}
	}
	if u.code != nil {
		if v.CodeEpoch != before.CodeEpoch {
			u.code.Wipe()
		}
		if v.Code != nil {
			u.code.SetCells(v.Code.Length)
			u.code.SetError(v.Error != nil)
		}
	}
}

func (u *UI) updateIdle() bool {
	on := u.view.Idle > 0
	if on {
		u.idle.Set(u.words.Say("idle.warning", u.view.Idle, nil))
	}
	return kit.Show(u.idle, on)
}

// send is a button's submit: what the keyboard was touched for before comes first.
func (u *UI) send(f login.Field) {
	u.settle()
	u.submit(f)
}

// submit sends what a field holds: a copy, which the machine sends or wipes.
func (u *UI) submit(f login.Field) {
	if u.view.Busy || u.view.Field != f {
		u.post(login.Touched{})
		return
	}
	switch f {
	case login.FieldEmail:
		u.post(login.SubmitEmail{})
	case login.FieldPassword:
		if u.secret == nil {
			return
		}
		if s, err := u.secret.Secret(); u.safe(err) {
			u.post(login.SubmitPassword{Secret: s})
		}
	case login.FieldCode:
		if u.code == nil {
			return
		}
		if s, err := u.code.Secret(); u.safe(err) {
			u.post(login.SubmitCode{Secret: s})
		}
	case login.FieldNone:
	}
}

// safe tells the student when no locked page was to be had for the copy.
func (u *UI) safe(err error) bool {
	if failed := err != nil; failed != u.noSecret {
		u.noSecret = failed
		u.show(u.view)
	}
	return err == nil
}
