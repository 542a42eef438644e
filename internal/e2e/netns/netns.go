// Package netns makes two network namespaces with a wire between them: a tablet's and the world's.
// Tests of the firewall use it; nothing else does. It needs root, ip(8) and nft(8).
//
//	tablet: 192.0.2.100, 2001:db8::100 ──wire── world: 192.0.2.1 .2, 2001:db8::1 ::2
package netns

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// Net are the names of the two namespaces.
type Net struct{ Tablet, World string }

// WorldAddrs are the world's addresses: of each family the one that tests list, and another.
func WorldAddrs() []string { return []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"} }

// Possible reports whether namespaces can be made here. Where not, the test is not run, and says
// so; REQUIRE_NETNS=1 makes that a failure.
func Possible(t *testing.T) bool {
	t.Helper()
	why := ""
	if os.Getuid() != 0 {
		why = "network namespaces with two users need root"
	}
	for _, program := range []string{"ip", "nft", "setpriv"} {
		if _, err := exec.LookPath(program); err != nil && why == "" {
			why = err.Error() + " (make deps installs it)"
		}
	}
	if why == "" {
		return true
	}
	if os.Getenv("REQUIRE_NETNS") == "1" {
		t.Fatal(why)
	}
	t.Logf("NOT RUN, nothing was proven here: %s", why)
	fmt.Fprintf(os.Stderr, "%s: NOT RUN: %s\n", t.Name(), why)
	return false
}

var made atomic.Uint32 // namespaces of this process, so that names differ

// New makes the two, until the test ends.
func New(t *testing.T) Net {
	t.Helper()
	id := fmt.Sprintf("%d-%d", os.Getpid(), made.Add(1))
	n := Net{"pt" + id, "pw" + id}
	t.Cleanup(func() {
		for _, name := range []string{n.Tablet, n.World} {
			if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
				t.Errorf("%v %s", err, out)
			}
		}
	})
	for _, line := range []string{
		"ip netns add " + n.Tablet, "ip netns add " + n.World,
		"ip -n " + n.Tablet + " link add wire type veth peer name wire netns " + n.World,
		"ip -n " + n.Tablet + " addr add 192.0.2.100/24 dev wire",
		"ip -n " + n.Tablet + " addr add 2001:db8::100/64 dev wire nodad",
		"ip -n " + n.World + " addr add 192.0.2.1/24 dev wire", "ip -n " + n.World + " addr add 192.0.2.2/24 dev wire",
		"ip -n " + n.World + " addr add 2001:db8::1/64 dev wire nodad", "ip -n " + n.World + " addr add 2001:db8::2/64 dev wire nodad",
		// Link-local ones by hand: a kernel makes them up, and checks them for a second.
		"ip -n " + n.World + " addr add fe80::1/64 dev wire nodad", "ip -n " + n.Tablet + " addr add fe80::100/64 dev wire nodad",
		"ip -n " + n.Tablet + " link set lo up", "ip -n " + n.World + " link set lo up",
		"ip -n " + n.Tablet + " link set wire up", "ip -n " + n.World + " link set wire up",
	} {
		w := strings.Fields(line)
		if out, err := exec.Command(w[0], w[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", line, err, out)
		}
	}
	return n
}

// Serve runs a program as a namespace's user until the test ends, and returns when it has
// printed a line. It is to end with its standard input.
func Serve(t *testing.T, namespace string, uid int, args ...string) {
	t.Helper()
	cmd := Command(namespace, uid, args...)
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
		t.Fatalf("%v did not begin", args)
	}
}

// Command is a program in a namespace. It is entered as root, then the user is taken on.
func Command(namespace string, uid int, args ...string) *exec.Cmd {
	full := []string{"netns", "exec", namespace}
	if uid != 0 {
		id := strconv.Itoa(uid)
		full = append(full, "setpriv", "--reuid", id, "--regid", id, "--clear-groups")
	}
	cmd := exec.Command("ip", append(full, args...)...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	return cmd
}

// Run runs a program on the tablet as root, and returns what it says.
func (n Net) Run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	return run(t, n.Tablet, stdin, args...)
}

// RunWorld runs a program in the world as root.
func (n Net) RunWorld(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, n.World, "", args...)
}

func run(t *testing.T, namespace, stdin string, args ...string) string {
	t.Helper()
	cmd := Command(namespace, 0, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// Nft loads a script on the tablet.
func (n Net) Nft(t *testing.T, script string) {
	t.Helper()
	n.Run(t, script, "nft", "-f", "-")
}
