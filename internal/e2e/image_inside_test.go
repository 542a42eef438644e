package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
	"portillon/internal/e2e/vm"
	tablet "portillon/internal/image"
	"portillon/internal/login"
	"portillon/internal/preflight"
)

// A tablet has no shell to look at it with. The tests' machine is given one order more by its
// firmware tables, which a tablet's user has no hand on, and a disk with the script to be run.

// prelude is what every script begins with. What it tells is a line "@@ …" on the serial line.
const prelude = `tell() { printf '@@ %s\n' "$*" >/dev/ttyS0; }
shows() { until journalctl -b -o cat -u portillon.service -u portillon-unconfigured.service | grep -q "\"screen\":\"$1\""; do sleep 2; done; }
# As the kiosk's user, who asks the guard of the firewall for names.
doctor() {
	name=$1; shift
	systemd-run --quiet --pipe --wait -p User=kiosk -p Group=kiosk -p RuntimeDirectory=doctor \
		-p BindReadOnlyPaths=/usr/lib/portillon/resolv.conf:/run/systemd/resolve/stub-resolv.conf -E XDG_RUNTIME_DIR=/run/doctor \
		-E DBUS_SESSION_BUS_ADDRESS=unix:path=/run/portillon-keyring/bus -E HOME=/run/doctor \
		/usr/bin/portillonctl doctor --json --language fr --state /var/lib/portillon "$@" </dev/null 2>&1 |
		while IFS= read -r line; do tell "$name $line"; done
	tell "$name done"
}
configuration=/run/portillon/portillon.toml
`

// inside has a script run as root, beside everything else, once the machine is up.
func (s *slate) inside(script string) func(*vm.Options) {
	s.t.Helper()
	const room = 1 << 20
	b := []byte(prelude + script + "\ntell the end\nexit 0\n")
	s.must(os.WriteFile(s.file("script.raw"), append(b, make([]byte, room-len(b))...), 0o600))
	return func(o *vm.Options) {
		o.More = append(o.More, "-drive", "if=none,id=script,format=raw,readonly=on,file=/vm/script.raw", "-device", "virtio-blk-pci,drive=script,serial=script")
		o.CommandLine += ` systemd.unit=multi-user.target systemd.wants=kernel-command-line.service systemd.run_success_action=none` +
			` systemd.run_failure_action=none systemd.run="/bin/sh /dev/disk/by-id/virtio-script"`
	}
}

// told are the lines that the script told under a name, once it said that it was done.
func (s *slate) told(name string) []string {
	s.t.Helper()
	s.says("@@ " + name + " done")
	var out []string
	for line := range strings.Lines(s.vm.Said()) {
		if _, what, ok := strings.Cut(line, "@@ "+name+" "); ok {
			out = append(out, strings.TrimRight(what, "\r\n"))
		}
	}
	return out[:len(out)-1]
}

// sabotage breaks one layer of a running tablet; doctor must say which.
type sabotage struct {
	name, id   string
	do, undo   string
	configured string // another file than the tablet's configuration
}

func sabotages() []sabotage {
	const closing = `nft 'add table inet cut; add chain inet cut out { type filter hook output priority -10; policy drop; }'`
	return []sabotage{
		{name: "sysrq", id: preflight.IDSysrq, do: "echo 1 >/proc/sys/kernel/sysrq", undo: "echo 0 >/proc/sys/kernel/sysrq"},
		{name: "login", id: preflight.IDLogins, do: "cp /usr/bin/sleep /run/agetty; /run/agetty 3600 & login=$!", undo: "kill $login"},
		{name: "console", id: preflight.IDVT, do: "setsid -c sleep 3600 </dev/tty5 & console=$!", undo: "kill $console"},
		{name: "program", id: preflight.IDPackages, do: "mkdir -p /run/fake; cp /usr/bin/sleep /run/fake/xterm; mount --bind /run/fake /usr/local/bin", undo: "umount /usr/local/bin"},
		{name: "display", id: preflight.IDDisplay, do: "echo on >/sys/class/drm/card0-Virtual-2/status", undo: "echo off >/sys/class/drm/card0-Virtual-2/status"},
		{name: "battery", id: preflight.IDBattery, do: "mount -t tmpfs -o mode=755 tmpfs /sys/class/power_supply; mkdir /sys/class/power_supply/BAT0; " +
			"echo Battery >/sys/class/power_supply/BAT0/type; echo 5 >/sys/class/power_supply/BAT0/capacity", undo: "umount /sys/class/power_supply"},
		{name: "altered", id: preflight.IDSignature, configured: "/run/altered/portillon.toml", do: "mkdir -p /run/altered; cp /run/portillon/* /run/altered; echo '# more' >>/run/altered/portillon.toml"},
		{name: "pins", id: preflight.IDPin, configured: "/run/pins/portillon.toml", do: "mkdir -p /run/pins; cp /run/portillon/* /run/pins; " +
			"sed -i 's|sha256/[A-Za-z0-9+/]\\{8\\}|sha256/AAAAAAAA|g' /run/pins/portillon.toml"},
		{name: "expiring", id: preflight.IDExpiry, configured: "/run/short/portillon.toml", do: "mkdir -p /run/short; cp /run/portillon/* /run/short; echo \"$short\" | base64 -d >/run/short/portillon.toml.sig"},
		{name: "unplugged", id: preflight.IDNetwork, do: "link=$(ls /sys/class/net | grep -v '^lo$' | head -n 1); networkctl down $link; sleep 2",
			undo: "networkctl up $link; until grep -q \"^$link\" /proc/net/route; do sleep 1; done"}, // has its address
		{name: "closed", id: preflight.IDServer, do: closing, undo: "nft delete table inet cut"},
		{name: "clock", id: preflight.IDClock, do: "systemctl stop systemd-timesyncd; date -s '+1 hour' >/dev/null", undo: "date -s '-1 hour' >/dev/null"},
	}
}

// examined is one line of doctor's.
type examined struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// examination are doctor's findings, by name of the run.
func (s *slate) examination(name string) map[string]examined {
	s.t.Helper()
	out := map[string]examined{}
	for _, line := range s.told(name) {
		var e examined
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			s.t.Errorf("%s: doctor said %q", name, line)
			continue
		}
		out[e.ID] = e
	}
	return out
}

// imageDoctor: doctor on a tablet of the image is green; with each layer broken on purpose it says
// which, and what to do.
func imageDoctor(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.roomForState()
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	soon := s.signed(1, time.Now().Add(24*time.Hour))[tablet.ConfigName+config.SignatureSuffix]
	script := "shows email\nshort=" + base64.StdEncoding.EncodeToString(soon) + "\ndoctor whole --config $configuration\n"
	for _, b := range sabotages() {
		file := b.configured
		if file == "" {
			file = "$configuration"
		}
		script += b.do + "\ndoctor " + b.name + " --config " + file + "\n" + b.undo + "\n"
	}
	s.boot(withTPM, s.inside(script), func(o *vm.Options) {
		o.More = append(o.More, "-global", "virtio-vga.max_outputs=2")
	})
	whole := s.examination("whole")
	var bad error
	for _, e := range whole {
		if e.Status != "ok" {
			bad = errors.Join(bad, fmt.Errorf("%s is %s: %s", e.ID, e.Status, e.Detail))
		}
	}
	l.note(t, "doctor, nothing broken", bad)
	if len(whole) < len(preflight.Entries())-1 {
		t.Errorf("doctor told of %d checks alone", len(whole))
	}
	s.keep("whole")
	for _, b := range sabotages() {
		e := s.examination(b.name)[b.id]
		var err error
		switch {
		case e.Status != "failed":
			err = fmt.Errorf("%s is %q: %s", b.id, e.Status, e.Detail)
		case e.Remedy != french("check."+b.id+".remedy"):
			err = fmt.Errorf("%s: the remedy is %q", b.id, e.Remedy)
		}
		l.note(t, "doctor, broken: "+b.name, err)
	}
}

// imageUnsealed: on a kernel without Landlock nobody logs in.
func imageUnsealed(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	s.boot(func(o *vm.Options) { o.CommandLine += " lsm=lockdown,yama" })
	s.on("noncompliant")
	s.gone(login.View{Screen: login.ScreenPreflight, Preflight: &login.PreflightView{}})
	s.settle()
	s.keep("unsealed")
	var err error
	if slices.ContainsFunc(s.vm.Lines(), func(l vm.Line) bool { return l.Screen == "email" }) {
		err = errors.New("it showed the login")
	}
	l.note(t, "no Landlock", err)
}
