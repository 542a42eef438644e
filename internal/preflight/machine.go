package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Machine is the tablet as its file system tells it: /proc, /sys, /etc, the package
// database. It reads and changes nothing.
type Machine struct {
	// Root is where the file system is mounted; "/" but in tests.
	Root string
	// UID is the kiosk's own user, whose sessions are not another's.
	UID int
}

// Reads are the files and directories beside /proc, /sys, /etc and /usr that the checks
// read: a sealed process must be granted them.
func (m Machine) Reads() []string { return []string{m.path(dpkgStatus), m.path(sessionsDir)} }

func (m Machine) path(name string) string { return filepath.Join(m.Root, name) }

// text is a file's content, trimmed; absent is no error.
func (m Machine) text(name string) (text string, there bool, err error) {
	b, err := os.ReadFile(m.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("preflight: %w", err)
	}
	return strings.TrimSpace(string(b)), true, nil
}

// sysrq: the kernel takes no orders from the keyboard. A kernel without the feature has
// no such file.
func (m Machine) sysrq() (string, error) {
	v, there, err := m.text("proc/sys/kernel/sysrq")
	switch {
	case err != nil:
		return "", err
	case !there:
		return "the kernel has none", nil
	case v != "0":
		return "", fmt.Errorf("kernel.sysrq is %s, not 0", printable(v))
	}
	return "", nil
}

// displays: one output alone is connected. What is copied to a second screen is read over a
// shoulder, or recorded.
func (m Machine) displays() (string, error) {
	outputs, err := filepath.Glob(m.path("sys/class/drm/card*-*/status"))
	if err != nil {
		return "", fmt.Errorf("preflight: outputs: %w", err)
	}
	var connected []string
	for _, file := range outputs {
		// An output that goes away while we look is none.
		if b, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(b)) == "connected" {
			connected = append(connected, printable(filepath.Base(filepath.Dir(file))))
		}
	}
	said := strings.Join(connected, ", ")
	if len(connected) > 1 {
		return "", fmt.Errorf("%d outputs are connected: %s", len(connected), said)
	}
	return said, nil
}

// battery warns below least percent, whether or not it is being charged. A machine without
// one is in order.
func (m Machine) battery(least int) (string, error) {
	s := ReadStatus(m.path("sys"))
	if s.Battery < 0 {
		return "no battery", nil
	}
	if s.Battery < least {
		return "", fmt.Errorf("%d %%, less than %d %%", s.Battery, least)
	}
	return fmt.Sprintf("%d %%", s.Battery), nil
}

// process is one of the machine's, as /proc tells it.
type process struct {
	comm string
	vt   int // the virtual terminal that controls it; 0: none
	args []string
}

// processes lists those that can be seen: a machine may hide others' (hidepid), and then the
// image's own tests have to tell.
func (m Machine) processes() ([]process, error) {
	stats, err := filepath.Glob(m.path("proc/[0-9]*/stat"))
	if err != nil {
		return nil, fmt.Errorf("preflight: processes: %w", err)
	}
	var out []process
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil { // it has ended
			continue
		}
		p, ok := parseStat(string(b))
		if !ok {
			continue
		}
		if slices.Contains(compositors(), p.comm) {
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline")) // ended: nobody's
			p.args = strings.Split(strings.TrimRight(string(args), "\x00"), "\x00")
		}
		out = append(out, p)
	}
	return out, nil
}

// parseStat reads proc_pid_stat(5): pid (comm) state ppid pgrp session tty_nr …
func parseStat(line string) (process, bool) {
	from, to := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if from < 0 || to < from {
		return process{}, false
	}
	p := process{comm: line[from+1 : to]}
	rest := strings.Fields(line[to+1:])
	if len(rest) < 5 {
		return process{}, false
	}
	n, err := strconv.Atoi(rest[4])
	if err != nil {
		return process{}, false
	}
	// Documentation/admin-guide/devices.txt: 4 is the virtual terminals' major, 64 and up
	// are serial ports.
	const consoles = 4
	if major, minor := n>>8&0xfff, n&0xff|n>>12&0xfff00; major == consoles && minor < 64 {
		p.vt = minor
	}
	return p, true
}

// logins: nobody is logged in beside the kiosk, and nothing waits for somebody to.
func (m Machine) logins() (string, error) {
	var found []string
	processes, err := m.processes()
	if err != nil {
		return "", err
	}
	for _, p := range processes {
		if slices.Contains(loginPrograms(), p.comm) {
			found = append(found, printable(p.comm))
		}
	}
	sessions, err := m.sessions()
	if err != nil {
		return "", err
	}
	found = append(found, sessions...)
	if len(found) > 0 {
		slices.Sort(found)
		return "", fmt.Errorf("running: %s", strings.Join(slices.Compact(found), ", "))
	}
	return "", nil
}

const sessionsDir = "run/systemd/sessions"

// sessions are logind's of other users, or of the kiosk's on a terminal.
func (m Machine) sessions() ([]string, error) {
	files, err := os.ReadDir(m.path(sessionsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("preflight: %w", err)
	}
	var found []string
	for _, f := range files {
		if !f.Type().IsRegular() { // a session's reference is a pipe
			continue
		}
		text, there, err := m.text(filepath.Join(sessionsDir, f.Name()))
		if err != nil {
			return nil, err
		}
		s := assignments(text)
		if !there || s["STATE"] == "closing" || !strings.HasPrefix(s["CLASS"], "user") {
			continue
		}
		if s["UID"] != strconv.Itoa(m.UID) || s["TYPE"] == "tty" {
			found = append(found, "session "+printable(f.Name())+" of user "+printable(s["UID"]))
		}
	}
	return found, nil
}

// assignments reads KEY=value lines.
func assignments(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[strings.TrimSpace(key)] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return out
}

// printable keeps what a machine says of itself from being more than a word.
func printable(s string) string {
	const most = 64
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}
