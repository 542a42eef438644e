package supervisor

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"portillon/internal/dpop"
)

// echo is a server on loopback that answers what it reads.
func echo(t *testing.T) string {
	t.Helper()
	addr, _ := echoes(t)
	return addr
}

// echoes is echo with a word for each connection that the other side has closed.
func echoes(t *testing.T) (addr string, ended <-chan struct{}) {
	t.Helper()
	over := make(chan struct{}, 64)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, bufio.NewReader(conn))
				_ = conn.Close()
				over <- struct{}{}
			}()
		}
	}()
	return l.Addr().String(), over
}

// closedPort is an address nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func issuer(url string) func(*settings) { return func(s *settings) { s.Issuer = url } }

func TestDialAllowed(t *testing.T) {
	addr := echo(t)
	h := newHouse(t, issuer("http://"+addr))
	screen, _ := h.screen()
	for range 3 {
		if got := screen.must(order{Do: "dial", Text: addr}).Text; got != "bonjour\n" {
			t.Errorf("through the socket came %q", got)
		}
	}
}

func TestDialDenied(t *testing.T) {
	other := echo(t)
	h := newHouse(t, issuer("http://"+echo(t)))
	screen, _ := h.screen()
	for _, addr := range []string{other, "auth.example:443", "localhost:25", "", "nonsense"} {
		has(t, screen.do(order{Do: "dial", Text: addr}).Err, "not allowed", "op")
	}
}

func TestDialErrors(t *testing.T) {
	closed := closedPort(t)
	for _, c := range []struct {
		name, issuer, addr string
		do                 string
		limit              time.Duration
		want               []string
	}{
		{"refused", "http://" + closed, closed, "dial", 0, []string{"op", "refused"}},
		{"canceled", "http://" + closed, closed, "dial and cancel", 0, []string{"op", "canceled"}},
		{"deadline", "https://" + slowName, slowName + ":443", "dial", 50 * time.Millisecond,
			[]string{"op", "deadline", "context deadline", "timeout"}},
		{"canceled under way", "https://" + slowName, slowName + ":443", "dial, then cancel", 0, []string{"op", "canceled"}},
		{"unknown name", "https://unknown.example", "unknown.example:443", "dial", 0, []string{"op", "dns", "not found true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, issuer(c.issuer))
			screen, _ := h.screen()
			has(t, screen.do(order{Do: c.do, Text: c.addr, Limit: c.limit}).Err, c.want...)
		})
	}
}

// The screen process's socket is the only one: when it closes it, it is closed.
func TestDialsAtOnce(t *testing.T) {
	addr, ended := echoes(t)
	h := newHouse(t, issuer("http://"+addr))
	screen, _ := h.screen()
	screen.must(order{Do: "dials", Text: addr})
	limit := time.After(patience)
	for range dialsTogether {
		select {
		case <-ended:
		case <-limit:
			t.Fatal("the supervisor holds sockets it has passed on")
		}
	}
}

// Dials that were given up take no room in the supervisor, and leave no descriptor.
func TestDialsGivenUp(t *testing.T) {
	h := newHouse(t, issuer("https://"+slowName))
	screen, _ := h.screen()
	before := len(screen.must(order{Do: "descriptors"}).List)
	for range 2 * maxDials {
		has(t, screen.do(order{Do: "dial, then cancel", Text: slowName + ":443"}).Err, "canceled")
	}
	if after := len(screen.must(order{Do: "descriptors"}).List); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestProve(t *testing.T) {
	h := newHouse(t, nil)
	screen, hello := h.screen()
	proof := screen.must(order{Do: "prove", Text: "https://auth.example/token"}).Text
	if strings.Count(proof, ".") != 2 {
		t.Errorf("proof is %q", proof)
	}
	key, err := dpop.LoadOrCreate(h.path("device/key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if hello.Thumbprint != key.Thumbprint() {
		t.Errorf("thumbprint %q, the key's is %q", hello.Thumbprint, key.Thumbprint())
	}
	for _, url := range []string{"https://evaluation.example/", "http://auth.example/token",
		"https://auth.example:444/", "https://auth.example@evil.example/", "", "//auth.example"} {
		has(t, screen.do(order{Do: "prove", Text: url}).Err, "not allowed")
	}
}
