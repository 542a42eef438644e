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

func (e *escapee) focus(w xproto.Window) {
	e.t.Helper()
	e.must(xproto.SetInputFocusChecked(e.x, xproto.InputFocusParent, w, xproto.TimeCurrentTime).Check())
}

func (e *escapee) await5(what string, ok func() bool) {
	e.t.Helper()
	eventually(e.t, backWithin, what, ok)
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

func (e *escapee) xrandr(args ...string) {
	e.t.Helper()
	if out, err := exec.Command("xrandr", append([]string{"--display", e.display}, args...)...).CombinedOutput(); err != nil {
		e.t.Fatalf("xrandr %v: %v\n%s", args, err, out)
	}
}
