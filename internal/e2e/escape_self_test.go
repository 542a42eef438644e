package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jezek/xgb/xproto"

	"portillon/internal/lockdown"
)

// A suite that cannot fail proves nothing. The tests here open one door after another, and the
// suite must say so.

// TestEscapeSelf takes one layer at a time out of a build of the program, and expects that the
// attempts get out of it. Behind two of them stands a second lock: supervisor and screen process
// make themselves undumpable and their cores empty before they are sealed. With that lock alone
// nothing gets out, which is shown as well; with both off, it does.
func TestEscapeSelf(t *testing.T) {
	if os.Getenv("ESCAPE") == "" {
		t.Log("NOT RUN: make escape runs it")
		return
	}
	if !landlocked(t) {
		return
	}
	const second = ",hardening"
	for _, c := range []struct {
		leaveOut string
		by       string // what gets out: of the screen process, of a peer, of the exam
		held     bool   // the second lock holds
	}{
		{string(lockdown.PartFiles), "inside", false}, {string(lockdown.PartFilter), "inside", false},
		{string(lockdown.PartSignals), "inside", false}, {string(lockdown.PartAbstract), "inside", false},
		{string(lockdown.PartTCP), "player", false},
		{string(lockdown.PartDumpable), "peer", true}, {string(lockdown.PartDumpable) + second, "peer", false},
		{string(lockdown.PartCore), "peer", true}, {string(lockdown.PartCore) + second, "peer", false},
	} {
		t.Run(c.leaveOut, func(t *testing.T) {
			e := lock(t, withPlayer(t, playerScript), func(s *settings) { s.required, s.bin = 0, buildWithout(t, c.leaveOut) })
			e.start(func(e *escapee) { e.on("email") })
			open := e.open()
			if why := e.verdict(); (why == "") != (len(open) == 0) {
				t.Errorf("without %s: %d probes went through, and the verdict is %q", c.leaveOut, len(open), why)
			}
			switch c.by {
			case "peer":
				open = found(e.peerTries())
			case "player":
				e.start(nil)
				open = found(e.playerTries())
			}
			if (len(open) == 0) != c.held {
				t.Errorf("without %s the suite finds %d escapes: %v", c.leaveOut, len(open), open)
			}
			t.Logf("without %s: %d escapes: %v", c.leaveOut, len(open), open)
		})
	}
	t.Run("guard", func(t *testing.T) { // a demonstration has none
		e := lock(t, func(s *settings) { s.required = 0 })
		e.start(atEmail)
		if why := e.verdict(); why != "" {
			t.Fatalf("nothing was done, and yet: %s", why)
		}
		e.stranger(uint16(e.set.size.X), uint16(e.set.size.Y))
		if why := e.verdict(); !strings.Contains(why, "a window") {
			t.Errorf("covered and unguarded, the verdict is %q", why)
		}
	})
	t.Run("required", func(t *testing.T) {
		e := lock(t, func(s *settings) { s.bin = buildWithout(t, string(lockdown.PartCore)) })
		e.start(func(e *escapee) { e.on("noncompliant") })
		if e.count(func(x event) bool { return x.Screen == "email" }) > 0 {
			t.Error("a build without a layer shows the login where all are required")
		}
	})
}

// buildWithout is the program without some parts of both processes' seals.
func buildWithout(t *testing.T, layers string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "portillon-without-") // not t.TempDir: the tablet's user must be able to enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "portillon")
	cmd := exec.Command("go", "build", "-trimpath", "-tags=no_animations,no_emoji",
		"-ldflags="+linking(shared.configKey, "-X main.leaveOut="+layers), "-o", bin, "portillon/cmd/portillon")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return bin
}

// TestEscapeVerdict does what an escape would look like from outside, and expects that it is
// seen as one.
func TestEscapeVerdict(t *testing.T) {
	if os.Getenv("ESCAPE") == "" {
		t.Log("NOT RUN: make escape runs it")
		return
	}
	if !landlocked(t) {
		return
	}
	e := lock(t)
	e.start(atEmail)
	if why := e.verdict(); why != "" {
		t.Fatalf("nothing was done, and yet: %s", why)
	}
	expect := func(what, part string) {
		t.Helper()
		if why := e.verdict(); !strings.Contains(why, part) {
			t.Errorf("%s: the verdict is %q, not %q", what, why, part)
		}
	}
	if e.uid != 0 { // a process of the kiosk's user that is none of the kiosk's
		cmd := exec.Command("/bin/sleep", "60")
		cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: e.uid, Gid: e.uid}}
		e.set.centre.Player = []string{"/bin/false"}
		e.must(cmd.Start())
		expect("a foreign program", "sleep")
		e.must(cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	}
	e.must(os.WriteFile(e.path("ran"), []byte("xdg-open\n"), 0o666))
	expect("a bait", "a bait ran")
	e.must(os.WriteFile(e.path("ran"), nil, 0o666))
	e.must(syscall.Kill(e.screenProcess(), syscall.SIGSTOP)) // it would not let any of this happen
	w := e.stranger(400, 300)
	expect("a foreign window", "a window 400x300")
	e.must(xproto.DestroyWindowChecked(e.x, w).Check())
	ours := e.window()
	w = e.nowhere()
	e.focus(w)
	expect("a foreign keyboard", "the keyboard is")
	e.must(xproto.DestroyWindowChecked(e.x, w).Check())
	e.focus(ours)
	e.must(xproto.ConfigureWindowChecked(e.x, ours, xproto.ConfigWindowWidth, []uint32{600}).Check())
	expect("a small window", "the topmost window is 600x")
	e.must(xproto.ConfigureWindowChecked(e.x, ours, xproto.ConfigWindowWidth, []uint32{uint32(e.set.size.X)}).Check())
	e.paintOver(e.window())
	expect("an empty screen", "no screen of ours")
	e.must(e.tablet.Kill())
	expect("a tablet that ended", "has ended")
}

// stranger puts a window of somebody else's in front.
func (e *escapee) stranger(w, h uint16) xproto.Window {
	e.t.Helper()
	id, err := xproto.NewWindowId(e.x)
	e.must(err)
	screen := xproto.Setup(e.x).DefaultScreen(e.x)
	e.must(xproto.CreateWindowChecked(e.x, screen.RootDepth, id, e.root, 100, 100, w, h, 0, xproto.WindowClassInputOutput,
		screen.RootVisual, xproto.CwBackPixel|xproto.CwOverrideRedirect, []uint32{0xff0000, 1}).Check())
	e.must(xproto.MapWindowChecked(e.x, id).Check())
	return id
}

// nowhere is a window of somebody else's that is not in front: it lies below the tablet's.
func (e *escapee) nowhere() xproto.Window {
	e.t.Helper()
	w := e.stranger(1, 1)
	e.must(xproto.ConfigureWindowChecked(e.x, w, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeBelow}).Check())
	return w
}

// paintOver leaves nothing to be seen in a window.
func (e *escapee) paintOver(w xproto.Window) {
	e.t.Helper()
	gc, err := xproto.NewGcontextId(e.x)
	e.must(err)
	e.must(xproto.CreateGCChecked(e.x, gc, xproto.Drawable(w), xproto.GcForeground, []uint32{0xffffff}).Check())
	all := xproto.Rectangle{Width: uint16(e.set.size.X), Height: uint16(e.set.size.Y)}
	e.must(xproto.PolyFillRectangleChecked(e.x, xproto.Drawable(w), gc, []xproto.Rectangle{all}).Check())
}
