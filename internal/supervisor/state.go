package supervisor

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrStateInUse: another supervisor runs on the same state directory.
var ErrStateInUse = errors.New("supervisor: state directory in use")

// DefaultStateDir is where state is kept when nobody says: $STATE_DIRECTORY (systemd), else
// $XDG_STATE_HOME/portillon, else its default under HOME.
func DefaultStateDir() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "portillon")
	}
	return filepath.Join(os.Getenv("HOME"), ".local", "state", "portillon")
}

// KeyFile is where a state directory has the device key.
func KeyFile(stateDir string) string { return (&state{dir: stateDir}).key() }

// SessionDir is the one directory below a state directory that the children may write.
func SessionDir(stateDir string) string { return (&state{dir: stateDir}).session() }

// state is the state directory:
//
//	lock             held while Run runs
//	device/          key.pem and whatever else belongs to the tablet; kept for ever
//	session/         belongs to one candidate in one boot; 0700, wiped as a whole
//	session/boot     names the boot the candidate began in
//	session/screen   HOME of the screen process, made anew for each, with .XCompose
//	session/player   HOME of the player
type state struct {
	dir  string
	boot string
	lock *os.File
}

// openState makes the directories and takes the lock.
func openState(dir string) (_ *state, err error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("supervisor: boot ID: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("supervisor: state directory: %w", err)
	}
	s := &state{dir: dir, boot: strings.TrimSpace(string(boot))}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("supervisor: state directory: %w", err)
	}
	// A device/ that is open to others is left so: loading the key refuses it.
	if err := os.Mkdir(s.device(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("supervisor: device directory: %w", err)
	}
	s.lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("supervisor: lock: %w", err)
	}
	if err := unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrStateInUse, err), s.lock.Close())
	}
	if err := s.openSession(); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

func (s *state) close() error { return s.lock.Close() }

func (s *state) device() string     { return filepath.Join(s.dir, "device") }
func (s *state) key() string        { return filepath.Join(s.device(), "key.pem") }
func (s *state) serial() string     { return filepath.Join(s.device(), "serial") }
func (s *state) session() string    { return filepath.Join(s.dir, "session") }
func (s *state) marker() string     { return filepath.Join(s.session(), "boot") }
func (s *state) screenHome() string { return filepath.Join(s.session(), "screen") }
func (s *state) playerHome() string { return filepath.Join(s.session(), "player") }

// unfinished reports whether session/ belongs to a candidate of this boot who has not
// been ended: the screen process, or the supervisor itself, died on the way.
func (s *state) unfinished() bool {
	b, err := os.ReadFile(s.marker())
	return err == nil && string(b) == s.boot // unreadable: nobody's, and wiped
}

// renew gives the next candidate an empty session/.
func (s *state) renew() error {
	if err := s.wipe(); err != nil {
		return err
	}
	if err := os.Mkdir(s.playerHome(), 0o700); err != nil {
		return fmt.Errorf("supervisor: session directory: %w", err)
	}
	if err := os.WriteFile(s.marker(), []byte(s.boot), 0o600); err != nil {
		return fmt.Errorf("supervisor: session directory: %w", err)
	}
	return nil
}

// wipe removes all that is in session/. The directory itself stays: it is what a sealed
// supervisor and its children may write, and nothing beside it. RemoveAll follows no link.
func (s *state) wipe() error {
	if err := s.openSession(); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.session())
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.session(), e.Name())))
	}
	if err != nil {
		return fmt.Errorf("supervisor: wipe session: %w", err)
	}
	return nil
}

// openSession makes session/ where there is none. A file or a link of that name is put out
// of the way, and not followed; sealed, nobody can put one there.
func (s *state) openSession() error {
	info, err := os.Lstat(s.session())
	switch {
	case err == nil && info.IsDir():
		err = os.Chmod(s.session(), 0o700) //nolint:gosec // a directory is entered
	case err == nil:
		err = errors.Join(os.Remove(s.session()), os.Mkdir(s.session(), 0o700))
	case errors.Is(err, fs.ErrNotExist):
		err = os.Mkdir(s.session(), 0o700)
	}
	if err != nil {
		return fmt.Errorf("supervisor: session directory: %w", err)
	}
	return nil
}

//go:embed dead-keys.compose
var deadKeys []byte

// renewScreenHome gives the next screen process a HOME with nothing but its dead keys in it.
func (s *state) renewScreenHome() error {
	err := os.RemoveAll(s.screenHome())
	if err == nil {
		err = os.Mkdir(s.screenHome(), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(s.screenHome(), ".XCompose"), deadKeys, 0o600)
	}
	if err != nil {
		return fmt.Errorf("supervisor: screen home: %w", err)
	}
	return nil
}
