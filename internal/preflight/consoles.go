package preflight

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// consoles: there is nowhere to switch to. No program stands on another virtual terminal,
// logind starts no login there when somebody comes, and the compositor does not switch.
func (m Machine) consoles() (string, error) {
	active, there, err := m.text("sys/class/tty/tty0/active")
	if err != nil {
		return "", err
	}
	if !there {
		return "the machine has no virtual terminals", nil
	}
	processes, err := m.processes()
	if err != nil {
		return "", err
	}
	for _, p := range processes {
		if p.vt > 0 && fmt.Sprintf("tty%d", p.vt) != active {
			return "", fmt.Errorf("%s is on tty%d", printable(p.comm), p.vt)
		}
		if why := m.switches(p); why != "" {
			return "", fmt.Errorf("%s switches terminals: %s", printable(p.comm), why)
		}
	}
	if why := m.autoVTs(); why != "" {
		return "", fmt.Errorf("logind starts a login on an empty terminal: %s", why)
	}
	return printable(active), nil
}

// compositors are the programs that may take Ctrl+Alt+F2 and act on it.
func compositors() []string { return []string{"cage", "Xorg"} }

// switches says by what a compositor lets itself be switched away from; "" where it does not.
func (m Machine) switches(p process) string {
	switch p.comm {
	case "cage":
		for _, arg := range p.args {
			// cage(1): -s allows VT switching; everything after -- is the program's.
			if arg == "--" {
				break
			}
			if len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && strings.Contains(arg, "s") {
				return "-s"
			}
		}
	case "Xorg":
		if !m.xorgStays() {
			return "DontVTSwitch is not set"
		}
	}
	return ""
}

// xorgStays: xorg.conf(5), ServerFlags, Option "DontVTSwitch".
func (m Machine) xorgStays() bool {
	files := []string{m.path("etc/X11/xorg.conf")}
	for _, dir := range []string{"etc/X11/xorg.conf.d", "usr/share/X11/xorg.conf.d"} {
		more, err := filepath.Glob(m.path(dir + "/*.conf"))
		if err == nil { // a pattern of ours is well formed
			files = append(files, more...)
		}
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(strings.ToLower(string(b))) {
			w := strings.Fields(strings.ReplaceAll(line, `"`, " "))
			if len(w) >= 2 && w[0] == "option" && w[1] == "dontvtswitch" {
				return len(w) == 2 || slices.Contains([]string{"on", "true", "yes", "1"}, w[2])
			}
		}
	}
	return false
}

// autoVTs says why logind would start a login on a terminal that is switched to; "" where
// it would not: there is no logind, what it would start is masked, or it is told to start none.
func (m Machine) autoVTs() string {
	if _, err := os.Lstat(m.path("usr/lib/systemd/systemd-logind")); err != nil {
		return ""
	}
	for _, unit := range []string{"autovt@.service", "getty@.service"} {
		if to, err := os.Readlink(m.path("etc/systemd/system/" + unit)); err == nil && to == "/dev/null" {
			return ""
		}
	}
	settings := m.logindSettings()
	for _, key := range []string{"NAutoVTs", "ReserveVT"} {
		value, said := settings[key]
		if !said {
			value = "6" // logind.conf(5), of both
		}
		if value != "0" {
			return key + "=" + printable(value)
		}
	}
	return ""
}

// logindSettings are logind.conf's and its drop-ins', in systemd's order: later files, by name,
// win, and of two with one name the one in /etc.
func (m Machine) logindSettings() map[string]string {
	drops := map[string]string{}
	for _, dir := range []string{"usr/lib", "run", "etc"} {
		files, err := filepath.Glob(m.path(dir + "/systemd/logind.conf.d/*.conf"))
		if err != nil { // a pattern of ours is well formed
			continue
		}
		for _, f := range files {
			drops[filepath.Base(f)] = f
		}
	}
	files := []string{m.path("etc/systemd/logind.conf")}
	names := make([]string, 0, len(drops))
	for name := range drops {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		files = append(files, drops[name])
	}
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for key, value := range assignments(string(b)) {
			out[key] = value // a line that is commented out has a key of its own
		}
	}
	return out
}
