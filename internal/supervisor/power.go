package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Power is what can be asked of the machine.
type Power string

// The requests. Their names are those of the files that ask.
const (
	PowerOff     Power = "off"
	PowerRestart Power = "restart"
)

// ErrNoPower: nobody on this machine listens for it.
var ErrNoPower = errors.New("supervisor: nobody here switches the machine off")

// PowerDir is where requests are left, below XDG_RUNTIME_DIR. The image makes the directory, and
// there a path unit of the service manager starts poweroff.target or reboot.target as soon as the
// file is there. So neither process needs a right to switch the machine off, no bus and no
// privileged program; and where the directory is not, nobody listens, and that is said.
const PowerDir = "portillon-power"

// IdleFile is written in PowerDir each time the screens ask for their checks, while nobody is at the
// tablet (screen 0, and screen 1 untouched: once a minute). On the image a path unit starts the
// look for a newer configuration then, and at no other time.
const IdleFile = "idle"

// UpFile is written in PowerDir once a login screen was seen. On the image, a boot after an update is
// good from then on (portillon-up.service).
const UpFile = "up"

// upScreen is the screen that says so: login's first, where a candidate types.
const upScreen = "email"

// kept keeps the screens' notes, and says when the first login screen is among them.
func (v *serving) kept(notes []Note) {
	seen := func(n Note) bool { return n.Screen == upScreen }
	if slices.ContainsFunc(notes, seen) && !slices.ContainsFunc(v.notes, seen) {
		v.leave(UpFile)
	}
	v.notes = notes
}

// idle says so.
func (v *serving) idle() {
	if !v.exam.under() {
		v.leave(IdleFile)
	}
}

// leave writes a file in PowerDir. Where nobody listens nothing is said.
func (v *serving) leave(name string) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		return
	}
	f, err := os.OpenFile(filepath.Join(dir, PowerDir, name), os.O_WRONLY|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		_, err = f.Write([]byte("\n")) // at its beginning: the time is what is read
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		v.log.Warn(name, "err", err)
	}
}

// power leaves the request. A login or an exam under way is never ended by it.
func (v *serving) power(p Power) error {
	if v.exam.under() {
		return ErrPlayerRunning
	}
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	if runtime == "" {
		return ErrNoPower
	}
	dir := filepath.Join(runtime, PowerDir)
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return ErrNoPower
	}
	f, err := os.OpenFile(filepath.Join(dir, string(p)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // asked before, and not heard: it is told again by and by
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoPower, err)
	}
	v.log.Info("power", "request", string(p))
	if err := f.Close(); err != nil {
		return fmt.Errorf("supervisor: power: %w", err)
	}
	return nil
}

// Note is one line of what the screens did, kept for the next screen process: a time and two
// words of the program's own, never a person's.
type Note struct {
	At     int64  `json:"at"` // seconds since the Unix epoch
	Screen string `json:"screen"`
	Kind   string `json:"kind,omitempty"`
}

// MaxNotes is how many are kept.
const MaxNotes = 30

// wellNoted: what is passed on holds words alone.
func wellNoted(notes []Note) bool {
	word := func(s string) bool {
		for _, r := range s {
			if (r < 'a' || r > 'z') && r != '_' {
				return false
			}
		}
		return len(s) <= 32
	}
	for _, n := range notes {
		if !word(n.Screen) || !word(n.Kind) {
			return false
		}
	}
	return len(notes) <= MaxNotes
}
