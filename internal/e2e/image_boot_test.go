package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tablet "portillon/internal/image"
)

// wished is what somebody would like the kernel to be told.
const wished = "init=/bin/sh rd.break systemd.debug_shell=1"

// imageBoot: what can be done to a tablet's start, and to its other lines: keys while the boot loader runs; a boot
// loader that was told to ask, with a command line of one's own and an addition that nobody signed; the serial
// line; the network.
func imageBoot(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	s.boot(s.inside(started))
	s.hammer()
	l.note(t, "keys while it starts", s.asUsual())
	l.note(t, "the serial line", s.serialLine())
	l.note(t, "the network from outside", errors.Join(s.none("listens"), s.answers(22)))
	s.keep("hammered")
	s.off()

	s.hostileLoader()
	s.boot(s.inside(started))
	s.says("Free and open")
	s.must(s.vm.Keys("e"))
	s.vmType("init=/bin/sh \n")
	err := s.asUsual()
	l.note(t, "a boot loader that asks", err)
	s.keep("hostile-loader")
}

// started tells what the kernel was told, and which ports anybody but the machine itself could speak to: of UDP
// an address is asked for on one, and what is above 32767 was opened to ask.
const started = `shows email
tell kernel $(cat /proc/cmdline)
tell kernel done
sed 1d /proc/net/tcp /proc/net/tcp6 | while read -r _ local _ state _; do
	case $state.$local in 0A.??????7F:* | 0A.00000000000000000000000001000000:*) ;; 0A.*) tell listens "tcp $local" ;; esac
done
sed 1d /proc/net/udp /proc/net/udp6 | while read -r _ local _ state _; do
	case $state.$local in 07.??????7F:* | 07.*:0044 | 07.*:[89A-F]???) ;; 07.*) tell listens "udp $local" ;; esac
done
tell listens done
`

// hammer presses the boot loader's keys until the system speaks.
func (s *slate) hammer() {
	s.t.Helper()
	keys := []string{"spc", "e", "l", "d", "t", "f", "minus", "shift_l", "down", "ret"}
	for n := 0; !strings.Contains(s.vm.Said(), "systemd[1]"); n++ {
		if !s.vm.Running() {
			s.t.Fatal("the machine ended")
		}
		s.must(s.vm.Keys(keys[n%len(keys)]))
	}
}

// asUsual: the login came, from a kernel that was told what the image tells it.
func (s *slate) asUsual() error {
	s.t.Helper()
	s.on("email")
	told := strings.Join(s.told("kernel"), " ")
	if !strings.Contains(told, "roothash=") {
		return fmt.Errorf("the kernel was told %q", told)
	}
	for _, word := range strings.Fields(wished) {
		if slices.Contains(strings.Fields(told), word) {
			return fmt.Errorf("the kernel was told %s", word)
		}
	}
	return s.welcome()
}

// serialLine types what a terminal would answer, and what a kernel would take for orders.
func (s *slate) serialLine() error {
	s.t.Helper()
	before := strings.Count(s.vm.Said(), startWord)
	for _, text := range []string{"\r", "root\r", "control\r", "echo ESCA''PED\r"} {
		s.must(s.vm.Type(text))
		<-time.After(2 * time.Second) // for a login to ask on
	}
	for _, key := range []string{"e", "i", "c", "b"} {
		s.must(s.vm.Break())
		s.must(s.vm.Type(key))
		<-time.After(2 * time.Second) // for what it does to be seen
	}
	err := s.welcome()
	if strings.Contains(s.vm.Said(), escapedWord) {
		err = errors.Join(err, errors.New("a shell answered"))
	}
	if strings.Count(s.vm.Said(), startWord) > before {
		err = errors.Join(err, errors.New("the machine started anew"))
	}
	return err
}

// answers fails where somebody in the same network is answered on a port of TCP.
func (s *slate) answers(port int) error {
	s.t.Helper()
	at := net.JoinHostPort("127.0.0.1", freePort(s.t))
	s.must(s.vm.Do("human-monitor-command", map[string]any{"command-line": fmt.Sprintf("hostfwd_add net tcp:%s-:%d", at, port)}))
	conn, err := net.Dial("tcp", at) // QEMU, who then tries the machine's port
	s.must(err)
	defer func() { _ = conn.Close() }() // of no use
	s.must(conn.SetDeadline(time.Now().Add(10 * time.Second)))
	_, _ = conn.Write([]byte("\r\n")) // it may be closed already
	answer := make([]byte, 64)
	if n, _ := conn.Read(answer); n > 0 {
		return fmt.Errorf("port %d said %q", port, answer[:n])
	}
	return nil
}

// hostileLoader is what somebody writes into the boot partition with the disk in his hands: the boot loader asks
// and lets its lines be edited, an entry starts the signed kernel with wishes, and so does an addition to it.
func (s *slate) hostileLoader() {
	s.t.Helper()
	out, err := tablet.Command(s.t.Context(), s.image.tools(s.t), []tablet.Mount{{From: s.path("vm"), To: "/vm"}}, "/usr/bin/ukify", "build",
		"--cmdline="+wished, "--output=/vm/wish.addon.efi").CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	kernel := filepath.Base(s.image.efi)
	s.must(os.WriteFile(s.file("loader.conf"), []byte("timeout menu-force\neditor yes\ndefault wish.conf\n"), 0o600))
	s.must(os.WriteFile(s.file("wish.conf"), []byte("title Free and open\nefi /EFI/Linux/"+kernel+"\noptions "+wished+"\n"), 0o600))
	out, err = s.lab("sh", "-ec", `mcopy -o -i "$0" /vm/loader.conf ::/loader/loader.conf
for d in /loader/entries /loader/addons "/EFI/Linux/$1.extra.d"; do mmd -D s -i "$0" "::$d" || true; done
mcopy -o -i "$0" /vm/wish.conf ::/loader/entries/wish.conf
mcopy -o -i "$0" /vm/wish.addon.efi ::/loader/addons/wish.addon.efi
mcopy -o -i "$0" /vm/wish.addon.efi "::/EFI/Linux/$1.extra.d/wish.addon.efi"`, s.bootPartition(), kernel)
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}
