package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"portillon/internal/e2e/vm"
)

// imageHardware: what can be plugged in, pulled out, filled or killed leaves the login where it is.
func imageHardware(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	s.must(os.WriteFile(s.file("stick.raw"), make([]byte, 16<<20), 0o600))
	kills := 10
	if i.length == inLong {
		kills = 50
	}
	s.boot(s.inside(fmt.Sprintf(hardware, kills)), func(o *vm.Options) {
		o.More = append(o.More, "-drive", "if=none,id=stick,format=raw,file=/vm/stick.raw", "-netdev", "user,id=dongle")
	})
	s.on("email")
	held := func(what string, err error) {
		t.Helper()
		l.note(t, what, errors.Join(err, s.welcome()))
	}

	for _, d := range []map[string]any{{"driver": "usb-storage", "id": "s", "drive": "stick"}, {"driver": "usb-kbd", "id": "k"}, {"driver": "usb-net", "id": "n", "netdev": "dongle"}} {
		s.must(s.vm.Do("device_add", d))
	}
	held("USB storage, keyboard and network", s.none("usb"))
	t.Logf("keyboards that were there for a moment: %q", s.told("moment"))
	held("as the kiosk's user", s.none("user"))
	held("disks and memory directories full", s.none("full"))
	held("memory full", s.none("memory"))
	s.must(s.vm.Do("system_powerdown", nil))
	held("power key", nil)
	held("output unplugged", s.none("output"))
	held(fmt.Sprintf("compositor killed %d times", kills), s.none("killed"))
	if strings.Contains(s.vm.Said(), "Powering off") || !s.vm.Running() {
		l.note(t, "power key", errors.New("it went off"))
	}
	for n := range 12 {
		s.must(s.vm.Keys("ctrl", "alt", fmt.Sprintf("f%d", n+1)))
	}
	held("ctrl-alt-f1 to f12", nil)
	s.keep("after")
}

// none: the script told of nothing under this name.
func (s *slate) none(name string) error {
	s.t.Helper()
	if found := s.told(name); len(found) > 0 {
		return fmt.Errorf("%s: %q", name, found)
	}
	return nil
}

// hardware tells what went through. What is tried as the kiosk's user lacks the unit's own seals: only
// the machine's count.
const hardware = `shows email
usb() { ls -d /sys/bus/usb/devices/*-* 2>/dev/null | grep -cv :; }
before="$(ls /sys/block /sys/class/net)"; keyboards=$(grep -c '^H:.*kbd' /proc/bus/input/devices)
until [ "$(usb)" -ge 3 ]; do sleep 1; done; sleep 10
for d in /sys/bus/usb/devices/*-*/authorized; do
	case $d in *:*) ;; *) [ "$(cat "$d")" = 0 ] || tell usb "$d is let in: $(cat "${d%%/*}/product")" ;; esac
done
[ "$before" = "$(ls /sys/block /sys/class/net)" ] || tell usb "disks and links: $(ls /sys/block /sys/class/net | tr '\n' ' ')"
[ "$keyboards" = "$(grep -c '^H:.*kbd' /proc/bus/input/devices)" ] || tell usb "another keyboard"
journalctl -b -k -o cat | grep 'input:.*USB Keyboard' | while read -r line; do tell moment "$line"; done
tell moment done
tell usb done
as() {
	what=$1; shift
	systemd-run --quiet --pipe --wait -p User=kiosk -p Group=kiosk -p TimeoutStartSec=60 -p RuntimeMaxSec=60 "$@" >/dev/null 2>&1 </dev/null && tell user "$what"
}
as "power off by D-Bus" busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager PowerOff b false
as "reboot" systemctl reboot
as "a unit started" systemctl start kernel-command-line.service
as "the clock set" timedatectl set-time 2020-01-01
as "a name set" hostnamectl set-hostname free
as "a terminal" chvt 2
as "sysrq" sh -c 'echo b >/proc/sysrq-trigger'
as "the disk read" head -c 512 /dev/vda
as "memory read" head -c 512 /dev/mem
as "a mount" mount -t tmpfs tmpfs /mnt
as "a namespace" unshare -Ur true
as "a module" modprobe dummy
as "the firewall" nft flush ruleset
as "the system written" sh -c 'touch /usr/x || touch /etc/x || touch /run/portillon/x'
as "PID 1's environment" sh -c 'head -c 1 /proc/1/environ | grep -q .'
as "the journal" sh -c 'journalctl -b -n 1 -o cat -u portillon.service | grep -q .'
as "another user" su -c true
tell user done
systemd-run --quiet --pipe --wait -p User=kiosk sh -c 'for d in /tmp /var/tmp /dev/shm /run/kiosk /var/lib/portillon/session; do head -c 2G /dev/zero >$d/filled; done' >/dev/null 2>&1 </dev/null
emails() { journalctl -b -o cat -u portillon.service | grep -c '"screen":"email"'; }
shown() { journalctl -b -o cat -u portillon.service | grep -c -e '"screen":"email"' -e '"screen":"noncompliant"'; }
was=$(shown)
systemctl kill --kill-whom=main -s KILL portillon.service
until [ "$(shown)" -gt "$was" ]; do sleep 2; done # without room a seal cannot be tried, which is a refusal
rm -f /tmp/filled /var/tmp/filled /dev/shm/filled /run/kiosk/filled /var/lib/portillon/session/filled
was=$(emails)
systemctl kill --kill-whom=main -s KILL portillon.service
until [ "$(emails)" -gt "$was" ]; do sleep 2; done
tell full done
# Until the kernel ends it, or the kiosk: of zeros, whose pages in the compressed swap cost nothing, 2 GB and more.
systemd-run --quiet --pipe --wait -p User=kiosk -p RuntimeMaxSec=300 tail /dev/zero >/dev/null 2>&1 </dev/null
tell memory done
echo off >/sys/class/drm/card0-Virtual-1/status; sleep 5; echo detect >/sys/class/drm/card0-Virtual-1/status; sleep 5
tell output done
n=0
while [ $n -lt %d ]; do
	n=$((n + 1)); was=$(systemctl show -P MainPID portillon.service)
	systemctl kill --kill-whom=main -s KILL portillon.service
	until is=$(systemctl show -P MainPID portillon.service); [ "$is" != 0 ] && [ "$is" != "$was" ]; do sleep 1; done
	sleep 1
done
tell killed done
`
