package guard_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cageVariable: this is run by cage, and the tests are to use its display.
const cageVariable = "GUARD_UNDER_CAGE"

func underCage() bool { return os.Getenv(cageVariable) != "" }

// TestUnderCage runs this package's tests where the tablet's window lives: under Xwayland, whose window
// manager is cage. It needs Debian's cage and xwayland; REQUIRE_CAGE=1 insists.
func TestUnderCage(t *testing.T) {
	if underCage() {
		return
	}
	for _, name := range []string{"cage", "Xwayland"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("REQUIRE_CAGE") == "1" {
				t.Fatal(err)
			}
			t.Log("NOT RUN: ", err)
			return
		}
	}
	for _, test := range []string{"TestComesBack", "TestInside", "TestAside", "TestBeside", "TestFight", "TestLost",
		"TestStrangerIsPutOut", "TestStrangerStays", "TestNothingIsLost", "TestThrough"} {
		t.Run(test, func(t *testing.T) {
			t.Parallel()
			inCage(t, test)
		})
	}
}

// inCage runs one test in a session of its own, as a user who is not root: cage insists.
func inCage(t *testing.T, test string) {
	dir, err := os.MkdirTemp("", "cage") // not t.TempDir: the user must be able to enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	exe, who := filepath.Join(dir, "guard.test"), (*syscall.Credential)(nil)
	if err := errors.Join(copyProgram(exe), os.Mkdir(filepath.Join(dir, "run"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		const nobody = 65534
		who = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(filepath.Join(dir, "run"), nobody, nobody)); err != nil {
			t.Fatal(err)
		}
	}
	limit := fmt.Sprint(2 * patience)
	cmd := exec.Command("cage", "--", exe, "-test.v", "-test.timeout="+limit, "-test.run=^"+test+"$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), cageVariable+"=1", "HOME="+dir+"/run", "XDG_RUNTIME_DIR="+dir+"/run",
		"WLR_BACKENDS=headless", "WLR_RENDERER=pixman", "WLR_LIBINPUT_NO_DEVICES=1", "DISPLAY=", "WAYLAND_DISPLAY=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	var out, cage strings.Builder // apart: the two write into each other's lines
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &cage, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its status is not the program's
	}()
	select {
	case <-ended:
	case <-time.After(3 * patience):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	if !strings.Contains(out.String(), "--- PASS: "+test+" (") {
		t.Errorf("under cage:\n%s\ncage said:\n%s", out.String(), cage.String())
	}
}

func copyProgram(to string) (err error) {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	src, err := os.Open(exe)
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err == nil {
		_, err = io.Copy(dst, src)
		err = errors.Join(err, dst.Close())
	}
	return errors.Join(err, src.Close())
}
