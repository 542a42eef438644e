package ctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portillon/internal/vault"
)

// rest keeps a word in the vault as the screen process does, or says which is there.
func rest(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := vault.Probe(ctx); err != nil {
		return err
	}
	v := vault.Open(ctx)
	if args[0] == "put" {
		return v.Put(ctx, vault.Record{Sealed: []byte(args[1])})
	}
	r, err := v.Get(ctx)
	if err != nil {
		return err
	}
	fmt.Print(string(r.Sealed))
	return nil
}

// keyringUser is nobody; where the tests are not root, it is ours. A bus admits users with a name alone.
const keyringUser = 65534

// lodging is a tablet's directories, and what is run there.
type lodging struct {
	t                   *testing.T
	dir, runtime, state string
}

func (l lodging) command(uid uint32, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(l.dir, name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "XDG_RUNTIME_DIR=" + l.runtime, "STATE_DIRECTORY=" + l.state,
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + l.runtime + "/bus"}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return cmd
}

// keyring starts the service and returns when it is ready; kill ends it as a crash does.
func (l lodging) keyring() (kill func(), log func() string) {
	l.t.Helper()
	cmd := l.command(keyringUser, "portillonctl", "keyring")
	out, err := cmd.StderrPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	done := false
	kill = func() {
		if !done {
			done = true
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		}
	}
	l.t.Cleanup(kill)
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "keyring ready") {
			return kill, said.String
		}
	}
	l.t.Fatalf("the keyring did not come up (make deps installs what it needs):\n%s", said.String())
	return nil, nil
}

func (l lodging) rest(uid uint32, args ...string) (string, error) {
	out, err := l.command(uid, "ctl-rest", args...).CombinedOutput()
	return string(out), err
}

// TestKeyring: a real bus and a real gnome-keyring of an unprivileged user, with nobody there to
// unlock it: a record outlives whoever kept it, and the keyring's own end by kill -9; another
// user gets nothing; a secret that is lost costs the record and no more.
func TestKeyring(t *testing.T) {
	l := lodging{t: t, dir: openDir(t)}
	l.runtime, l.state = filepath.Join(l.dir, "run"), filepath.Join(l.dir, "state")
	for _, dir := range []string{l.runtime, l.state} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			if err := os.Chown(dir, keyringUser, keyringUser); err != nil {
				t.Fatal(err)
			}
		}
	}
	program(t, l.dir, "portillonctl")
	program(t, l.dir, "ctl-rest")

	kill, _ := l.keyring()
	if out, err := l.rest(keyringUser, "put", "remembered"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	want := func(when, word string) {
		t.Helper()
		if out, err := l.rest(keyringUser, "get"); err != nil || out != word {
			t.Errorf("%s: %q %v", when, out, err)
		}
	}
	want("another process", "remembered")
	if os.Getuid() == 0 {
		for _, uid := range []uint32{0, keyringUser - 1} {
			if out, err := l.rest(uid, "get"); err == nil {
				t.Errorf("user %d reads %q", uid, out)
			}
		}
	}
	kill()
	if out, err := l.rest(keyringUser, "get"); err == nil {
		t.Errorf("bus and keyring outlive what started them: %q", out)
	}
	kill, _ = l.keyring()
	want("after kill -9 of the keyring", "remembered")
	kill()

	secret := filepath.Join(l.state, "keyring.secret")
	if err := os.WriteFile(secret, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	kill, log := l.keyring()
	if out, err := l.rest(keyringUser, "get"); err == nil || !strings.Contains(out, "empty") || !strings.Contains(log(), "made anew") {
		t.Errorf("with another secret: %q %v\n%s", out, err, log())
	}
	kill()

	if err := errors.Join(os.Chmod(secret, 0o644)); err != nil {
		t.Fatal(err)
	}
	if out, err := l.command(keyringUser, "portillonctl", "keyring").CombinedOutput(); err == nil || !strings.Contains(string(out), "owner's alone") {
		t.Errorf("a secret that others read: %v %s", err, out)
	}
}
