// Command bare is the floor internal/bench measures portillon against: a Fyne window
// of the same size, made with the same flags, in which one label changes once a
// second. It shows the last key that was typed, so that the way of a key through the
// toolkit can be timed too. Nobody installs it.
package main

import (
	"fmt"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

func main() {
	a := app.NewWithID("fr.portillon.bench.bare")
	win := a.NewWindow("bare")
	count, typed := widget.NewLabel("00000000"), widget.NewLabel("")
	win.SetContent(container.NewCenter(container.NewVBox(count, typed)))
	win.Canvas().SetOnTypedRune(func(r rune) { typed.SetText(string(r)) })
	win.Canvas().SetOnTypedKey(func(k *fyne.KeyEvent) {
		if k.Name == fyne.KeyBackspace {
			typed.SetText("")
		}
	})
	win.Resize(fyne.NewSize(1280, 800))
	win.SetFixedSize(true)
	a.Lifecycle().SetOnStarted(func() {
		go func() {
			n := 0
			for range time.Tick(time.Second) {
				n++
				fyne.Do(func() { count.SetText(fmt.Sprintf("%08d", n)) })
			}
		}()
	})
	win.ShowAndRun()
}
