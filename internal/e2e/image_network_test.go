package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"portillon/internal/e2e/vm"
	tablet "portillon/internal/image"
)

// cable is how the guide calls the desk's card that the tablets' switch is at.
const cable = "eth1"

// imageNetwork: a tablet whose boot partition is destroyed starts over the network, by the guide's own configuration for
// dnsmasq, with Secure Boot: by HTTP and by PXE. A kernel without its signature does not start that way.
func imageNetwork(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.enrol()
	s.destroyBoot()
	n := s.roomNetwork()
	text, err := os.ReadFile(guide)
	s.must(err)
	kernel, err := os.ReadFile(i.efi)
	s.must(err)
	var configuration string
	for _, b := range blocks(string(text)) {
		if b.language == "conf" {
			configuration = strings.Join(b.lines, "\n") + "\n"
		}
	}
	without := func(kind string) string {
		return regexp.MustCompile(`(?m)^.*`+kind+`.*\n`).ReplaceAllString(configuration, "")
	}
	for _, c := range []struct{ name, configuration, fetched string }{
		{"HTTP", without("pxe"), "GET /boot.efi"},
		{"PXE", without("http"), "sent /srv/www/boot.efi"},
	} {
		stop := n.serve(s, c.configuration, kernel)
		s.boot(n.plug)
		err := s.unconfigured("absent")
		said := stop()
		if !strings.Contains(said, c.fetched) {
			err = errors.Join(err, fmt.Errorf("nobody fetched it: %s", said))
		}
		l.note(t, "started by "+c.name+", the boot partition destroyed", err)
		s.keep(c.name)
		s.off()
	}
	stop := n.serve(s, configuration, withoutSignature(kernel))
	s.boot(n.plug)
	l.note(t, "kernel unsigned, from the network", s.refusesKernel())
	s.off()
	_ = stop()
}

// destroyBoot writes zeros where the EFI system partition begins.
func (s *slate) destroyBoot() {
	s.t.Helper()
	f, err := os.OpenFile(s.file(s.disk), os.O_RDWR, 0)
	s.must(err)
	esp, err := tablet.FindPartition(f, tablet.ESPPartition)
	s.must(err)
	_, err = f.WriteAt(make([]byte, 1<<20), esp.Start)
	s.must(errors.Join(err, f.Close()))
}

// roomNetwork is a switch with a tablet and a desk at it.
type roomNetwork struct{ namespace string }

// roomNetwork makes one in a namespace, until the test ends.
func (s *slate) roomNetwork() roomNetwork {
	s.t.Helper()
	n := roomNetwork{fmt.Sprintf("ptnet%d", os.Getpid())}
	for _, line := range []string{
		"ip netns add " + n.namespace,
		"ip -n " + n.namespace + " link set lo up",
		"ip -n " + n.namespace + " tuntap add " + cable + " mode tap",
		"ip -n " + n.namespace + " addr add 192.168.77.1/24 dev " + cable,
		"ip -n " + n.namespace + " link set " + cable + " up",
	} {
		w := strings.Fields(line)
		out, err := exec.CommandContext(s.t.Context(), w[0], w[1:]...).CombinedOutput()
		if err != nil {
			s.t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
	s.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", n.namespace).CombinedOutput(); err != nil {
			s.t.Errorf("%v: %s", err, out)
		}
	})
	return n
}

// plug puts the tablet at the switch.
func (n roomNetwork) plug(o *vm.Options) { o.Namespace, o.Tap = n.namespace, cable }

// serve is the desk: dnsmasq with a configuration, and a web server over the directory it names; stop ends both
// and returns what they said.
func (n roomNetwork) serve(s *slate, configuration string, kernel []byte) (stop func() string) {
	s.t.Helper()
	www, etc := s.path("www"), s.path("etc")
	s.must(errors.Join(os.MkdirAll(www, 0o755), os.MkdirAll(etc, 0o755),
		os.WriteFile(filepath.Join(www, "boot.efi"), kernel, 0o644),
		os.WriteFile(filepath.Join(etc, "tablets.conf"), []byte(configuration), 0o644)))
	said := &buffer{}
	ctx, cancel := context.WithCancel(s.t.Context())
	var ends []func() error
	for _, argv := range [][]string{
		{"dnsmasq", "--keep-in-foreground", "--log-facility=-", "--log-dhcp", "--user=root", "--dhcp-leasefile=/tmp/leases", "--conf-file=/etc/dnsmasq.d/tablets.conf"},
		{"python3", "-u", "-m", "http.server", "--directory", "/srv/www", "80"},
	} {
		cmd := tablet.Command(ctx, s.image.tree, []tablet.Mount{{From: www, To: "/srv/www"}, {From: etc, To: "/etc/dnsmasq.d"}}, argv...)
		vm.Enter(cmd, n.namespace)
		cmd.Stdout, cmd.Stderr = said, said
		s.must(cmd.Start())
		ends = append(ends, cmd.Wait)
	}
	stop = func() string {
		cancel()
		for _, end := range ends {
			_ = end() // they were told to end
		}
		out := said.String()
		s.must(os.WriteFile(s.beside("-desk.log"), []byte(out), 0o644))
		ends = nil
		return out
	}
	s.t.Cleanup(func() { _ = stop() })
	eventually(s.t, s.patience(), "the desk's servers", func() bool {
		b := []byte(said.String())
		return bytes.Contains(b, []byte("Serving HTTP")) && bytes.Contains(b, []byte("DHCP, IP range"))
	})
	return stop
}
