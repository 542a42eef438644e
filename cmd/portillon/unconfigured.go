package main

import (
	"errors"
	"os"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"portillon/internal/lockdown"
	"portillon/internal/supervisor"
	"portillon/internal/ui/look"
	"portillon/internal/ui/unconfigured"
	"portillon/internal/words"
)

// refusedFile is where the image's boot says why a tablet has no configuration.
const refusedFile = "/run/portillon/refused.json"

// imageFile is where the image says which one it is.
const imageFile = "/usr/lib/portillon/image"

// showUnconfigured is what a tablet without a good configuration shows, until it is
// switched off: there is no supervisor, no network and no login. It is sealed as the screen
// process is; where that fails there is nothing to protect behind it.
func showUnconfigured() error {
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	report, err := lockdown.SealScreen(lockdown.ScreenOptions{Mode: "off", Session: runtime, Runtime: runtime,
		Read: []string{refusedFile, imageFile, lockdown.ExistingXauthority()}})
	logger().Info("sealed", "process", "unconfigured", "report", report.String())
	if err != nil {
		logger().Error("not sealed", "err", err)
	}
	w, err := words.New(words.Languages()[0])
	if err != nil {
		return err
	}
	image, err := os.ReadFile(imageFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	refusal := unconfigured.Load(refusedFile)
	l := look.New()
	a := app.NewWithID("fr.portillon.unconfigured")
	a.Settings().SetTheme(look.Theme(l))
	win := a.NewWindow(w.T("unconfigured.title"))
	win.SetPadded(false)
	win.SetCloseIntercept(func() {})
	win.SetContent(unconfigured.Content(l, w, refusal, string(image)))
	win.Resize(fyne.NewSize(1280, 800))
	fill(win)
	a.Lifecycle().SetOnStarted(func() {
		logger().Info("screen", "screen", "unconfigured", "reason", refusal.Reason)
		// The system works, whatever its configuration: an update is not to blame.
		up := filepath.Join(runtime, supervisor.PowerDir, supervisor.UpFile)
		if err := os.WriteFile(up, nil, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			logger().Warn("up", "err", err)
		}
	})
	win.ShowAndRun()
	return nil
}

// fill makes a window as large as the screen. Cage, the image's compositor, does that by
// itself, and a window that asks for it under Xwayland comes out wrong.
func fill(win fyne.Window) {
	if os.Getenv("WAYLAND_DISPLAY") == "" {
		win.SetFullScreen(true)
	}
}
