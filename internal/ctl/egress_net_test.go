package ctl

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"portillon/internal/e2e/netns"
	"portillon/internal/lockdown"
)

// Users of the test's tablet, by number.
const (
	kioskUser = 65534
	guardUser = 65532
	otherUser = 65533
)

// world is the other side: every address has a TCP server on 443, 8443 and 25 that says a word,
// and 192.0.2.1 answers questions about names from the file in its arguments: lines "name address".
func world(args []string) error {
	for _, port := range []string{"443", "8443", "25"} {
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, "bonjour\n")
				_ = c.Close()
			}
		}()
	}
	dns, err := net.Listen("tcp", "192.0.2.1:53")
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := dns.Accept()
			if err != nil {
				return
			}
			go func() {
				for answerDNS(c, args[0]) == nil {
				}
				_ = c.Close()
			}()
		}
	}()
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // its end is what we wait for
	return nil
}

// answerDNS answers one question from the file.
func answerDNS(c net.Conn, file string) error {
	var length uint16
	if err := binary.Read(c, binary.BigEndian, &length); err != nil {
		return err
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil || len(m.Questions) != 1 {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	m.Response = true
	zone, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(zone)) {
		f := strings.Fields(line)
		if len(f) != 2 || f[0]+"." != m.Questions[0].Name.String() {
			continue
		}
		addr := netip.MustParseAddr(f[1])
		r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 1}}
		switch {
		case addr.Is4() && m.Questions[0].Type == dnsmessage.TypeA:
			r.Body = &dnsmessage.AResource{A: addr.As4()}
		case addr.Is6() && m.Questions[0].Type == dnsmessage.TypeAAAA:
			r.Body = &dnsmessage.AAAAResource{AAAA: addr.As16()}
		default:
			continue
		}
		m.Answers = append(m.Answers, r)
	}
	if b, err = m.Pack(); err != nil {
		return err
	}
	return binary.Write(c, binary.BigEndian, append([]byte{byte(len(b) >> 8), byte(len(b))}, b...))
}

// dialName does what the supervisor does: resolve over TCP, at the guard, and dial; with
// the network (tcp4, tcp6) and host:port in its arguments.
func dialName(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r := lockdown.Resolver()
	dial := r.Dial
	r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dial(ctx, network, net.JoinHostPort(lockdown.Stub().String(), "53"))
	}
	d := net.Dialer{Resolver: r}
	d.SetMultipathTCP(false)
	c, err := d.DialContext(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	fmt.Print(c.RemoteAddr().(*net.TCPAddr).IP)
	return c.Close()
}

// TestEgressServe: the guard, as its own unprivileged user, in namespaces with real servers. It
// lets nothing out until the configuration is signed, then the names alone, and follows one
// that moves.
func TestEgressServe(t *testing.T) {
	if !netns.Possible(t) {
		return
	}
	dir := openDir(t)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	example, err := os.ReadFile("../../docs/portillon.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	zone := write("zone", "auth.example 192.0.2.1\nauth.example 2001:db8::1\nevil.example 192.0.2.2\n")
	file := write("portillon.toml", string(example))
	state := filepath.Join(dir, "state")
	if err := errors.Join(os.Mkdir(state, 0o700), os.Chown(state, guardUser, guardUser)); err != nil {
		t.Fatal(err)
	}
	ctl := program(t, dir, "portillonctl")
	n := netns.New(t)
	netns.Serve(t, n.World, 0, program(t, dir, "ctl-world"), zone)
	dial := func(user int, network, to string) (string, error) {
		out, err := netns.Command(n.Tablet, user, filepath.Join(dir, "ctl-dial"), network, to).CombinedOutput()
		return string(out), err
	}
	program(t, dir, "ctl-dial")
	if _, err := dial(kioskUser, "tcp", "192.0.2.2:25"); err != nil {
		t.Fatalf("without a ruleset all must be reached: %v", err)
	}

	guard := netns.Command(n.Tablet, 0, "setpriv", "--reuid", fmt.Sprint(guardUser), "--regid", fmt.Sprint(guardUser), "--clear-groups", "--no-new-privs",
		"--inh-caps=-all,+net_admin,+net_bind_service", "--ambient-caps=-all,+net_admin,+net_bind_service",
		"--bounding-set=-all,+net_admin,+net_bind_service", ctl, "egress", "serve", "--users", fmt.Sprint(kioskUser),
		"--resolver", fmt.Sprint(guardUser), "--time", "", "--dhcp", "", "--upstream", "192.0.2.1:53",
		"--key", filepath.Join(dir, "key.pub"), "--state", state, file)
	logged, err := guard.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := guard.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = guard.Process.Kill() // it ends with its test
		_ = guard.Wait()
	})
	said := bufio.NewScanner(logged)
	await := func(words string) {
		t.Helper()
		for said.Scan() {
			if strings.Contains(said.Text(), words) {
				return
			}
		}
		t.Fatalf("the guard ended before it said %q", words)
	}

	await("nothing is let out")
	for _, to := range []string{"auth.example:443", "192.0.2.1:443", "[2001:db8::1]:443", "192.0.2.2:25"} {
		if out, err := dial(kioskUser, "tcp", to); err == nil {
			t.Errorf("before the configuration is accepted %s is reached at %s", to, out)
		}
	}

	key := filepath.Join(dir, "key")
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(ctl, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("config", "keygen", key)
	run("config", "sign", "--key", key, file)
	await("configuration accepted")
	follow := func(network, want string) {
		t.Helper()
		if got, err := dial(kioskUser, network, "auth.example:443"); err != nil || got != want {
			t.Errorf("auth.example:443 over %s: %s %v, want %s", network, got, err, want)
		}
	}
	if out, err := dial(kioskUser, "tcp", "192.0.2.1:443"); err == nil {
		t.Errorf("an address that nobody asked for is open: %s", out)
	}
	follow("tcp4", "192.0.2.1")
	follow("tcp6", "2001:db8::1")
	refuse := func(user int, to string) {
		t.Helper()
		if out, err := dial(user, "tcp", to); err == nil {
			t.Errorf("user %d reaches %s at %s", user, to, out)
		}
	}
	for _, to := range []string{"auth.example:25", "auth.example:8443", "evil.example:443", "192.0.2.2:443", "[2001:db8::2]:443", "192.0.2.1:53"} {
		refuse(kioskUser, to)
	}
	refuse(otherUser, "192.0.2.1:443")

	check := func(want string, args ...string) {
		t.Helper()
		out, err := netns.Command(n.Tablet, 0, append([]string{ctl, "egress", "check", "--users", fmt.Sprint(kioskUser), "--time", "", "--dhcp", ""}, args...)...).CombinedOutput()
		if strings.Contains(string(out), "in force\n") != (err == nil) || !strings.Contains(string(out), want) {
			t.Errorf("check says %s %v, not %s", out, err, want)
		}
	}
	check("in force\n", "--resolver", fmt.Sprint(guardUser), file)
	check("differs", "--resolver", "4711", file)

	write("zone", "auth.example 192.0.2.2\nauth.example 2001:db8::2\n") // it moves
	// What the guard remembers of its last answers is seconds old.
	for network, want := range map[string]string{"tcp4": "192.0.2.2", "tcp6": "2001:db8::2"} {
		deadline := time.Now().Add(time.Minute)
		for got := ""; got != want; {
			if got, err = dial(kioskUser, network, "auth.example:443"); err != nil || time.Now().After(deadline) {
				t.Fatalf("auth.example has moved: over %s it is %q %v", network, got, err)
			}
		}
	}

	n.Run(t, "", "nft", "flush", "ruleset")
	check("no ruleset is in force", "--resolver", fmt.Sprint(guardUser), file)
	if _, err := dial(otherUser, "tcp", "192.0.2.2:25"); err != nil {
		t.Errorf("with no ruleset others are refused still: %v", err)
	}
}

// TestEgressRights: who may not change the firewall is told so in words.
func TestEgressRights(t *testing.T) {
	if !netns.Possible(t) {
		return
	}
	dir := openDir(t)
	example, err := os.ReadFile("../../docs/portillon.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "portillon.toml")
	if err := os.WriteFile(file, example, 0o644); err != nil {
		t.Fatal(err)
	}
	n := netns.New(t)
	for _, args := range [][]string{{"egress", "check", file}, {"egress", "apply", "--unsigned", file}, {"egress", "serve", "--state", dir, file}} {
		out, err := netns.Command(n.Tablet, kioskUser, append([]string{program(t, dir, "portillonctl")}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "run as root, or with CAP_NET_ADMIN") {
			t.Errorf("%v: %v %s", args, err, out)
		}
		if err := os.Remove(filepath.Join(dir, "portillonctl")); err != nil {
			t.Fatal(err)
		}
	}
}
