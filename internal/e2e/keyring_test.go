package e2e

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// startKeyring gives the tablet's user a bus of its own with an unlocked Secret Service, as a
// tablet has it.
func (r *room) startKeyring() {
	r.t.Helper()
	cmd := r.asUser(shared.portillonctl, "keyring", "--runtime", r.path("run"), "--state", r.path("run"))
	cmd.Stderr = os.Stderr
	r.must(cmd.Start())
	r.t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			r.t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	eventually(r.t, patience, "an unlocked keyring (make deps installs what it needs)", func() bool {
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
