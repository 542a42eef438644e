package lockdown

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	worldWord = "lockdown-world"
	dialWord  = "lockdown-dial"
)

// worldPorts are served, TCP and UDP, at every address of the world.
func worldPorts() []int { return []int{25, 53, 80, 123, 143, 443, 587, 853, 993, 8443} }

func worldAddrs() []string { return []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"} }

// world serves until its standard input ends.
func world() error {
	for _, port := range worldPorts() {
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port)) // MPTCP too, where the kernel has it
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.Close()
			}
		}()
		for _, addr := range worldAddrs() { // each of its own, so that it answers from where it was asked
			u, err := net.ListenPacket("udp", net.JoinHostPort(addr, strconv.Itoa(port)))
			if err != nil {
				return err
			}
			go echo(u)
		}
	}
	fmt.Println("ready")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	_ = err // its end is what we wait for
	return nil
}

func echo(u net.PacketConn) {
	b := make([]byte, 64)
	for {
		n, from, err := u.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = u.WriteTo(b[:n], from) // the test sees what does not come
	}
}

// errTarget: a line that dialTargets does not know.
var errTarget = errors.New("no such target")

// dialTargets reads lines "tcp|udp|mptcp|tfo ADDRESS:PORT" and says, as JSON, what came through.
func dialTargets() error {
	var mu sync.Mutex
	through := map[string]bool{}
	var all errgroup.Group // at once: what is dropped takes its time
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		target := lines.Text()
		all.Go(func() error {
			kind, addr, _ := strings.Cut(target, " ")
			ap, err := netip.ParseAddrPort(addr)
			if err != nil {
				return err
			}
			ok, err := reaches(kind, ap)
			mu.Lock()
			defer mu.Unlock()
			through[target] = ok
			return err
		})
	}
	if err := errors.Join(lines.Err(), all.Wait()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(through)
}

func reaches(kind string, to netip.AddrPort) (bool, error) {
	d := net.Dialer{Timeout: 2 * time.Second}
	d.SetMultipathTCP(kind == "mptcp")
	switch kind {
	case "tcp", "mptcp":
		c, err := d.Dial("tcp", to.String())
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	case "udp":
		c, err := d.Dial("udp", to.String())
		if err != nil {
			return false, nil
		}
		return echoes(c), c.Close()
	case "tfo":
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return false, err
		}
		err = unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
		return err == nil, unix.Close(fd)
	}
	return false, fmt.Errorf("%w: %q", errTarget, kind)
}

// echoes asks a few times: while a neighbor is not known yet, packets are lost.
func echoes(c net.Conn) bool {
	for range 4 {
		if err := c.SetDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			return false
		}
		if _, err := c.Write([]byte("x")); err != nil {
			return false
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			return true
		}
	}
	return false
}

// TestEgress puts a tablet and a world with real servers into namespaces of their own and
// tries every way between them. It needs root.
func TestEgress(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("NOT RUN: network namespaces with two users need root; nothing was proven here")
		return
	}
	kiosk, mail := 65534, 65533
	rules, err := Ruleset(EgressOptions{Hosts: []string{"auth.example:443", "evaluation.example:8443"}, Users: []string{strconv.Itoa(kiosk)}, Resolver: "101", Time: "102"})
	if err != nil {
		t.Fatal(err)
	}
	n := namespaces(t)
	targets := everywhere()
	if got := n.through(t, kiosk, targets); len(got) < len(targets) {
		t.Fatalf("without a ruleset all must be reached; got %d of %d: %v", len(got), len(targets), got)
	}
	n.nft(t, rules)
	if got := n.through(t, kiosk, targets); len(got) > 0 {
		t.Errorf("with empty sets: %v", got)
	}
	listed := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("[2001:db8::1]:443"),
		netip.MustParseAddrPort("192.0.2.1:25")} // a port the configuration does not have: no effect
	fill, err := Elements(listed, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	n.nft(t, fill)
	n.want(t, kiosk, targets, "tcp 192.0.2.1:443", "tcp [2001:db8::1]:443", "mptcp 192.0.2.1:443", "tfo 192.0.2.1:443")
	n.want(t, mail, targets) // somebody else: nothing
	n.want(t, 101, targets, "tcp 192.0.2.1:53", "udp 192.0.2.1:53", "tcp 192.0.2.2:53", "udp 192.0.2.2:53",
		"tcp [2001:db8::1]:53", "udp [2001:db8::1]:53", "tcp [2001:db8::2]:53", "udp [2001:db8::2]:53")
	n.want(t, 102, targets, "udp 192.0.2.1:123", "udp 192.0.2.2:123", "udp [2001:db8::1]:123", "udp [2001:db8::2]:123")
	for _, counter := range []string{"refused-exam", "refused-other"} {
		if out := n.run(t, "", "nft", "list", "counter", "inet", Table, counter); strings.Contains(out, "packets 0 ") {
			t.Errorf("refusals are not counted:\n%s", out)
		}
	}
	t.Logf("%d ways tried by 4 users", len(targets))
}

// everywhere is every port of the world at two addresses of each family, and the tricks.
func everywhere() []string {
	var out []string
	for _, addr := range worldAddrs() {
		for _, port := range worldPorts() {
			to := net.JoinHostPort(addr, strconv.Itoa(port))
			out = append(out, "tcp "+to, "udp "+to)
		}
	}
	for _, kind := range []string{"mptcp", "tfo"} {
		for _, to := range []string{"192.0.2.1:443", "192.0.2.1:25", "192.0.2.2:443"} {
			out = append(out, kind+" "+to)
		}
	}
	return out
}

// netns are the names of two namespaces with a wire between them.
type netns struct{ tablet, world string }

func namespaces(t *testing.T) netns {
	t.Helper()
	n := netns{fmt.Sprintf("pt%d", os.Getpid()), fmt.Sprintf("pw%d", os.Getpid())}
	t.Cleanup(func() {
		for _, name := range []string{n.tablet, n.world} {
			if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
				t.Errorf("%v %s", err, out)
			}
		}
	})
	for _, line := range []string{
		"ip netns add " + n.tablet, "ip netns add " + n.world,
		"ip -n " + n.tablet + " link add wire type veth peer name wire netns " + n.world,
		"ip -n " + n.tablet + " addr add 192.0.2.100/24 dev wire",
		"ip -n " + n.tablet + " addr add 2001:db8::100/64 dev wire nodad",
		"ip -n " + n.world + " addr add 192.0.2.1/24 dev wire", "ip -n " + n.world + " addr add 192.0.2.2/24 dev wire",
		"ip -n " + n.world + " addr add 2001:db8::1/64 dev wire nodad", "ip -n " + n.world + " addr add 2001:db8::2/64 dev wire nodad",
		"ip -n " + n.tablet + " link set lo up", "ip -n " + n.world + " link set lo up",
		"ip -n " + n.tablet + " link set wire up", "ip -n " + n.world + " link set wire up",
	} {
		w := strings.Fields(line)
		if out, err := exec.Command(w[0], w[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", line, err, out)
		}
	}
	cmd := exec.Command("ip", "netns", "exec", n.world, testBinary(t), worldWord)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal("the world did not begin")
	}
	return n
}

// run runs a command on the tablet.
func (n netns) run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("ip", append([]string{"netns", "exec", n.tablet}, args...)...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (n netns) nft(t *testing.T, script string) {
	t.Helper()
	n.run(t, script, "nft", "-f", "-")
}

// through lists the targets that a user on the tablet reaches.
func (n netns) through(t *testing.T, uid int, targets []string) []string {
	t.Helper()
	// The namespace is entered as root, then the user is taken on.
	id := strconv.Itoa(uid)
	cmd := exec.Command("ip", "netns", "exec", n.tablet, "setpriv", "--reuid", id, "--regid", id, "--clear-groups", testBinary(t), dialWord)
	cmd.Stdin = strings.NewReader(strings.Join(targets, "\n"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	reached := map[string]bool{}
	if err := json.Unmarshal(out, &reached); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, target := range targets {
		if reached[target] {
			list = append(list, target)
		}
	}
	return list
}

// want fails unless exactly these are reached.
func (n netns) want(t *testing.T, uid int, targets []string, want ...string) {
	t.Helper()
	got := n.through(t, uid, targets)
	reached := map[string]bool{}
	for _, g := range got {
		reached[g] = true
	}
	for _, w := range want {
		if !reached[w] {
			t.Errorf("user %d does not reach %s", uid, w)
		}
		delete(reached, w)
	}
	for g := range reached {
		t.Errorf("user %d reaches %s", uid, g)
	}
}
