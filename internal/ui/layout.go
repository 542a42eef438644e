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
	if keys := u.dockKeyboard(size, &card); keys.h > 0 {
		keys.place(u.dock)
		keys.place(u.keyboard)
	}
	const margin = look.Grid
	card.y += margin
	card.h -= 2 * margin
	for _, s := range u.screens {
		if s.Card().Visible() {
			card.place(s.Card())
		}
	}
}

// dockKeyboard takes the keyboard's room from the card's and returns it.
func (u *UI) dockKeyboard(size fyne.Size, card *region) region {
	switch u.keyboard.Layout() {
	case keyboard.LayoutNone:
		return region{}
	case keyboard.LayoutDigits:
		if size.Width > size.Height {
			card.w -= padDock
			return region{card.w, card.y, padDock, card.h}
		}
	case keyboard.LayoutEmail, keyboard.LayoutPassword:
	}
	h := u.keyboard.HeightFor(size)
	if size.Width > size.Height && u.keyboard.Layout() == keyboard.LayoutPassword {
		// Screen 2 has the most to say and a keyboard of one row less.
		h = max(u.keyboard.MinSize().Height, h*0.9)
	}
	h = min(h, card.h)
	card.h -= h
	return region{0, card.y + card.h, size.Width, h}
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
