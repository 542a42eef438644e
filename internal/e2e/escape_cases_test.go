package e2e

import (
	"fmt"
	"image"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"portillon/internal/config"
	"portillon/internal/e2e/hands"
)

// Keysyms that hands has no name for.
const (
	keyPrint     = 0xff61
	keyF4        = hands.F1 + 3
	keyDelete    = hands.Delete
	keyBackSpace = hands.BackSpace
	keySuperR    = 0xffec
	keyF10       = hands.F1 + 9
	keyInsert    = 0xff63
	keyPause     = 0xff13
	keyUp        = 0xff52
	keyHelp      = 0xff6a
)

// escapeGroups is everything that is tried on the tablet itself.
func escapeGroups() []escapeGroup {
	return append(hostileGroups(), []escapeGroup{
		{name: "keys", home: atEmail, tries: keyTries(), end: login1},
		{name: "media-keys", home: atEmail, tries: mediaTries(), end: login1},
		{name: "pointer", home: atEmail, tries: pointerTries(), end: login1},
		{name: "password", home: atPassword, tries: selectionTries()},
		{name: "selections", home: atEmail, tries: leftTries()},
		{name: "server-text", home: atEmail, tries: textTries()},
		{name: "client", home: atEmail, tries: clientTries()},
		{name: "spies", home: atEmail, tries: spyTries()},
		{name: "outputs", home: atEmail, tries: outputTries(), change: []func(*settings){func(s *settings) { s.touchscreen = true }}},
		{name: "every-key", home: atPassword, tries: everyKeyTries()},
		{name: "grid-preflight", home: atPreflight, tries: gridTries()},
		{name: "grid-email", home: atEmail, tries: gridTries()},
		{name: "grid-password", home: atPassword, tries: gridTries()},
		{name: "grid-code", home: atCode, tries: gridTries()},
		{name: "grid-setup", home: atSetup, tries: gridTries()},
		{name: "grid-help", home: atHelp, tries: gridTries()},
		{name: "grid-trouble", home: atTrouble, tries: gridTries()},
		{name: "grid-exam", home: atExam, tries: gridTries(), change: []func(*settings){demoExam}},
		{name: "windows", home: atEmail, tries: windowTries()},
		{name: "monkey", home: atEmail, tries: monkeyTries(), end: func(e *escapee) {
			e.start(atEmail) // and a restarted tablet is as good as new
			login1(e)
		}},
		{name: "signals-email", home: atEmail, tries: signalTries()},
		{name: "signals-password", home: atPassword, tries: signalTries()},
		{name: "signals-code", home: atCode, tries: signalTries(), change: []func(*settings){func(s *settings) {
			s.serve = []string{"--code-resend", "0s"}
		}}},
		{name: "signals-setup", home: atSetup, tries: signalTries()},
		{name: "signals-help", home: atHelp, tries: signalTries()},
		{name: "signals-preflight", home: atPreflight, tries: signalTries()},
		{name: "signals-trouble", home: atTrouble, tries: signalTries()},
		{name: "signals-noncompliant", home: atNoncompliant, tries: signalTries()},
		{name: "signals-ended", home: atEnded, tries: signalTries(), change: []func(*settings){demoExam}},
		{name: "grid-noncompliant", home: atNoncompliant, tries: gridTries()},
		{name: "grid-ended", home: atEnded, tries: gridTries(), change: []func(*settings){demoExam}},
		{name: "signals-exam", home: atExam, tries: signalTries(), change: []func(*settings){demoExam}},
	}...)
}

func atEmail(e *escapee) {
	e.on("email")
	e.see(emailScreen(""))
}

func atPassword(e *escapee) { e.identifyByKeys(camille) }

func (e *escapee) identifyByKeys(p person) {
	e.t.Helper()
	atEmail(e)
	e.write(p.address)
	e.press(hands.Return)
	e.on("password")
	e.see(passwordScreen(p))
}

// atCode takes another person each time: nobody is sent more than a few codes.
func atCode(e *escapee) {
	people := []person{camille, hugo, claire, octave}
	e.round++
	e.identifyByKeys(people[e.round%len(people)])
	e.askCode()
}

func atSetup(e *escapee) {
	atEmail(e)
	e.write(lea.address)
	e.press(hands.Return)
	e.on("setup")
}

func atHelp(e *escapee) {
	atEmail(e)
	e.tap("Aide surveillant")
	e.on("help")
}

func atPreflight(e *escapee) { e.on("preflight") }

func atTrouble(e *escapee) {
	if e.away != "" {
		e.serve(e.away)
	}
	atEmail(e)
	e.away = e.stopService()
	e.write(camille.address)
	e.press(hands.Return)
	e.on("trouble")
}

// atNoncompliant: the signature is gone.
func atNoncompliant(e *escapee) {
	if err := os.Remove(e.path("portillon.toml" + config.SignatureSuffix)); err == nil {
		e.start(nil)
	}
	e.on("noncompliant")
}

func atEnded(e *escapee) {
	atExam(e)
	e.finishExam(camille)
}

func atExam(e *escapee) {
	atEmail(e)
	login1(e)
	e.reads(e.player, "the player")
}

// login1: after everything a student can still log in.
func login1(e *escapee) {
	e.loginByKeys(camille)
	e.connect()
}

// empty1: screen 1 as it was, and it listens: a letter that was typed, as Super+D is one, can be
// taken back.
func empty1(e *escapee) {
	e.press(hands.BackSpace)
	e.see(emailScreen(""))
}

// chord is a try that presses one key while others are held.
func chord(name, item string, sym uint32, held ...uint32) try {
	return try{name: name, item: item, do: func(e *escapee) { e.must(e.hands.Chord(held, sym)) }}
}

func keyTries() []try {
	const ctrl, alt, super = hands.ControlL, hands.AltL, hands.SuperL
	out := []try{
		chord("alt-f4", "close", keyF4, alt),
		chord("ctrl-q", "close", 'q', ctrl), chord("ctrl-w", "close", 'w', ctrl),
		chord("ctrl-shift-q", "close", 'q', ctrl, hands.ShiftL), chord("ctrl-f4", "close", keyF4, ctrl),
		chord("escape", "plain-keys", hands.Escape), chord("menu", "plain-keys", hands.Menu),
		chord("super", "plain-keys", hands.SuperL), chord("super-right", "plain-keys", keySuperR),
		chord("print", "plain-keys", keyPrint), chord("alt-print", "plain-keys", keyPrint, alt),
		chord("pause", "plain-keys", keyPause), chord("super-d", "plain-keys", 'd', super), chord("super-l", "plain-keys", 'l', super),
		chord("super-r", "plain-keys", 'r', super), chord("alt-f2", "plain-keys", hands.F1+1, alt),
		chord("alt-tab", "switching", hands.Tab, alt), chord("alt-shift-tab", "switching", hands.Tab, alt, hands.ShiftL),
		chord("super-tab", "switching", hands.Tab, super), chord("ctrl-tab", "switching", hands.Tab, ctrl),
		chord("alt-escape", "switching", hands.Escape, alt), chord("ctrl-escape", "switching", hands.Escape, ctrl),
		chord("alt-space", "switching", ' ', alt), chord("ctrl-alt-up", "switching", keyUp, ctrl, alt),
		chord("ctrl-alt-t", "switching", 't', ctrl, alt),
		chord("ctrl-alt-backspace", "switching", keyBackSpace, ctrl, alt),
		chord("ctrl-alt-delete", "switching", keyDelete, ctrl, alt), chord("ctrl-shift-escape", "switching", hands.Escape, ctrl, hands.ShiftL),
		chord("shift-f10", "context", keyF10, hands.ShiftL),
		chord("ctrl-n", "close", 'n', ctrl), chord("ctrl-o", "close", 'o', ctrl), chord("ctrl-p", "close", 'p', ctrl),
		chord("ctrl-l", "close", 'l', ctrl), chord("ctrl-s", "close", 's', ctrl), chord("ctrl-shift-i", "close", 'i', ctrl, hands.ShiftL),
	}
	for i := range uint32(12) {
		out = append(out, chord(fmt.Sprintf("f%d", i+1), "plain-keys", hands.F1+i),
			chord(fmt.Sprintf("ctrl-alt-f%d", i+1), "switching", hands.F1+i, ctrl, alt))
	}
	for i := range out {
		out[i].after = empty1
	}
	return out
}

// mediaTries are keys that a desktop opens programs with: a keyboard may have them.
func mediaTries() []try {
	var out []try
	for _, k := range []struct {
		name string
		sym  uint32
	}{{"www", 0x1008ff2e}, {"mail", 0x1008ff19}, {"homepage", 0x1008ff18}, {"search", 0x1008ff1b}, {"explorer", 0x1008ff5d},
		{"calculator", 0x1008ff1d}, {"power", 0x1008ff2a}, {"sleep", 0x1008ff2f}, {"eject", 0x1008ff2c}, {"help", keyHelp}} {
		t := chord(k.name, "plain-keys", k.sym)
		t.after = empty1
		out = append(out, t)
	}
	return out
}

// spots are places on the first screen: card, field, header, footer, keyboard, edges.
func spots(size image.Point) map[string]image.Point {
	return map[string]image.Point{"title": {size.X / 2, 120}, "field": {size.X / 2, 250}, "header": {60, 20},
		"footer": {60, size.Y - 12}, "corner": {size.X - 2, size.Y - 2}, "ground": {20, size.Y / 2}, "keyboard": {size.X / 2, size.Y - 150}}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func pointerTries() []try {
	var out []try
	sizes := spots(image.Pt(1280, 800))
	for _, name := range sortedKeys(sizes) {
		at := sizes[name]
		out = append(out,
			try{name: "right-click-" + name, item: "context", do: func(e *escapee) { e.click(3, at) }, elsewhere: name == "keyboard"},
			try{name: "middle-click-" + name, item: "context", do: func(e *escapee) { e.click(2, at) }, elsewhere: name == "keyboard"},
			try{name: "long-press-" + name, item: "context", do: func(e *escapee) { e.longPress(at) }, elsewhere: true})
	}
	out = append(out, try{name: "wheel", item: "context", do: func(e *escapee) {
		for _, b := range []byte{4, 5, 6, 7, 8, 9} {
			e.click(b, sizes["field"])
		}
	}})
	for _, edge := range []struct {
		name     string
		from, to image.Point
	}{{"top", image.Pt(640, 0), image.Pt(640, 500)}, {"bottom", image.Pt(640, 799), image.Pt(640, 300)},
		{"left", image.Pt(0, 400), image.Pt(700, 400)}, {"right", image.Pt(1279, 400), image.Pt(500, 400)}} {
		out = append(out, try{name: "drag-from-" + edge.name, item: "context", elsewhere: true, do: func(e *escapee) { e.drag(edge.from, edge.to) }})
	}
	return out
}

func gridTries() []try {
	return []try{{name: "every-20-px", item: "grid", elsewhere: true, do: func(e *escapee) { e.grid() }}}
}

func (e *escapee) click(button byte, at image.Point) {
	e.must(e.hands.Move(at.X, at.Y))
	e.must(e.hands.Down(button))
	e.must(e.hands.Up(button))
}

// hold500 is longer than a key's long press.
func (e *escapee) hold500() { <-time.After(500 * time.Millisecond) }

// longPress holds a finger for longer than any long press.
func (e *escapee) longPress(at image.Point) {
	e.must(e.hands.Move(at.X, at.Y))
	e.must(e.hands.Down(1))
	<-time.After(1200 * time.Millisecond)
	e.must(e.hands.Up(1))
}

func (e *escapee) drag(from, to image.Point) {
	e.must(e.hands.Move(from.X, from.Y))
	e.must(e.hands.Down(1))
	for i := range 20 {
		at := from.Add(to.Sub(from).Mul(i + 1).Div(20))
		e.must(e.hands.Move(at.X, at.Y))
	}
	e.must(e.hands.Up(1))
}

// grid clicks every 20 px, wherever that leads.
func (e *escapee) grid() {
	for y := 10; y < e.set.size.Y; y += 20 {
		for x := 10; x < e.set.size.X; x += 20 {
			e.must(e.hands.Tap(x, y))
		}
	}
}

func signalTries() []try {
	var out []try
	for _, s := range []struct {
		name   string
		signal syscall.Signal
	}{{"term", syscall.SIGTERM}, {"segv", syscall.SIGSEGV}, {"kill", syscall.SIGKILL}} {
		out = append(out, try{name: "screen-" + s.name, item: "signals", elsewhere: true, do: func(e *escapee) {
			pid := e.screenProcess()
			e.must(syscall.Kill(pid, s.signal))
			eventually(e.t, back(), "another screen process", func() bool { p := e.screenPid(); return p > 0 && p != pid })
		}}, try{name: "supervisor-" + s.name, item: "signals", elsewhere: true, do: func(e *escapee) {
			e.must(syscall.Kill(e.tablet.Pid(), s.signal))
			<-e.tablet.Done()
			e.switchOn() // as the service manager does
		}})
	}
	return out
}

func monkeyTries() []try {
	return []try{{name: "seeded", item: "monkey", elsewhere: true, do: func(e *escapee) {
		const seed = 20261122
		e.monkey(rand.New(rand.NewPCG(seed, seed)), monkeyTime())
	}}}
}

// monkey presses, taps and drags at random until its time is over.
func (e *escapee) monkey(r *rand.Rand, d time.Duration) {
	e.t.Helper()
	point := func() image.Point { return image.Pt(r.IntN(e.set.size.X), r.IntN(e.set.size.Y)) }
	keys := []uint32{hands.Return, hands.Tab, hands.Escape, hands.BackSpace, hands.Left, hands.Home, hands.Delete, hands.Menu,
		keyPrint, ' ', 'a', 'm', '@', '.', '1', 0xf9} // ù
	held := []uint32{hands.ControlL, hands.AltL, hands.ShiftL, hands.SuperL}
	screen, began := e.screenProcess(), time.Now()
	var early, late []int // kilobytes, in the two halves of what is left after the first quarter
	warm := d / 4         // fonts, drawing programs and heaps find their sizes
	sample := time.Time{}
	for end := time.Now().Add(d); time.Now().Before(end); {
		for range 20 {
			switch r.IntN(5) {
			case 0:
				e.drag(point(), point())
			case 1:
				e.must(e.hands.Chord(held[:r.IntN(len(held))], hands.F1+uint32(r.IntN(12))))
			case 2:
				e.press(keys[r.IntN(len(keys))])
			default:
				at := point()
				e.must(e.hands.Tap(at.X, at.Y))
			}
		}
		if gone := time.Since(began); gone > warm && time.Since(sample) > 3*time.Second {
			sample = time.Now()
			if gone-warm < (d-warm)/2 {
				early = append(early, e.pss(screen))
			} else {
				late = append(late, e.pss(screen))
			}
		}
	}
	if now := e.screenPid(); now != screen {
		e.t.Errorf("the screen process %d became %d", screen, now)
		return
	}
	if len(early) == 0 || len(late) == 0 {
		e.t.Logf("PSS %d kB", e.pss(screen))
		return
	}
	// What is drawn at the time makes it breathe by a tenth; what leaks moves the middle.
	slices.Sort(early)
	slices.Sort(late)
	before, after := early[len(early)/2], late[len(late)/2]
	e.t.Logf("PSS %d to %d kB, mostly %d, then %d to %d kB, mostly %d",
		early[0], early[len(early)-1], before, late[0], late[len(late)-1], after)
	if d >= 10*time.Minute && after*100 > before*105 {
		e.t.Errorf("memory grew from %d kB to %d kB", before, after)
	}
	if most := late[len(late)-1]; d >= 10*time.Minute && most > pssMost {
		e.t.Errorf("%d kB, more than %d", most, pssMost)
	}
}

// pssMost is what a screen process may hold under the monkey: half as much again as was measured (120 MB).
const pssMost = 180_000

// pss is the kilobytes that are a process's share of memory.
func (e *escapee) pss(pid int) int {
	e.t.Helper()
	for line := range strings.Lines(e.proc(pid, "smaps_rollup")) {
		var n int
		if _, err := fmt.Sscanf(line, "Pss: %d kB", &n); err == nil {
			return n
		}
	}
	e.t.Fatalf("process %d has no PSS", pid)
	return 0
}
