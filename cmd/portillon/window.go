package main

import (
	"context"
	"strconv"
	"sync/atomic"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"portillon/internal/config"
	"portillon/internal/kiosk"
	"portillon/internal/login"
	"portillon/internal/supervisor"
	"portillon/internal/ui"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// window shows the screens until the kiosk that make builds has ended. It is
// painted first: nothing slow stands between the power button and a screen.
func window(ctx context.Context, o options, w *words.Words, hello supervisor.Hello, seal *sealScreen, make func(context.Context, func(login.View)) (*kiosk.Kiosk, error)) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var k atomic.Pointer[kiosk.Kiosk]
	loop := newRest()
	fingers := &thumbs{do: loop.do, log: logger()}
	a := app.NewWithID("fr.portillon.kiosk")
	// The fonts must be known before any text is measured.
	a.Settings().SetTheme(look.Theme(look.New()))
	u := ui.New(frame(o.config, hello), w, func(e login.Event) {
		if k := k.Load(); k != nil { // before the first view there is nothing to touch
			k.Post(e)
		}
	}, ui.WithDo(loop.do), ui.WithSettle(func() { fingers.settle() }))
	a.Settings().SetTheme(look.Theme(u.Look()))
	win := a.NewWindow("Portillon")
	win.SetPadded(false)
	win.SetCloseIntercept(func() {}) // nobody closes a kiosk
	win.SetContent(u.Content())
	u.Attach(win.Canvas())
	// A size of its own first: our screens have no smallest one, and X refuses 0×0.
	win.Resize(fyne.NewSize(1280, 800))
	if o.width > 0 {
		win.Resize(fyne.NewSize(o.width, o.height))
		win.SetFixedSize(true)
	} else {
		fill(win)
	}
	fingers.canvas, fingers.keyboard = win.Canvas(), u.Keyboard()
	sentry := &sentry{full: o.width == 0, on: o.width == 0 && o.config.Lockdown != config.LockdownOff, failed: seal.note, lost: end,
		do: loop.do, canvas: win.Canvas(), log: logger()}
	listen := func() {
		fingers.listen(win)
		sentry.listen(win, fingers)
	}
	visible := !hello.PlayerRunning // the UI goroutine's, once that runs
	show := func(v login.View) {
		loop.do(func() {
			u.Update(v)
			if !visible && !behindExam(v) {
				visible = true
				win.Show()
				listen()
			}
			fingers.follow()
			sentry.follow(v)
		})
	}
	var ended error
	a.Lifecycle().SetOnStarted(func() {
		if visible {
			listen()
		}
		loop.start()
		context.AfterFunc(ctx, loop.stop) // told to end: now, not after a rest
		go watch(ctx, o.config, u, loop.do)
		go func() {
			var made *kiosk.Kiosk
			made, ended = make(ctx, show)
			if ended == nil {
				k.Store(made)
				ended = made.Run(ctx)
			}
			loop.do(func() { u.WipeAll(); loop.stop(); a.Quit() })
		}()
	})
	// The first screen is known, if not yet what it will say: no empty window before it.
	u.Update(login.View{Screen: login.ScreenPreflight, TextPercent: 100, Preflight: &login.PreflightView{}})
	if visible {
		win.Show()
	}
	a.Run()
	return ended
}

// behindExam: the screen process was started anew while a student sits an exam. Its
// window would come out on top of the player's, so it waits until there is something
// to say: that the exam is over, or was interrupted.
func behindExam(v login.View) bool {
	return v.Screen == login.ScreenPreflight || v.Screen == login.ScreenConnected && !v.Connected.Interrupted
}

func frame(c *config.Config, hello supervisor.Hello) ui.Frame {
	serial := ""
	if hello.ConfigSerial > 0 {
		serial = strconv.FormatUint(hello.ConfigSerial, 10)
	}
	return ui.Frame{ConfigSerial: serial,
		Exam: c.Login.Exam, Centre: c.Centre.Name, Room: c.Centre.Room, Tablet: c.Centre.Tablet,
		Version: version, LocalPhone: c.Centre.LocalPhone,
		SupportPhone: c.Centre.SupportPhone, SupportURI: c.Centre.SupportURI,
		Domains: c.Login.Domains, Demonstration: c.Lockdown == config.LockdownOff,
	}
}

// version is set by the build.
var version = "dev"
