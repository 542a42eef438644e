package lockdown

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portillon/internal/e2e/netns"
)

const (
	worldWord = "lockdown-world"
	dialWord  = "lockdown-dial"
)

// Users of the test's tablet, by number.
const (
	kioskUser    = 65534
	otherUser    = 65533
	resolverUser = 101
	timeUser     = 102
	dhcpUser     = 103
)

// worldPorts are served, TCP and UDP, at every address of the world: mail, names, web, time,
// names over TLS, and a port of the exam's.
func worldPorts() []int { return []int{25, 53, 80, 110, 123, 143, 443, 465, 587, 853, 993, 995, 8443} }

// tabletPorts are served on the tablet's own loopback: names as systemd-resolved does, printing, a bus.
func tabletPorts() []int { return []int{53, 631, 8080} }

// world serves until its standard input ends: at the world's addresses, or the tablet's own.
func world() error {
	what := strings.Join(os.Args[2:], " ")
	if what == "advertise" {
		return advertiseRouter()
	}
	addrs, ports := netns.WorldAddrs(), append(worldPorts(), 67, 547)
	if what == "tablet" {
		addrs, ports = []string{"127.0.0.53", "127.0.0.55", "::1"}, tabletPorts()
	} else {
		addrs = append(addrs, "fe80::1%wire", announced)
	}
	for _, addr := range addrs { // each of its own, so that it answers from where it was asked
		for _, port := range ports {
			to := net.JoinHostPort(addr, strconv.Itoa(port))
			l, err := net.Listen("tcp", to) // MPTCP too, where the kernel has it
			if err != nil {
				return err
			}
			go hangUp(l)
			u, err := net.ListenPacket("udp", to)
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

func hangUp(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.Close()
	}
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

// TestEgress puts a tablet and a world with real servers into namespaces of their own. Every user
// tries every way between them: without a ruleset all arrive, with it those that are listed, and
// what does not is counted. It needs root.
func TestEgress(t *testing.T) {
	if !netns.Possible(t) {
		return
	}
	n := tabletNet{netns.New(t)}
	n.RunWorld(t, "ip", "addr", "add", announced+"/64", "dev", "wire", "nodad")
	settings := []string{"sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647", "net.ipv4.tcp_fastopen=3", "net.ipv4.ip_unprivileged_port_start=0"}
	n.RunWorld(t, settings...)
	n.Run(t, "", settings...)
	netns.Serve(t, n.World, 0, testBinary(t), worldWord)
	netns.Serve(t, n.Tablet, 0, testBinary(t), worldWord, "tablet")
	n.advertise(t)

	targets := everywhere()
	for _, user := range []int{kioskUser, otherUser} {
		through := n.through(t, user, targets)
		for _, w := range targets {
			if !through[w.target()] {
				t.Errorf("without a ruleset user %d must reach %s at %s, or its refusal means nothing", user, w.name, w.addr)
			}
		}
	}
	if t.Failed() {
		return
	}
	rules, err := Ruleset(EgressOptions{Hosts: []string{"auth.example:443", "evaluation.example:8443"}, Users: []string{strconv.Itoa(kioskUser)},
		Resolver: strconv.Itoa(resolverUser), Time: strconv.Itoa(timeUser), DHCP: strconv.Itoa(dhcpUser)})
	if err != nil {
		t.Fatal(err)
	}
	n.Nft(t, rules)
	tried := n.policy(t, "empty", targets, func(user int, w way) bool { return w.free(user) })
	listed := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("[2001:db8::1]:443"),
		netip.MustParseAddrPort("192.0.2.1:25")} // a port the configuration does not have: no effect
	fill, err := Elements(listed, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	n.Nft(t, fill)
	tried += n.policy(t, "listed", targets, func(user int, w way) bool {
		host := w.kind != "udp" && (w.addr == "192.0.2.1:443" || w.addr == "[2001:db8::1]:443")
		return w.free(user) || user == kioskUser && host
	})
	t.Logf("%d ways tried", tried)
}

// policy tries every way as every user, one by one, and fails unless exactly those arrive that
// may, and every other is counted. It prints a line for each, which make escape reads.
func (n tabletNet) policy(t *testing.T, sets string, targets []way, may func(int, way) bool) int {
	t.Helper()
	tried := 0
	for _, user := range []int{kioskUser, otherUser, resolverUser, timeUser, dhcpUser} {
		counter := "refused-other"
		if user == kioskUser {
			counter = "refused-exam"
		}
		before := n.count(t, counter)
		through := n.through(t, user, targets)
		refused := 0
		for _, w := range targets {
			tried++
			switch got := through[w.target()]; {
			case got && !may(user, w):
				say("ESCAPE", sets, user, w)
				t.Errorf("user %d reaches %s at %s", user, w.name, w.addr)
			case !got && may(user, w):
				t.Errorf("user %d does not reach %s at %s", user, w.name, w.addr)
			case !got:
				refused++
				say("held", sets, user, w)
			}
		}
		if counted := n.count(t, counter) - before; counted < refused {
			t.Errorf("user %d: %d ways refused, %d packets counted", user, refused, counted)
		}
	}
	return tried
}

// say tells make escape, which counts.
func say(how, sets string, user int, w way) {
	if os.Getenv("ESCAPE") != "" {
		fmt.Printf("way %s %s/user-%d/%s\n", how, sets, user, w.name)
	}
}

// way is something that a user of the tablet might reach.
type way struct{ name, kind, addr string }

func (w way) target() string { return w.kind + " " + w.addr }

// free: what the ruleset lets this user do wherever it goes.
func (w way) free(user int) bool {
	ap := netip.MustParseAddrPort(w.addr)
	if ap.Addr().IsLoopback() {
		return user != kioskUser || w.kind == "tcp" && w.addr == net.JoinHostPort(Stub().String(), "53")
	}
	switch user {
	case resolverUser:
		return ap.Port() == 53 && (w.kind == "tcp" || w.kind == "udp" || w.kind == "reuse")
	case dhcpUser:
		return w.kind == "dhcp"
	case timeUser:
		return ap.Port() == 123 && w.kind == "udp"
	}
	return false
}

// everywhere is every port of the world at its addresses, the tricks, and the tablet's own services.
func everywhere() []way {
	words := map[int]string{25: "smtp", 53: "dns", 80: "http", 110: "pop3", 123: "ntp", 143: "imap", 443: "https", 465: "smtps",
		587: "submission", 853: "dns-over-tls", 993: "imaps", 995: "pop3s", 8443: "exam", 631: "printing", 8080: "web"}
	var out []way
	add := func(kind, name, addr string, port int) {
		out = append(out, way{kind + "-" + name + "-" + addr, kind, net.JoinHostPort(addr, strconv.Itoa(port))})
	}
	for _, addr := range append(netns.WorldAddrs(), "fe80::1%wire", announced) {
		for _, port := range worldPorts() {
			add("tcp", words[port], addr, port)
			udp := words[port]
			if port == 443 {
				udp = "quic"
			}
			add("udp", udp, addr, port)
		}
	}
	for _, addr := range netns.WorldAddrs() {
		for _, kind := range []string{"mptcp", "tfo"} {
			for _, port := range []int{443, 25} {
				add(kind, words[port], addr, port)
			}
		}
		add("ping", "echo", addr, 1)
	}
	add("reuse", "dns-of-the-resolver", "192.0.2.1", 53)
	add("dhcp", "lease", "192.0.2.1", 67)
	add("dhcp", "lease", "2001:db8::1", 547)
	for _, addr := range []string{"127.0.0.53", "127.0.0.55", "::1"} {
		for _, port := range tabletPorts() {
			add("tcp", words[port], addr, port)
			add("udp", words[port], addr, port)
		}
	}
	return out
}

// announced is an address that the tablet has a way to only once a router has announced its prefix.
const (
	announced       = "2001:db8:ffff::1"
	announcedPrefix = "2001:db8:ffff::/64"
)

// tabletNet is netns.Net with what these tests do there.
type tabletNet struct{ netns.Net }

// advertise has the world announce itself as a router, and waits until the tablet believes it.
func (n tabletNet) advertise(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(n.Run(t, "", "ip", "-6", "route"), announcedPrefix) {
		if time.Now().After(deadline) {
			t.Fatal("the tablet believes no router")
		}
		// The wire's multicast route may not be there yet: it is sent until it is believed.
		if out, err := netns.Command(n.World, 0, testBinary(t), worldWord, "advertise").CombinedOutput(); err != nil {
			t.Logf("%v %s", err, out)
		}
	}
}

// advertiseRouter sends a router advertisement (RFC 4861 §4.2) to all of the wire.
func advertiseRouter() (err error) {
	wire, err := net.InterfaceByName("wire")
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	source := netip.MustParseAddr("fe80::1").As16()
	everyNode := netip.MustParseAddr("ff02::1").As16()
	header := []byte{134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0} // a router for 1800 s
	// §4.6.2: 64 bits, on this wire and to make addresses of, valid for 3600 s.
	prefix := append([]byte{3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 0}, netip.MustParsePrefix(announcedPrefix).Addr().AsSlice()...)
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, wire.Index),
		unix.Bind(fd, &unix.SockaddrInet6{Addr: source, ZoneId: uint32(wire.Index)}),
		unix.Sendto(fd, append(header, prefix...), 0, &unix.SockaddrInet6{Addr: everyNode, ZoneId: uint32(wire.Index)}))
}

// count is the packets of a counter.
func (n tabletNet) count(t *testing.T, counter string) int {
	t.Helper()
	out := n.Run(t, "", "nft", "list", "counter", "inet", Table, counter)
	_, text, ok := strings.Cut(out, "packets ")
	var packets int
	if _, err := fmt.Sscan(text, &packets); err != nil || !ok {
		t.Fatalf("%v: %s", err, out)
	}
	return packets
}

// through says of each way whether a user on the tablet gets it.
func (n tabletNet) through(t *testing.T, user int, ways []way) map[string]bool {
	t.Helper()
	cmd := netns.Command(n.Tablet, user, testBinary(t), dialWord)
	var targets []string
	for _, w := range ways {
		targets = append(targets, w.target())
	}
	cmd.Stdin = strings.NewReader(strings.Join(targets, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	reached := map[string]bool{}
	if err := json.Unmarshal(out, &reached); err != nil {
		t.Fatal(err)
	}
	return reached
}
