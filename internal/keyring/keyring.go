// Package keyring starts what a remembered session rests in: a message bus of the tablet's user
// alone, which starts nothing by itself, and on it gnome-keyring with its collection unlocked,
// with nobody there to type a password. portillonctl keyring runs it as a service of its own;
// internal/vault uses what it starts.
//
//	secret (systemd credential, or a file of the tablet's) ──stdin──→ gnome-keyring-daemon --unlock
//	dbus-daemon, DIR/bus: EXTERNAL, no service files                    └─ Locked? false → Ready
//
// The bus outlives the kiosk's processes, so that a session that was to be remembered survives
// a kill -9 of both; the collection is a file in State, so that it survives a reboot. Any program of
// that user on the bus reads the item: the exam player has a user of its own.
package keyring

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"portillon/internal/vault"
)

// Options is where things are. Log may be nil.
type Options struct {
	// Runtime is a directory of the tablet's user alone (XDG_RUNTIME_DIR); the bus is its "bus".
	Runtime string
	// State is one that survives a reboot; the collection is in its "keyrings", and "keyring.secret"
	// is what it is unlocked with, made at the first start.
	State string
	// Credential is a file with the secret that the service manager keeps, instead of the one in
	// State; empty: none.
	Credential string
	// Ready is called once when the collection is there and unlocked; may be nil.
	Ready func()
	Log   *slog.Logger
}

// Errors of Run.
var (
	// ErrSecret: the secret is accessible to others, or empty.
	ErrSecret = errors.New("keyring: the secret must be its owner's alone, and not empty")
	// ErrEnded: bus or Secret Service ended, or did not come up.
	ErrEnded = errors.New("keyring: it has ended")
)

// upLimit is how long either program may take to come up.
const upLimit = 20 * time.Second

// config makes a bus that admits its own user and starts nothing.
const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/><allow own="org.freedesktop.secrets"/>
<allow own="org.gnome.keyring"/></policy>
</busconfig>
`

// Run starts both and returns when one of them ends (ErrEnded), or ctx does (nil). Neither outlives
// it, whatever ends it. A collection that the secret does not open is made anew: what was
// remembered is lost, and the login works. It fails with ErrSecret, too.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	runtime.LockOSThread() // the children's death signal hangs on the thread that starts them
	defer runtime.UnlockOSThread()
	secret, err := o.secret()
	if err != nil {
		return err
	}
	defer clear(secret)
	socket := filepath.Join(o.Runtime, "bus")
	file := filepath.Join(o.Runtime, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, socket), 0o600); err != nil {
		return fmt.Errorf("keyring: bus: %w", err)
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return fmt.Errorf("keyring: bus: %w", err)
	}
	bus, err := o.start("", nil, "dbus-daemon", "--config-file="+file, "--nofork", "--nopidfile", "--print-address=1")
	if err != nil {
		return err
	}
	defer bus.stop()
	address := "unix:path=" + socket
	service, err := o.unlock(ctx, address, secret)
	if errors.Is(err, vault.ErrLocked) {
		o.Log.Warn("the collection does not open: it is made anew")
		if err := os.RemoveAll(filepath.Join(o.State, "keyrings")); err != nil {
			return fmt.Errorf("keyring: %w", err)
		}
		service, err = o.unlock(ctx, address, secret)
	}
	if err != nil {
		return err
	}
	defer service.stop()
	if o.Ready != nil {
		o.Ready()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-bus.ended:
		return fmt.Errorf("%w: the bus", ErrEnded)
	case <-service.ended:
		return fmt.Errorf("%w: the Secret Service", ErrEnded)
	}
}

// secret reads what unlocks the collection, or makes it.
func (o Options) secret() ([]byte, error) {
	file := o.Credential
	if file == "" {
		file = filepath.Join(o.State, "keyring.secret")
		made, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_, err = made.WriteString(rand.Text() + rand.Text())
			err = errors.Join(err, made.Sync(), made.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("keyring: secret: %w", err)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("keyring: secret: %w", err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("keyring: secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 || len(b) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrSecret, file)
	}
	return b, nil
}

// unlock starts the Secret Service and waits until its collection is open. A wrong secret makes
// gnome-keyring neither fail nor end: only the collection's Locked tells.
func (o Options) unlock(ctx context.Context, address string, secret []byte) (*process, error) {
	service, err := o.start(address, secret, "gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, upLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for locked := 0; ; {
		err := vault.Unlocked(ctx, address)
		switch {
		case err == nil:
			return service, nil
		case errors.Is(err, vault.ErrLocked):
			// While it comes up it may say so of a collection that it is about to open.
			if locked++; locked == 40 {
				service.stop()
				return nil, err
			}
		}
		select {
		case <-tick.C:
		case <-service.ended:
			return nil, fmt.Errorf("%w: the Secret Service", ErrEnded)
		case <-ctx.Done():
			service.stop()
			return nil, fmt.Errorf("%w: the Secret Service did not come up: %w", ErrEnded, err)
		}
	}
}

// process is a program that was started.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// start runs a program, which ends with this thread, and waits for its first line or the end of
// what it says.
func (o Options) start(bus string, stdin []byte, name string, args ...string) (*process, error) {
	cmd := exec.Command(name, args...) //nolint:gosec // two names, both in this file
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + o.State, "XDG_DATA_HOME=" + o.State, "XDG_RUNTIME_DIR=" + o.Runtime}
	if bus != "" {
		cmd.Env = append(cmd.Env, "DBUS_SESSION_BUS_ADDRESS="+bus)
	}
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(string(stdin)) // no newline: it would be part of the secret
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	p := &process{cmd, make(chan struct{})}
	said := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		lines.Scan()
		close(said)
		for lines.Scan() { // nothing more is of interest
		}
		_ = cmd.Wait() // how it ended is no matter: that it did is
		close(p.ended)
	}()
	select {
	case <-said:
		return p, nil
	case <-time.After(upLimit):
		p.stop()
		return nil, fmt.Errorf("%w: %s says nothing", ErrEnded, name)
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// NotifyReady tells systemd (sd_notify(3)) that the service is up, where it asks.
func NotifyReady() error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("keyring: ready: %w", err)
	}
	_, err = conn.Write([]byte("READY=1"))
	return errors.Join(err, conn.Close())
}
