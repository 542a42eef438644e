package lockdown

import (
	"os"
	"path/filepath"

	"portillon/internal/config"
)

// ScreenOptions is what the screen process keeps.
type ScreenOptions struct {
	// Mode is the configuration's; empty is an error.
	Mode config.Lockdown
	// Session is the one directory it may write, its HOME among it: supervisor.Hello's
	// SessionDir. It must exist.
	Session string
	// Runtime is XDG_RUNTIME_DIR (bus, Wayland); written too. Empty: none.
	Runtime string
	// Read are further files and directories to read: the configuration and its
	// signature, identity.ca_file, XAUTHORITY. What is missing is passed over.
	Read []string
	// Devices are further device nodes of the display driver, beside /dev/dri and
	// /dev/nvidia*.
	Devices []string
	// Without leaves parts out, so that a test can show that their lack is noticed.
	// Not under config.LockdownRequired (ErrWithout).
	Without []Part
}

// SealScreen seals the screen process: all its threads, those of C libraries too, for
// ever. It executes nothing, starts no process, opens no socket but UNIX ones, reads
// the system's libraries and data, and writes Session and Runtime. Takes about a
// millisecond.
//
// Under config.LockdownRequired the error joins an *ErrLandlock, *ErrSeccomp or *ErrPart
// for each part that is missing; else it is nil, but for wrong options.
func SealScreen(o ScreenOptions) (Report, error) {
	s, err := newSealing(o.Mode, o.Without)
	if err != nil {
		return Report{}, err
	}
	s.process()
	s.filesAndTCP(screenGrants(o), nil)
	s.filter(screenRules())
	return s.done()
}

// ScopeScreen shuts the last ways out of the sealed screen process: signals to others, and
// abstract UNIX sockets that it is not connected to yet. Errors as SealScreen's.
func ScopeScreen(o ScreenOptions) (Report, error) {
	s, err := newSealing(o.Mode, o.Without)
	if err != nil {
		return Report{}, err
	}
	s.scope(PartSignals, PartAbstract)
	return s.done()
}

// systemFiles are read by every program with a window: libraries (mapped, which
// is no executing), fonts, keyboard layouts, certificates, time zones, and what drivers
// look up. Programs' own directories are not among them.
func systemFiles() []string {
	return []string{"/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64",
		"/usr/share", "/usr/local/share", "/etc", "/proc", "/sys", "/run/udev", "/dev/urandom", "/dev/random", "/dev/zero"}
}

// graphicsDevices are the display drivers' nodes.
func graphicsDevices(more []string) []string {
	devices := []string{"/dev/null", "/dev/dri"}
	// A pattern of ours cannot be malformed.
	if nvidia, err := filepath.Glob("/dev/nvidia*"); err == nil {
		devices = append(devices, nvidia...)
	}
	return append(devices, more...)
}

func screenGrants(o ScreenOptions) []grant {
	out := grants(readFiles, false, append(systemFiles(), o.Read...)...)
	out = append(out, grants(useDevices, false, graphicsDevices(o.Devices)...)...)
	out = append(out, grant{writeFiles, o.Session, true})
	return append(out, grants(writeFiles, false, o.Runtime)...)
}

// Probes is what is to be tried in a screen process sealed with o.
func (o ScreenOptions) Probes() ProbeOptions {
	return ProbeOptions{Role: RoleScreen, Writable: o.Session}
}

// ExistingXauthority is the X server's key file of this environment, or "": for Read.
func ExistingXauthority() string {
	path := os.Getenv("XAUTHORITY")
	if path == "" && os.Getenv("HOME") != "" {
		path = filepath.Join(os.Getenv("HOME"), ".Xauthority")
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}
