package vault

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// busConfig has no service directories: the bus starts nothing by itself.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=DIR</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>`

// privateBus starts a bus of the test's own and makes it the session's.
func privateBus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, []byte(strings.Replace(busConfig, "DIR", dir, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	address := start(t, exec.Command("dbus-daemon", "--config-file="+file, "--nofork", "--nopidfile", "--print-address=1"), "")
	useBus(t, address)
	return address
}

// useBus points everything in this process at a bus; go-keyring shares one
// connection, which must not outlive it.
func useBus(t *testing.T, address string) {
	t.Helper()
	t.Setenv(busAddressName, address)
	t.Cleanup(func() {
		if c, err := dbus.SessionBus(); err == nil {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// start runs cmd until the test ends and returns the first line it prints.
func start(t *testing.T, cmd *exec.Cmd, stdin string) string {
	t.Helper()
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make deps installs what this test needs)", err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// keyringDaemon starts a real one, with an unlocked login collection of its own.
func keyringDaemon(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command("gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_RUNTIME_DIR="+home, busAddressName+"="+address)
	start(t, cmd, "not a secret") // no newline: it would be part of the password
	c, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	await(t, func() bool {
		// The collection answers before the service lists it.
		var all []dbus.ObjectPath
		var locked bool
		return property(t.Context(), c, secretsPath, serviceProp, &all) == nil && slices.Contains(all, loginPath) &&
			property(t.Context(), c, loginPath, lockedProp, &locked) == nil && !locked
	})
	return c
}

func await(t *testing.T, ready func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ready() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("not ready within 10 s")
		}
	}
}

func TestRealKeyring(t *testing.T) {
	address := privateBus(t)
	if err := Probe(t.Context()); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no Secret Service") {
		t.Errorf("a bus without a Secret Service: %v", err)
	}
	bus := keyringDaemon(t, address)
	if err := Probe(t.Context()); err != nil {
		t.Fatalf("Probe: %v", err)
	}
	v := Open(t.Context())
	if !v.Survives() {
		t.Fatal("Open does not use a keyring that works")
	}
	contract(t, v)

	// A record outlives the process that kept it.
	if err := v.Put(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	if got, err := Open(t.Context()).Get(t.Context()); err != nil || got.BootID != "boot" {
		t.Errorf("Get from a second vault: %v", err)
	}

	var done []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := bus.Object(secretsName, secretsPath).Call("org.freedesktop.Secret.Service.Lock", 0,
		[]dbus.ObjectPath{loginPath}).Store(&done, &prompt)
	if err != nil || len(done) != 1 {
		t.Fatalf("lock: %v, %v", err, done)
	}
	if err := Probe(t.Context()); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "locked") {
		t.Errorf("a locked collection: %v", err)
	}
	if Open(t.Context()).Survives() {
		t.Error("Open uses a locked keyring")
	}
}

// TestNoBus: with no address nothing may be executed, dbus-launch least of all.
func TestNoBus(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/dbus-launch", []byte("#!/bin/sh\ntouch "+dir+"/ran\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for address, why := range map[string]string{
		"": "is not set", "autolaunch:": "is not set", "unix:path=" + dir + "/none": "session bus", "nonsense": "session bus",
	} {
		t.Setenv(busAddressName, address)
		if err := Probe(t.Context()); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", address, err)
		}
		if Open(t.Context()).Survives() {
			t.Errorf("%q: survives", address)
		}
		if _, err := Keyring(Service, Limit).Get(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%q: Get: %v", address, err)
		}
	}
	if _, err := os.Stat(dir + "/ran"); err == nil {
		t.Error("dbus-launch was executed")
	}
}

// TestHungService: a Secret Service that owns its name and answers nothing.
func TestHungService(t *testing.T) {
	address := privateBus(t)
	mute, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mute.RequestName(secretsName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	mute.Eavesdrop(make(chan *dbus.Message, 1024)) // takes every call, and that is all

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := Probe(ctx); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Probe: %v", err)
	}

	const limit = 300 * time.Millisecond
	v := newKeyring(Service, limit, secretService{})
	begin := time.Now()
	if err := v.Put(t.Context(), record()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Put: %v", err)
	}
	if _, err := v.Get(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Get: %v", err)
	}
	if took := time.Since(begin); took > limit+time.Second || v.Survives() {
		t.Errorf("took %s, survives %v", took, v.Survives())
	}

	// The hung call ends with its service, and sweeps; it must not do so on the next
	// test's bus.
	if err := mute.Close(); err != nil {
		t.Error(err)
	}
	v.busy <- struct{}{}
}
