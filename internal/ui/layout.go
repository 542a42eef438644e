package ui

import (
	"fyne.io/fyne/v2"

	"portillon/internal/login"
	"portillon/internal/ui/keyboard"
	"portillon/internal/ui/look"
)

// Heights of the bars, in dp: they shrink while a field is typed into, and the
// first screens name the tablet so that it can be read from three metres.
const (
	headerFirst  = 72
	headerCalm   = 64
	headerTyping = 48
	footerCalm   = 64
	footerTyping = 52
	padDock      = 384 // the digit pad beside the card
)

// region is a part of the window.
type region struct{ x, y, w, h float32 }

func (r region) place(o fyne.CanvasObject) {
	o.Move(fyne.NewPos(r.x, r.y))
	o.Resize(fyne.NewSize(max(r.w, 0), max(r.h, 0)))
}

// windowLayout places header, card, keyboard and footer from top to bottom; in
// landscape the digit pad stands beside the card.
type windowLayout struct{ u *UI }

// MinSize says nothing: the window has the size of the display.
func (windowLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// Layout implements fyne.Layout.
func (l windowLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	u := l.u
	if size.Width <= 0 || size.Height <= 0 {
		return
	}
	region{0, 0, size.Width, size.Height}.place(u.ground)
	head, foot := u.barHeights()
	region{0, 0, size.Width, head}.place(u.header.content)
	region{0, size.Height - foot, size.Width, foot}.place(u.footer.content)
	// What is in the bars may have changed while their size did not.
	u.header.Layout(nil, u.header.content.Size())
	u.footer.Layout(nil, u.footer.content.Size())
	region{look.Grid, look.Grid / 2, size.Width - 2*look.Grid, head - look.Grid}.place(u.idle)

	card := region{0, head, size.Width, size.Height - head - foot}
	keys := u.dockKeyboard(size, card)
	below := keys.w == size.Width
	switch {
	case u.folded():
	case keys.h > 0:
		keys.place(u.dock)
		keys.place(u.keyboard)
		if below {
			card.h -= keys.h
		} else {
			card.w -= keys.w
		}
	}
	folds := float32(0)
	if below {
		folds = keys.h
	}
	const margin = look.Grid
	card.y += margin
	card.h -= 2 * margin
	for _, s := range u.screens {
		if s.Card().Visible() {
			s.Card().Folds(folds, u.turned)
			card.place(s.Card())
		}
	}
}

// folded: the card in view shows a page without a field, which takes the keyboard's room too. A
// pad beside the card stays.
func (u *UI) folded() bool {
	if u.keyboard.Layout() == keyboard.LayoutNone || u.padBeside(u.window.Size()) {
		return false
	}
	s := u.screens[face(u.view)]
	return s != nil && s.Card().Page() > 0
}

// turned follows a turn of the card in view.
func (u *UI) turned() {
	u.updateKeyboard()
	u.arrange()
}

func (u *UI) padBeside(size fyne.Size) bool {
	return u.keyboard.Layout() == keyboard.LayoutDigits && size.Width > size.Height
}

// dockKeyboard is the keyboard's part of the card's room, below or beside it.
func (u *UI) dockKeyboard(size fyne.Size, card region) region {
	if u.keyboard.Layout() == keyboard.LayoutNone {
		return region{}
	}
	if u.padBeside(size) {
		return region{card.w - padDock, card.y, padDock, card.h}
	}
	h := u.keyboard.HeightFor(size)
	if size.Width > size.Height && u.keyboard.Layout() == keyboard.LayoutPassword {
		// Screen 2 has the most to say and a keyboard of one row less.
		h = max(u.keyboard.MinSize().Height, h*0.9)
	}
	h = min(h, card.h)
	return region{0, card.y + card.h - h, size.Width, h}
}

func (u *UI) barHeights() (head, foot float32) {
	switch {
	case u.firstScreen():
		head = headerFirst
	case u.view.Field != login.FieldNone:
		head = headerTyping
	default:
		head = headerCalm
	}
	foot = footerCalm
	if u.view.Field != login.FieldNone {
		foot = footerTyping
	}
	return head, foot
}

func (u *UI) firstScreen() bool { return naming(u.view.Screen) }

// naming reports whether a screen names the tablet in large letters.
func naming(s login.Screen) bool {
	switch s {
	case login.ScreenEmail, login.ScreenPreflight, login.ScreenNoncompliant, login.ScreenEnded:
		return true
	case login.ScreenPassword, login.ScreenCode, login.ScreenSetup, login.ScreenHelp,
		login.ScreenTrouble, login.ScreenConnected:
	}
	return false
}
