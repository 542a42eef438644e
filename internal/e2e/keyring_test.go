package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// startKeyring gives the tablet's user a session bus with an unlocked Secret Service.
func (r *room) startKeyring() {
	r.t.Helper()
	r.background("", "dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1",
		"--address=unix:path="+r.path("run/bus"))
	r.background("not a secret", "gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock")
	eventually(r.t, patience, "an unlocked keyring", func() bool {
		// A bus admits its own user alone, not even root.
		out, err := r.asUser("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets",
			"/org/freedesktop/secrets/collection/login", "org.freedesktop.DBus.Properties.Get",
			"string:org.freedesktop.Secret.Collection", "string:Locked").Output()
		return err == nil && strings.Contains(string(out), "boolean false")
	})
}

// asUser is a program run as the tablet's user, in the tablet's environment.
func (r *room) asUser(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), append(r.env, "XDG_DATA_HOME="+r.path("run"))...)
	if r.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: r.uid, Gid: r.uid}}
	}
	return cmd
}

// background runs a program as the tablet's user until the test ends, and waits for
// its first line or the end of what it says.
func (r *room) background(stdin, name string, args ...string) {
	r.t.Helper()
	cmd := r.asUser(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.StdoutPipe()
	r.must(err)
	if err := cmd.Start(); err != nil {
		r.t.Fatalf("%v (make deps installs what this test needs)", err)
	}
	r.t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			r.t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
		r.t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
}
