package e2e

import (
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jezek/xgb/xproto"

	"portillon/internal/e2e/hands"
)

// monkeyTime is how long the monkey has.
func monkeyTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("ESCAPE_MONKEY")); err == nil {
		return d
	}
	if os.Getenv("ESCAPE_LONG") == "1" {
		return 10 * time.Minute
	}
	return 20 * time.Second
}

// stopTime is how long a stopped process stays so.
func stopTime() time.Duration {
	if os.Getenv("ESCAPE_LONG") == "1" {
		return 2 * time.Minute
	}
	return 2 * time.Second
}

// selectionTries: what can be done to a typed password with a keyboard and a mouse.
func selectionTries() []try {
	var out []try
	for _, c := range "cxvaz" {
		out = append(out, try{name: "ctrl-" + string(c), item: "selection", do: func(e *escapee) {
			e.write("Secret")
			e.must(e.hands.Chord([]uint32{hands.ControlL}, uint32(c)))
			e.selections("Secret")
		}})
	}
	return append(out,
		try{name: "ctrl-a-ctrl-c", item: "selection", do: func(e *escapee) {
			e.must(e.hands.Chord([]uint32{hands.ControlL}, 'a'))
			e.must(e.hands.Chord([]uint32{hands.ControlL}, 'c'))
			e.selections("Secret")
		}},
		try{name: "shift-home", item: "selection", do: func(e *escapee) {
			e.must(e.hands.Chord([]uint32{hands.ShiftL}, hands.Home))
			e.selections("Secret")
		}},
		try{name: "ctrl-insert", item: "selection", do: func(e *escapee) {
			e.must(e.hands.Chord([]uint32{hands.ControlL}, keyInsert))
			e.must(e.hands.Chord([]uint32{hands.ShiftL}, keyInsert))
			e.selections("Secret")
		}},
		try{name: "middle-click", item: "selection", do: func(e *escapee) {
			for x := 100; x < e.set.size.X; x += 200 {
				e.must(e.hands.Move(x, 300))
				e.must(e.hands.Down(2))
				e.must(e.hands.Up(2))
			}
			e.selections("Secret")
		}})
}

// selections: nobody offers anything by way of the display, so what was typed is not there.
func (e *escapee) selections(typed string) {
	e.t.Helper()
	e.settle()
	for _, name := range []string{"PRIMARY", "SECONDARY", "CLIPBOARD", "CLIPBOARD_MANAGER"} {
		o, err := xproto.GetSelectionOwner(e.x, e.atom(name)).Reply()
		e.must(err)
		if o.Owner != xproto.WindowNone {
			e.t.Errorf("window %d of process %d owns %s", o.Owner, e.owner(o.Owner), name)
		}
	}
	// Cut buffers are properties of the root window.
	for i := range 8 {
		p, err := xproto.GetProperty(e.x, false, e.root, e.atom("CUT_BUFFER"+string(rune('0'+i))), xproto.GetPropertyTypeAny, 0, 256).Reply()
		e.must(err)
		if strings.Contains(string(p.Value), typed) {
			e.t.Error("the password is in a cut buffer")
		}
	}
}

// leftTries: what another program left for pasting is gone when the next candidate comes.
func leftTries() []try {
	return []try{{name: "left-for-the-next", item: "selection", elsewhere: true, do: func(e *escapee) {
		w := e.stranger(1, 1)
		e.must(xproto.UnmapWindowChecked(e.x, w).Check())
		for _, name := range []string{"PRIMARY", "SECONDARY", "CLIPBOARD"} {
			e.must(xproto.SetSelectionOwnerChecked(e.x, w, e.atom(name), xproto.TimeCurrentTime).Check())
		}
		e.must(xproto.ChangePropertyChecked(e.x, xproto.PropModeReplace, e.root, e.atom("CUT_BUFFER0"), xproto.AtomString, 8, 6, []byte("Secret")).Check())
		pid := e.screenProcess()
		e.must(syscall.Kill(pid, syscall.SIGKILL)) // another candidate, another process
		e.on("email")
		e.selections("Secret")
		e.must(xproto.DestroyWindowChecked(e.x, w).Check())
	}}}
}

func windowTries() []try {
	return []try{
		{name: "wm-delete-window", item: "close", after: empty1, do: func(e *escapee) { e.message(e.window(), "WM_PROTOCOLS", "WM_DELETE_WINDOW") }},
		{name: "wm-take-focus", item: "close", after: empty1, do: func(e *escapee) { e.message(e.window(), "WM_PROTOCOLS", "WM_TAKE_FOCUS") }},
		{name: "net-close-window", item: "close", after: empty1, do: func(e *escapee) { e.message(e.window(), "_NET_CLOSE_WINDOW", "") }},
		{name: "sigstop-screen", item: "stop", do: func(e *escapee) { e.pause(e.screenProcess()) }, after: empty1},
		{name: "sigstop-supervisor", item: "stop", do: func(e *escapee) { e.pause(e.tablet.Pid()) }, after: empty1},
		{name: "iconify", item: "resize", after: empty1, do: func(e *escapee) { e.message(e.window(), "WM_CHANGE_STATE", "") }},
	}
}

func (e *escapee) pause(pid int) {
	e.must(syscall.Kill(pid, syscall.SIGSTOP))
	e.write("a") // it is typed while nobody listens
	e.press(hands.BackSpace)
	<-time.After(stopTime())
	e.must(syscall.Kill(pid, syscall.SIGCONT))
}

// window is the tablet's.
func (e *escapee) window() xproto.Window {
	e.t.Helper()
	tree, err := xproto.QueryTree(e.x, e.root).Reply()
	e.must(err)
	for _, w := range tree.Children {
		if a, err := xproto.GetWindowAttributes(e.x, w).Reply(); err == nil && a.MapState == xproto.MapStateViewable &&
			e.owner(w) == e.screenPid() {
			return w
		}
	}
	e.t.Fatal("the tablet has no window")
	return 0
}

// message sends a window what a window manager would.
func (e *escapee) message(w xproto.Window, kind, protocol string) {
	e.t.Helper()
	data := make([]uint32, 5)
	if protocol != "" {
		data[0] = uint32(e.atom(protocol))
	}
	ev := xproto.ClientMessageEvent{Format: 32, Window: w, Type: e.atom(kind), Data: xproto.ClientMessageDataUnionData32New(data)}
	e.must(xproto.SendEventChecked(e.x, false, w, xproto.EventMaskNoEvent, string(ev.Bytes())).Check())
}
