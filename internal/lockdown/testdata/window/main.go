// Command window is a test's two processes: sealed, and drawing all the same. The first
// is sealed as a supervisor and starts the second from /proc/self/exe; that one is
// sealed as a screen process, opens a window of one color, shuts its scopes after the first
// frame, tries to break out, says on standard output what came of it, and then draws
// another color for each line it reads.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"image/color"
	"os"
	"os/exec"
	"runtime"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/config"
	"portillon/internal/lockdown"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(role string) error {
	if role == "screen" {
		return screen()
	}
	o := lockdown.SupervisorOptions{Mode: config.LockdownRequired, State: os.Getenv("HOME"), Hosts: []string{"auth.example:443"}}
	if _, err := lockdown.SealSupervisor(o); err != nil {
		return err
	}
	runtime.LockOSThread()
	if _, err := lockdown.ScopeChildren(o); err != nil {
		return err
	}
	child := exec.Command("/proc/self/exe", "screen")
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	return child.Run()
}

// said is what the test reads, one JSON object.
type said struct {
	Report, Scope lockdown.Report
	Probes        []lockdown.ProbeResult
}

func screen() error {
	o := lockdown.ScreenOptions{Mode: config.LockdownRequired, Session: os.Getenv("HOME")}
	var s said
	var err error
	if s.Report, err = lockdown.SealScreen(o); err != nil {
		return err
	}
	a := app.NewWithID("fr.portillon.lockdown.test")
	w := a.NewWindow("sealed")
	w.SetPadded(false)
	colors := []color.Color{color.NRGBA{R: 255, A: 255}, color.NRGBA{G: 255, A: 255}, color.NRGBA{B: 255, A: 255}}
	field := canvas.NewRectangle(colors[0])
	w.SetContent(field)
	w.Resize(fyne.NewSize(400, 300))
	lines := bufio.NewScanner(os.Stdin)
	a.Lifecycle().SetOnStarted(func() {
		go func() {
			for i := 1; lines.Scan() && i < len(colors); i++ {
				if i == 1 { // the first frame is there: the test has seen it
					if s.Scope, err = lockdown.ScopeScreen(o); err == nil {
						s.Probes = lockdown.Probe(context.Background(), o.Probes())
						err = json.NewEncoder(os.Stdout).Encode(s)
					}
				}
				fyne.DoAndWait(func() {
					field.FillColor = colors[i]
					field.Refresh()
				})
			}
			fyne.Do(a.Quit)
		}()
	})
	w.ShowAndRun()
	return err
}
