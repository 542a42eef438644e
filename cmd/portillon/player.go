package main

import (
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"portillon/internal/ui/demoexam"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// handoffFD is where the supervisor leaves the hand-off.
const handoffFD = 3

// demoPlayer is the demonstration's exam.command. Its exit code is the player's
// contract: 0 ends the session.
func demoPlayer() error {
	pipe := os.NewFile(handoffFD, "hand-off")
	candidate, err := demoexam.Read(pipe)
	if err != nil {
		return err
	}
	if err := pipe.Close(); err != nil {
		return err
	}
	w, err := words.New(words.Languages()[0])
	if err != nil {
		return err
	}
	l := look.New()
	a := app.NewWithID("fr.portillon.demo")
	a.Settings().SetTheme(look.Theme(l))
	win := a.NewWindow(w.T("player.title"))
	win.SetPadded(false)
	win.SetCloseIntercept(func() {})
	win.SetContent(demoexam.Content(l, w, candidate, a.Quit))
	win.Resize(fyne.NewSize(1280, 800))
	win.SetFixedSize(true)
	win.ShowAndRun()
	return nil
}
