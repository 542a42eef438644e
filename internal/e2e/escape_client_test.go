package e2e

import (
	"os/exec"

	"github.com/jezek/xgb/xproto"

	"portillon/internal/e2e/hands"
)

// clientTries are what another program on the display can do to the tablet's window. None is to be
// there, and no seal of ours stops it if it is.
func clientTries() []try {
	configure := func(e *escapee, w xproto.Window, mask uint16, values ...uint32) {
		e.must(xproto.ConfigureWindowChecked(e.x, w, mask, values).Check())
	}
	return []try{
		{name: "takes-focus", item: "second-client", elsewhere: true, do: func(e *escapee) {
			w := e.stranger(1, 1)
			e.focus(w)
			e.write("qui ecoute")
			e.press(hands.Return)
			e.must(xproto.DestroyWindowChecked(e.x, w).Check())
		}},
		{name: "takes-focus-and-listens", item: "second-client", elsewhere: true, do: (*escapee).eavesdrop},
		{name: "takes-focus-for-ever", item: "second-client", elsewhere: true, do: func(e *escapee) {
			for range 50 {
				e.focus(e.stranger(10, 10))
			}
		}},
		{name: "sends-keys", item: "second-client", elsewhere: true, do: func(e *escapee) {
			key := xproto.KeyPressEvent{Detail: 24, Root: e.root, Event: e.window(), SameScreen: true}
			for range 50 {
				e.must(xproto.SendEventChecked(e.x, false, e.window(), xproto.EventMaskKeyPress, string(key.Bytes())).Check())
			}
		}},
		{name: "shrinks-our-window", item: "resize", elsewhere: true, do: func(e *escapee) {
			configure(e, e.window(), xproto.ConfigWindowWidth|xproto.ConfigWindowHeight, 400, 300)
		}},
		{name: "moves-our-window", item: "resize", elsewhere: true, do: func(e *escapee) {
			configure(e, e.window(), xproto.ConfigWindowX|xproto.ConfigWindowY, 300, 200)
		}},
		{name: "lowers-our-window", item: "second-client", elsewhere: true, do: func(e *escapee) {
			e.stranger(300, 200)
			configure(e, e.window(), xproto.ConfigWindowStackMode, xproto.StackModeBelow)
		}},
		{name: "hides-our-window", item: "resize", elsewhere: true, do: func(e *escapee) {
			e.must(xproto.UnmapWindowChecked(e.x, e.window()).Check())
		}},
		{name: "destroys-our-window", item: "second-client", elsewhere: true, do: func(e *escapee) {
			e.must(xproto.DestroyWindowChecked(e.x, e.window()).Check())
		}},
		{name: "disconnects-us", item: "second-client", elsewhere: true, do: func(e *escapee) {
			e.must(xproto.KillClientChecked(e.x, uint32(e.window())).Check())
		}},
		{name: "takes-our-window-into-its-own", item: "second-client", elsewhere: true, do: func(e *escapee) {
			e.must(xproto.ReparentWindowChecked(e.x, e.window(), e.stranger(300, 200), 0, 0).Check())
		}},
		{name: "makes-a-window-within-ours", item: "second-client", elsewhere: true, do: func(e *escapee) {
			w := e.stranger(300, 200)
			e.must(xproto.ReparentWindowChecked(e.x, w, e.window(), 0, 0).Check())
		}},
		{name: "covers-our-window", item: "second-client", elsewhere: true, do: func(e *escapee) {
			e.stranger(uint16(e.set.size.X), uint16(e.set.size.Y))
		}},
		{name: "covers-with-100-windows", item: "second-client", elsewhere: true, do: func(e *escapee) {
			for range 100 {
				e.stranger(uint16(e.set.size.X), uint16(e.set.size.Y))
			}
		}},
		{name: "display-shrinks", item: "resize", elsewhere: true, do: func(e *escapee) {
			e.xrandr("--output", "screen", "--off", "--fb", "1024x768")
			e.await5("a window of the display's new size", func() bool { return e.windows() == "" })
			e.xrandr("--fb", "1280x800", "--output", "screen", "--mode", "1280x800")
		}},
		{name: "display-goes-and-comes", item: "resize", elsewhere: true, do: func(e *escapee) {
			for range 5 {
				e.xrandr("--output", "screen", "--off", "--fb", "1280x800")
				e.xrandr("--output", "screen", "--mode", "1280x800")
			}
		}},
	}
}

// outputTries are on a real X server, which has more than one output. Whatever is plugged in: all that
// shows anything shows the tablet's window.
func outputTries() []try {
	second := func(e *escapee, place string) {
		e.xrandr("--addmode", "DUMMY1", "1280x800")
		e.xrandr("--output", "DUMMY1", "--mode", "1280x800", place, "DUMMY0")
	}
	filled := func(e *escapee) {
		e.await5("a window over all outputs", func() bool { return e.windows() == "" })
		m, err := newMirror("fr", e.look().Bounds().Size(), e.frame)
		e.must(err)
		m.show(emailScreen(""))
		e.reads(m, "the first screen in that size")
	}
	return []try{
		{name: "second-shows-the-same", item: "second-output", elsewhere: true, do: func(e *escapee) { second(e, "--same-as") }},
		{name: "second-comes-and-goes", item: "second-output", elsewhere: true, do: func(e *escapee) {
			for _, place := range []string{"--right-of", "--left-of", "--below"} {
				second(e, place)
				filled(e)
				e.xrandr("--output", "DUMMY1", "--off", "--output", "DUMMY0", "--pos", "0x0")
				filled(e)
			}
		}},
		{name: "window-on-the-second", item: "second-output", elsewhere: true, do: func(e *escapee) {
			second(e, "--right-of")
			w := e.stranger(200, 200)
			e.must(xproto.ConfigureWindowChecked(e.x, w, xproto.ConfigWindowX|xproto.ConfigWindowStackMode,
				[]uint32{1500, xproto.StackModeAbove}).Check())
			filled(e)
			e.photograph("second-output")
			e.xrandr("--output", "DUMMY1", "--off")
		}},
		{name: "first-lost-second-stays", item: "second-output", elsewhere: true, do: func(e *escapee) {
			second(e, "--same-as")
			e.xrandr("--output", "DUMMY0", "--off")
			filled(e)
			e.xrandr("--output", "DUMMY0", "--mode", "1280x800")
		}},
		{name: "all-lost", item: "second-output", elsewhere: true, do: func(e *escapee) {
			e.xrandr("--output", "DUMMY0", "--off")
			e.xrandr("--output", "DUMMY0", "--mode", "1280x800")
		}},
		{name: "display-resized", item: "resize", elsewhere: true, do: func(e *escapee) {
			for _, mode := range []string{"1024x768", "800x600", "1280x720"} {
				e.xrandr("--output", "DUMMY0", "--mode", mode)
				filled(e)
				e.photograph("resized-" + mode)
			}
			e.xrandr("--output", "DUMMY0", "--mode", "1280x800")
		}},
		{name: "display-larger-than-the-output", item: "resize", elsewhere: true, do: func(e *escapee) {
			e.xrandr("--fb", "1600x1200")
			filled(e)
			e.xrandr("--fb", "1280x800")
		}},
	}
}

func (e *escapee) focus(w xproto.Window) {
	e.t.Helper()
	e.must(xproto.SetInputFocusChecked(e.x, xproto.InputFocusParent, w, xproto.TimeCurrentTime).Check())
}

func (e *escapee) await5(what string, ok func() bool) {
	e.t.Helper()
	eventually(e.t, back(), what, ok)
}

// eavesdrop takes the keyboard and waits for somebody to type: what is typed once the tablet has
// it back is the tablet's.
func (e *escapee) eavesdrop() {
	e.t.Helper()
	w := e.stranger(10, 10)
	e.must(xproto.ChangeWindowAttributesChecked(e.x, w, xproto.CwEventMask, []uint32{xproto.EventMaskKeyPress}).Check())
	e.focus(w)
	e.await5("the keyboard is ours again", func() bool { return e.keyboard() == "" })
	e.write("qui")
	e.see(emailScreen("qui"))
	for {
		event, err := e.x.PollForEvent()
		e.must(err)
		if event == nil {
			return
		}
		if k, ok := event.(xproto.KeyPressEvent); ok {
			e.t.Errorf("a stranger heard key %d", k.Detail)
		}
	}
}

// xrandr arranges the outputs. It is a stranger on the display, and may be put out of it if the
// machine is slow: then it tries again.
func (e *escapee) xrandr(args ...string) {
	e.t.Helper()
	const tries = 5
	for i := range tries {
		out, err := exec.Command("xrandr", append([]string{"--display", e.display}, args...)...).CombinedOutput()
		if err == nil {
			return
		}
		if i == tries-1 {
			e.t.Fatalf("xrandr %v: %v\n%s", args, err, out)
		}
	}
}
