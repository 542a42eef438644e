// Command empty is the floor under all floors of internal/bench: an X client without
// any toolkit, a window that is mapped and painted, and a bar that shows whether the
// last key was a letter or Backspace. Nobody installs it.
package main

import (
	"fmt"
	"os"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "empty:", err)
		os.Exit(1)
	}
}

func run() error {
	conn, err := xgb.NewConn()
	if err != nil {
		return err
	}
	defer conn.Close()
	screen := xproto.Setup(conn).DefaultScreen(conn)
	win, err := xproto.NewWindowId(conn)
	if err != nil {
		return err
	}
	ink, err := xproto.NewGcontextId(conn)
	if err != nil {
		return err
	}
	paper, err := xproto.NewGcontextId(conn)
	if err != nil {
		return err
	}
	xproto.CreateWindow(conn, screen.RootDepth, win, screen.Root, 0, 0, 1280, 800, 0, xproto.WindowClassInputOutput, screen.RootVisual,
		xproto.CwBackPixel|xproto.CwEventMask, []uint32{screen.WhitePixel, xproto.EventMaskExposure | xproto.EventMaskKeyPress})
	xproto.CreateGC(conn, ink, xproto.Drawable(win), xproto.GcForeground, []uint32{screen.BlackPixel})
	xproto.CreateGC(conn, paper, xproto.Drawable(win), xproto.GcForeground, []uint32{screen.WhitePixel})
	if err := xproto.MapWindowChecked(conn, win).Check(); err != nil {
		return err
	}
	fill := func(gc xproto.Gcontext, y int16) {
		xproto.PolyFillRectangle(conn, xproto.Drawable(win), gc, []xproto.Rectangle{{X: 620, Y: y, Width: 40, Height: 16}})
	}
	const backspace = 22
	for {
		event, err := conn.WaitForEvent()
		if event == nil && err == nil {
			return nil // the display is gone
		}
		switch e := event.(type) {
		case xproto.ExposeEvent:
			fill(ink, 370)
		case xproto.KeyPressEvent:
			if e.Detail == backspace {
				fill(paper, 400)
			} else {
				fill(ink, 400)
			}
		}
	}
}
