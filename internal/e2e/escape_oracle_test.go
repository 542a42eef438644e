package e2e

import (
	"cmp"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/procedure"
	"portillon/internal/ui"
)

// backWithin is how soon the tablet must be as it should after whatever was done to it.
const backWithin = 5 * time.Second

// back is backWithin, or patience where the machine has more to do than it can: then a tablet that
// starts takes its time, and is no escape.
func back() time.Duration {
	const manyEach = 3 // programs that want a processor
	var load float64
	b, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, err = fmt.Sscan(string(b), &load)
	}
	if err == nil && load > manyEach*float64(runtime.NumCPU()) {
		return patience
	}
	return backWithin
}

// label is on every screen of ours: which tablet it is.
const label = "B12-07"

// escapee is a room whose tablet somebody wants to get out of.
type escapee struct {
	*room
	x     *xgb.Conn // of the suite itself; not the hands'
	root  xproto.Window
	baits string // programs that must never run, and the file that tells
	faces []face
	// player is the exam of the demonstration, which stands before our screens while it runs.
	player *mirror
	round  int    // how often the group has begun
	away   string // where the service was that is gone
	// betrayed is what an attempt itself saw go wrong.
	betrayed string
}

// face is how the label may look: text size, contrast, header small or large.
type face struct {
	picture image.Image
	at      image.Rectangle
}

// exclusive are users whom nobody else on this machine is, and no other room while it is there:
// every process of a room's user is looked at.
var exclusive atomic.Uint32 // how many were given out

// roomsEach is more rooms than one run has.
const roomsEach = 256

// lock makes a room with a tablet as an exam has it, under a user of its own.
func lock(t *testing.T, change ...func(*settings)) *escapee {
	t.Helper()
	e := &escapee{room: prepare(t, append([]func(*settings){required, func(s *settings) {
		s.uid = 100000 + uint32(os.Getpid())%10000*roomsEach + exclusive.Add(1)
	}}, change...)...)}
	e.bait()
	var err error
	e.mirror, err = newMirror("fr", e.set.size, e.frame)
	e.must(err)
	e.learnFaces()
	e.player, err = newPlayerMirror(camille, e.set.size)
	e.must(err)
	e.x, err = xgb.NewConnDisplay(e.display)
	e.must(err)
	t.Cleanup(e.x.Close)
	e.root = xproto.Setup(e.x).DefaultScreen(e.x).Root
	return e
}

// frame is what the signed configuration makes of the frame.
func (e *escapee) frame(f *ui.Frame) {
	if e.set.required > 0 {
		f.Demonstration, f.ConfigSerial = false, strconv.FormatUint(e.set.required, 10)
	}
}

// bait puts programs first in PATH that tell when they are run.
func (e *escapee) bait() {
	e.baits = e.path("baits")
	e.must(os.Mkdir(e.baits, 0o755))
	e.must(os.WriteFile(e.path("ran"), nil, 0o644))
	e.must(os.Chmod(e.path("ran"), 0o666))
	for _, name := range []string{"xdg-open", "gio", "sh", "bash", "x-www-browser", "sensible-browser", "firefox", "chromium",
		"thunderbird", "dbus-launch", "xterm", "x-terminal-emulator", "zenity", "kdialog", "xdg-mime", "xmessage"} {
		e.must(os.WriteFile(filepath.Join(e.baits, name), []byte("#!/bin/bash\necho \"$0\" >>"+e.path("ran")+"\n"), 0o755))
	}
	e.env = append(e.env, "PATH="+e.baits+":/usr/bin:/bin")
}

// start starts the tablet, again if it runs, and brings it to where the group begins.
func (e *escapee) start(home func(*escapee)) {
	e.t.Helper()
	if e.tablet != nil {
		e.must(e.tablet.Stop())
	}
	e.switchOn()
	if home != nil {
		home(e)
	}
}

// verdict is the oracle: "", or why this is an escape. Whatever was done may take its time to
// show: what is wrong must stay wrong for back(), but for a program that ran.
func (e *escapee) verdict() string {
	e.t.Helper()
	if why := e.betrayed; why != "" {
		e.betrayed = ""
		return why
	}
	e.breathe()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for {
		if ran, err := os.ReadFile(e.path("ran")); err != nil || len(ran) > 0 {
			return fmt.Sprintf("a bait ran: %q %v", ran, err)
		}
		why := e.wrong()
		if why == "" || time.Since(began) > back() {
			return why
		}
		<-tick.C
	}
}

// breathe lets the tablet act on what was sent to its display: two answers of the server, and a
// picture that stands still.
func (e *escapee) breathe() {
	e.t.Helper()
	for range 2 {
		e.settle()
	}
}

// wrong is what is not as it should be at this moment.
func (e *escapee) wrong() string {
	select {
	case <-e.tablet.Done():
		return "the tablet's program has ended"
	default:
	}
	if why := e.strangers(); why != "" {
		return why
	}
	if strings.Contains(e.tablet.Log(), "a way out is open") {
		return "a probe from inside went through"
	}
	if s := e.lastScreen(); !slices.Contains(login.Screens(), login.Screen(s)) {
		return fmt.Sprintf("the log's last screen is %q", s)
	}
	if why := e.windows(); why != "" {
		return why
	}
	if !e.ours(e.look()) {
		return "what the display shows is no screen of ours"
	}
	return ""
}

// strangers looks at every process of the kiosk's user. Those of the tablet: supervisor, screen
// process, player.
func (e *escapee) strangers() string {
	player := "/" + strings.TrimPrefix(e.set.centre.Player[0], "/")
	if real, err := filepath.EvalSymlinks(player); err == nil {
		player = real
	}
	for _, pid := range everyone(e.t) {
		if !e.belongs(pid) {
			continue
		}
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil {
			continue // it has ended
		}
		if exe != cmp.Or(e.set.bin, shared.portillon) && exe != player {
			return fmt.Sprintf("process %d is %s", pid, exe)
		}
	}
	return ""
}

// belongs: the process is of the kiosk's user. Where the tests are not root that user is ours
// too, and only the tablet's children can be told apart.
func (e *escapee) belongs(pid int) bool {
	if e.uid == 0 {
		return slices.Contains(children(e.t, e.tablet.Pid()), pid)
	}
	for line := range strings.Lines(e.proc(pid, "status")) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Uid:" {
			return f[1] == strconv.Itoa(int(e.uid))
		}
	}
	return false
}

// lastScreen is the last one in the log.
func (e *escapee) lastScreen() string {
	last := ""
	e.count(func(x event) bool {
		if x.Screen != "" {
			last = x.Screen
		}
		return false
	})
	return last
}

// windows: from the top down to one that fills the display, every window is the tablet's; what
// is below that is not to be seen. The keyboard is the tablet's too.
func (e *escapee) windows() string {
	tree, err := xproto.QueryTree(e.x, e.root).Reply()
	if err != nil {
		return err.Error()
	}
	all, err := xproto.GetGeometry(e.x, xproto.Drawable(e.root)).Reply()
	if err != nil {
		return err.Error()
	}
	why := "no window fills the display"
	for _, w := range slices.Backward(tree.Children) { // the server lists them from the lowest up
		a, err := xproto.GetWindowAttributes(e.x, w).Reply()
		if err != nil || a.MapState != xproto.MapStateViewable {
			continue // gone, or not there
		}
		g, err := xproto.GetGeometry(e.x, xproto.Drawable(w)).Reply()
		if err != nil {
			continue
		}
		// Whose programs run is known: strangers looked.
		if pid := e.owner(w); !e.belongs(pid) {
			return fmt.Sprintf("a window %dx%d of process %d", g.Width, g.Height, pid)
		}
		if a.Class == xproto.WindowClassInputOutput && g.X == 0 && g.Y == 0 && g.Width == all.Width && g.Height == all.Height {
			return e.keyboard()
		}
		why = fmt.Sprintf("the topmost window is %dx%d at %d,%d of %dx%d", g.Width, g.Height, g.X, g.Y, all.Width, all.Height)
	}
	return why
}

// keyboard: nobody else has it. Where nobody at all has, keys go to the window on top.
func (e *escapee) keyboard() string {
	f, err := xproto.GetInputFocus(e.x).Reply()
	if err != nil {
		return err.Error()
	}
	if f.Focus <= xproto.InputFocusPointerRoot {
		return ""
	}
	if pid := e.owner(f.Focus); !e.belongs(pid) {
		return fmt.Sprintf("the keyboard is a window's of process %d", pid)
	}
	return ""
}

// owner is the process that a window says it is of; 0 for none.
func (e *escapee) owner(w xproto.Window) int {
	p, err := xproto.GetProperty(e.x, false, w, e.atom("_NET_WM_PID"), xproto.AtomCardinal, 0, 1).Reply()
	if err != nil || len(p.Value) < 4 {
		return 0
	}
	return int(xgb.Get32(p.Value))
}

func (e *escapee) atom(name string) xproto.Atom {
	e.t.Helper()
	a, err := xproto.InternAtom(e.x, false, uint16(len(name)), name).Reply()
	e.must(err)
	return a.Atom
}

// screenPid is the screen process, if there is one.
func (e *escapee) screenPid() int {
	for _, pid := range children(e.t, e.tablet.Pid()) {
		if strings.Contains(e.proc(pid, "cmdline"), "screen\x00") {
			return pid
		}
	}
	return -1
}

// ours: the tablet's label stands where one of our screens has it.
func (e *escapee) ours(got image.Image) bool {
	for i, f := range e.faces {
		if alike(f.picture, got, f.at) >= readable {
			e.faces[0], e.faces[i] = e.faces[i], e.faces[0] // most likely the next time too
			return true
		}
	}
	if e.examRuns() {
		want, texts := e.player.picture()
		return unseen(want, got, texts) == ""
	}
	return false
}

// examRuns: the demonstration's player is among the processes.
func (e *escapee) examRuns() bool {
	for _, pid := range children(e.t, e.tablet.Pid()) {
		if strings.Contains(e.proc(pid, "cmdline"), "demo-player") {
			return true
		}
	}
	return false
}

// appearance is what all tablets that look alike have in common.
type appearance struct {
	size     image.Point
	required uint64
}

// learned are the faces that were drawn so far, by appearance. To draw them takes seconds, which
// every room would wait for.
var learned sync.Map // appearance → func() ([]face, error)

// learnFaces draws every kind of screen in every size and contrast.
func (e *escapee) learnFaces() {
	e.t.Helper()
	once, _ := learned.LoadOrStore(appearance{e.set.size, e.set.required}, sync.OnceValues(func() ([]face, error) {
		return drawFaces(e.set.size, e.frame)
	}))
	faces, err := once.(func() ([]face, error))()
	e.must(err)
	if len(faces) == 0 {
		e.t.Fatalf("no screen says %q", label)
	}
	e.faces = slices.Clone(faces)
}

func drawFaces(size image.Point, frame func(*ui.Frame)) ([]face, error) {
	m, err := newMirror("fr", size, frame)
	if err != nil {
		return nil, err
	}
	var out []face
	for _, percent := range []int{100, 125, 150, 175, 200} {
		for _, contrast := range []bool{false, true} {
			known := map[image.Rectangle]bool{}
			for _, v := range []login.View{emailScreen(""), setupScreen(), passwordScreen(camille), codeScreen(camille),
				connectedScreen(camille), troubleScreen(identity.Refused, true), helpScreen(procedure.Choose, "")} {
				v.TextPercent, v.HighContrast = percent, contrast
				m.show(v)
				out = append(out, m.face(known)...)
			}
		}
	}
	return out, nil
}

// face is where the label stands in the mirror, if that is not known yet.
func (m *mirror) face(known map[image.Rectangle]bool) []face {
	drawing.Lock()
	defer drawing.Unlock()
	var out []face
	for _, p := range walk(m.canvas.Content(), fyne.Position{}) {
		if t, ok := p.object.(*canvas.Text); ok && strings.Contains(t.Text, label) && !known[p.rect()] {
			known[p.rect()] = true
			out = append(out, face{m.canvas.Capture(), p.rect()})
		}
	}
	return out
}
