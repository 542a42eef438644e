package preflight

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const dpkgStatus = "var/lib/dpkg/status"

// packages: no program is on the machine with which one could browse, mail, type commands
// or come in from outside. Two ways are looked at, since an image may have no package
// database left: what is installed, and what stands where programs stand.
func (m Machine) packages() (string, error) {
	installed, there, err := m.installed()
	if err != nil {
		return "", err
	}
	found := append(installed, m.programs()...)
	handlers, err := m.handlers()
	if err != nil {
		return "", err
	}
	found = append(found, handlers...)
	if len(found) > 0 {
		slices.Sort(found)
		found = slices.Compact(found)
		const most = 12
		said := strings.Join(found[:min(len(found), most)], ", ")
		if len(found) > most {
			said += fmt.Sprintf(" and %d more", len(found)-most)
		}
		return "", errors.New(said)
	}
	if !there {
		return "no package database; programs looked for by name", nil
	}
	return "", nil
}

// forbiddenKinds are the virtual packages (Debian Policy, virtual-package-names-list) of what
// must not be there, whatever it is called.
func forbiddenKinds() []string {
	return []string{"www-browser", "gnome-www-browser", "mail-reader", "imap-client", "mail-transport-agent", "x-terminal-emulator",
		"ssh-server", "telnet-server", "ftp-server", "httpd", "vnc-server"}
}

// forbiddenPackages name themselves as none of those, or come from elsewhere.
func forbiddenPackages() []string {
	return []string{"brave-browser", "chromium", "chromium-browser", "firefox", "firefox-esr", "google-chrome-stable", "microsoft-edge-stable",
		"opera-stable", "vivaldi-stable", "torbrowser-launcher", "epiphany-browser", "falkon", "konqueror", "qutebrowser", "lynx", "w3m",
		"links", "links2", "elinks", "thunderbird", "evolution", "geary", "kmail", "claws-mail", "sylpheed", "mutt", "neomutt", "alpine",
		"mailutils", "bsd-mailx", "s-nail", "aerc", "exim4-daemon-light", "postfix", "msmtp", "xdg-utils", "xterm", "openssh-server",
		"openssh-client", "dropbear-bin", "telnet", "inetutils-telnet", "curl", "wget", "flatpak", "snapd"}
}

// forbiddenPrograms are looked for where programs stand.
func forbiddenPrograms() []string {
	return []string{"chromium", "chromium-browser", "firefox", "firefox-esr", "google-chrome", "microsoft-edge", "brave-browser", "opera",
		"vivaldi", "epiphany", "falkon", "konqueror", "qutebrowser", "lynx", "w3m", "links", "elinks", "www-browser", "x-www-browser",
		"thunderbird", "evolution", "geary", "kmail", "claws-mail", "mutt", "neomutt", "alpine", "mail", "mailx", "sendmail",
		"xdg-open", "xterm", "x-terminal-emulator", "sshd", "ssh", "dropbear", "telnet", "curl", "wget", "flatpak", "snap"}
}

// loginPrograms are processes through which somebody is, or could be, logged in.
func loginPrograms() []string {
	return []string{"agetty", "getty", "login", "sshd", "sshd-session", "dropbear", "telnetd", "in.telnetd", "su", "sudo", "x11vnc", "Xtigervnc"}
}

// installed are the forbidden packages of dpkg's status file (deb-control(5) stanzas).
func (m Machine) installed() (found []string, there bool, err error) {
	f, err := os.Open(m.path(dpkgStatus))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("preflight: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	kinds, names := forbiddenKinds(), forbiddenPackages()
	var name string
	var on, bad bool
	end := func() {
		if on && bad {
			found = append(found, printable(name))
		}
		name, on, bad = "", false, false
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20) // a package's Depends may be long
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			end()
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		if !ok || line[0] == ' ' {
			continue
		}
		switch key {
		case "Package":
			name = value
			bad = bad || slices.Contains(names, value)
		case "Status":
			on = strings.HasSuffix(value, " installed")
		case "Provides":
			bad = bad || provides(value, kinds)
		}
	}
	end()
	if err := lines.Err(); err != nil {
		return nil, true, fmt.Errorf("preflight: %s: %w", dpkgStatus, err)
	}
	return found, true, nil
}

// provides reads "a, b (= 1), c".
func provides(list string, kinds []string) bool {
	for p := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(p), " ")
		if slices.Contains(kinds, name) {
			return true
		}
	}
	return false
}

// programs are the forbidden ones that stand where programs do.
func (m Machine) programs() []string {
	var found []string
	for _, dir := range []string{"usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "usr/games", "snap/bin", "var/lib/flatpak/exports/bin"} {
		for _, name := range forbiddenPrograms() {
			file := filepath.Join(dir, name)
			if _, err := os.Lstat(m.path(file)); err == nil { // a name that cannot be looked at is none to run
				found = append(found, "/"+file)
			}
		}
	}
	return found
}

// handlers are desktop entries that say they open web pages or write mail (Desktop Entry
// Specification, MimeType): a browser of whatever name.
func (m Machine) handlers() ([]string, error) {
	var found []string
	for _, dir := range []string{"usr/share/applications", "usr/local/share/applications"} {
		files, err := filepath.Glob(m.path(dir + "/*.desktop"))
		if err != nil {
			return nil, fmt.Errorf("preflight: desktop entries: %w", err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("preflight: %w", err)
			}
			for line := range strings.Lines(string(b)) {
				types, ok := strings.CutPrefix(line, "MimeType=")
				if ok && (strings.Contains(types, "x-scheme-handler/http") || strings.Contains(types, "x-scheme-handler/mailto")) {
					found = append(found, printable(filepath.Base(file)))
				}
			}
		}
	}
	return found, nil
}
