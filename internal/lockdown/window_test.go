package lockdown

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// TestWindowDraws: with both seals on, Fyne draws with llvmpipe, before the scopes are
// shut and after.
func TestWindowDraws(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	dir := openDir(t)
	exe := filepath.Join(dir, "window")
	build := exec.Command("go", "build", "-tags=no_animations,no_emoji", "-o", exe, "./testdata/window")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	display, x := xvfb(t)
	cmd := exec.Command(exe, "supervisor")
	cmd.Dir = "/"
	cmd.Env = []string{"DISPLAY=" + display, "HOME=" + dir, "LANG=C.UTF-8", "LIBGL_ALWAYS_SOFTWARE=1",
		"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent", "FYNE_SCALE=1"}
	cmd.SysProcAttr = asNobody()
	var errs strings.Builder
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fail := func(what string) {
		t.Helper()
		if err := cmd.Process.Kill(); err != nil {
			t.Log(err)
		}
		t.Fatalf("%s\n%s", what, errs.String())
	}
	if !shows(t, x, 0xff0000) {
		fail("the first frame never came")
	}
	write(t, in)
	var s struct {
		Report, Scope Report
		Probes        []ProbeResult
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(line), &s)
	}
	if err != nil {
		fail(err.Error())
	}
	if open := openOnes(s.Probes); len(open) > 0 || len(s.Probes) < 70 || len(s.Report.Missing())+len(s.Scope.Missing()) > 0 {
		t.Errorf("%d probes, open: %v; %s; %s", len(s.Probes), open, s.Report, s.Scope)
	}
	if !shows(t, x, 0x00ff00) {
		fail("nothing was drawn after the scopes were shut")
	}
	write(t, in)
	if !shows(t, x, 0x0000ff) {
		fail("the last color never came")
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, errs.String())
	}
	t.Logf("drew three colors; %d attempts from inside, 0 escapes", len(s.Probes))
}

func write(t *testing.T, w io.Writer) {
	t.Helper()
	if _, err := io.WriteString(w, "\n"); err != nil {
		t.Error(err)
	}
}

// xvfb starts a display of our own and gives its name and a connection.
func xvfb(t *testing.T) (string, *xgb.Conn) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-ac", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (install xvfb)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it ends with the test, however
		_ = cmd.Wait()
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	display := ":" + strings.TrimSpace(number)
	x, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return display, x
}

// shows waits until the middle of the window, at the upper left, is of this color.
func shows(t *testing.T, x *xgb.Conn, rgb uint32) bool {
	t.Helper()
	root := xproto.Setup(x).DefaultScreen(x).Root
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		img, err := xproto.GetImage(x, xproto.ImageFormatZPixmap, xproto.Drawable(root), 200, 150, 1, 1, ^uint32(0)).Reply()
		if err == nil && len(img.Data) >= 3 &&
			uint32(img.Data[2])<<16|uint32(img.Data[1])<<8|uint32(img.Data[0]) == rgb {
			return true
		}
		<-tick.C
	}
	return false
}
