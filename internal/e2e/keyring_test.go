package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// startKeyring gives the tablet's user a session bus with an unlocked Secret Service.
func (r *room) startKeyring() {
	r.t.Helper()
	address := "unix:path=" + r.path("run/bus")
	r.background("", "dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1", "--address="+address)
	r.background("not a secret", "gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock")
	var bus *dbus.Conn
	eventually(r.t, patience, "the session bus", func() (ok bool) {
		var err error
		bus, err = dbus.Connect(address)
		return err == nil
	})
	r.stopsWith(bus.Close)
	login := bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets/collection/login")
	eventually(r.t, patience, "an unlocked keyring", func() bool {
		locked, err := login.GetProperty("org.freedesktop.Secret.Collection.Locked")
		return err == nil && locked.Value() == false
	})
}

// background runs a program as the tablet's user until the test ends, and waits for
// its first line.
func (r *room) background(stdin, name string, args ...string) {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), append(r.env, "XDG_DATA_HOME="+r.path("run"))...)
	if r.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: r.uid, Gid: r.uid}}
	}
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
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		r.t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
}
