package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"portillon/internal/e2e/vm"
)

// withTPM gives the machine one, whose state stays with its disk.
func withTPM(o *vm.Options) { o.TPM = true }

// roomForState: a tablet's disk is larger than the image.
func (s *slate) roomForState() {
	s.t.Helper()
	const room = 256 << 20
	at, err := os.Stat(s.file(s.disk))
	s.must(err)
	s.must(os.Truncate(s.file(s.disk), at.Size()+room))
}

// imageState: with a TPM the tablet's key and the highest serial outlive the power, and nothing else
// does; an older configuration is refused from then on.
func imageState(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.roomForState()
	s.enrol()
	const look = `shows email
tell state $(portillonctl tablet --state /var/lib/portillon)
tell state $(findmnt --noheadings --output SOURCE --target /var/lib/portillon/device)
tell state $(cat /var/lib/portillon/device/left-by-the-test 2>/dev/null || echo nothing left)
tell state $(cat /var/lib/portillon/session/left-by-the-test /var/lib/left-by-the-test 2>/dev/null || echo nothing left)
for d in device session; do echo left >/var/lib/portillon/$d/left-by-the-test; done
echo left >/var/lib/left-by-the-test
sync
tell state done
`
	power := func(serial uint64) []string {
		s.configure(s.signed(serial, nextMonth()))
		s.boot(withTPM, s.inside(look))
		s.on("email")
		return s.told("state")
	}
	first := power(5)
	s.off()
	second := power(6)
	s.off()
	if len(first) != 4 || len(second) != 4 {
		t.Fatalf("it told %q, then %q", first, second)
	}
	t.Logf("first %q, second %q", first, second)
	var err error
	if first[0] != second[0] || !strings.HasPrefix(second[1], "/dev/mapper/") {
		err = fmt.Errorf("the tablet's key was %s on %s, and is %s on %s", first[0], first[1], second[0], second[1])
	}
	l.note(t, "the device key outlives the power", err)
	if second[2] != "left" {
		t.Errorf("the state partition does not keep files: %q", second[2])
	}
	err = nil
	if second[3] != "nothing left" {
		err = fmt.Errorf("it kept %q", second[3])
	}
	l.note(t, "nothing else does", err)

	s.configure(s.signed(4, nextMonth()))
	s.boot(withTPM)
	l.note(t, "configuration rolled back", s.unconfigured("rolledback"))
	s.settle()
	s.keep("rolledback")
	s.off()

	// The disk in another machine: another TPM opens nothing.
	s.must(os.RemoveAll(s.file("tpm")))
	s.configure(s.signed(7, nextMonth()))
	s.boot(withTPM, s.inside(look))
	err = nil
	if stolen := s.told("state"); len(stolen) != 4 || stolen[0] == first[0] || stolen[2] == "left" {
		err = fmt.Errorf("another TPM opens it: %q", stolen)
	}
	l.note(t, "the disk in another machine", err)
}

// imageRemembered: the power goes in the middle of an exam of somebody who ticked «Se souvenir de moi».
// Whoever sits down then is asked for an address, and that address alone goes on without a password;
// after the exam it does not.
func imageRemembered(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.set.keyring = true // on the partition that the TPM opens
	s.roomForState()
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	s.boot(withTPM)
	s.on("email")
	s.see(emailScreen(""))
	s.touch(camille.address)
	s.tap("SE CONNECTER")
	s.on("password")
	s.see(passwordScreen(camille, s.offered()))
	s.tick()
	s.touch(camille.password)
	s.tap("SE CONNECTER")
	s.connect()
	player, err := newPlayerMirror(camille, s.set.size)
	s.must(err)
	s.reads(player, "player")
	s.off()

	again := func() {
		s.t.Helper()
		s.boot(withTPM)
		s.on("email")
		s.see(emailScreen(""))
		s.touch(camille.address)
		s.tap("SE CONNECTER")
	}
	again()
	s.connect()
	err = nil
	if slices.ContainsFunc(s.vm.Lines(), func(l vm.Line) bool { return l.Screen == "password" }) {
		err = errors.New("a password was asked for")
	}
	l.note(t, "a remembered session outlives the power", err)
	s.exam(camille)
	s.off()
	again()
	s.on("password")
	l.note(t, "and not the exam", nil)
}

// imageTraces: what a candidate typed is found nowhere once the exam is over, and nowhere after a
// reset.
func imageTraces(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	// What is looked for is in the script, which is on a disk of its own: cut in two there.
	cut := func(word string) string { return word[:4] + `""` + word[4:] }
	s.boot(s.inside(fmt.Sprintf(`until journalctl -b -o cat -u portillon.service | sed -n '/"screen":"ended"/,$p' | grep -q '"screen":"email"'; do sleep 2; done
for word in %s %s; do
	journalctl -b -o cat | grep -qF "$word" && tell traces the journal
	grep -rlF "$word" /run /var /tmp /dev/shm /etc /home /root 2>/dev/null | while read -r file; do tell traces "$file"; done
	case $(cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' ' ') in *"$word"*) tell traces a process ;; esac
done
tell traces done`, cut(camille.address), cut(camille.password))))
	s.sit()
	var err error
	if found := s.told("traces"); len(found) > 0 {
		err = fmt.Errorf("candidate A is in %q", found)
	}
	l.note(t, "traces after the exam", err)
	s.off()
	// Only a script that begins anew sees the next boot.
	s.boot(s.inside(fmt.Sprintf(`shows email
for word in %s %s; do
	journalctl -o cat | grep -qF "$word" && tell traces the journal
	grep -rlF "$word" /run /var /tmp /dev/shm /etc /home /root 2>/dev/null | while read -r file; do tell traces "$file"; done
done
tell traces "boots: $(journalctl --list-boots --quiet | wc -l)"
tell traces done`, cut(camille.address), cut(camille.password))))
	found := s.told("traces")
	err = nil
	if len(found) != 1 || found[0] != "boots: 1" {
		err = fmt.Errorf("after a reset: %q", found)
	}
	l.note(t, "traces after a reset", err)
	err = s.diskHas(camille.address, camille.password)
	l.note(t, "traces on the disk", err)
}

// diskHas fails where words lie on the machine's disk as they are.
func (s *slate) diskHas(words ...string) error {
	s.t.Helper()
	f, err := os.Open(s.file(s.disk))
	s.must(err)
	defer func() { s.must(f.Close()) }()
	const overlap = 256 // longer than any word
	chunk := make([]byte, 4<<20)
	for kept := 0; ; {
		n, err := f.Read(chunk[kept:])
		for _, w := range words {
			if bytes.Contains(chunk[:kept+n], []byte(w)) {
				return fmt.Errorf("%q lies on the disk", w)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		s.must(err)
		kept = copy(chunk, chunk[max(0, kept+n-overlap):kept+n])
	}
}
