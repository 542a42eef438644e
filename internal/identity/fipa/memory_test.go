package fipa

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
)

// The client whose memory is searched runs in a process of its own: this test
// binary, started with the variable set. What it gets is masked, so that no copy is
// there but those the adapter makes.
const (
	clientVariable = "FIPA_TEST_CLIENT"
	maskOf         = 0x15_5a5a
)

func TestMain(m *testing.M) {
	if os.Getenv(clientVariable) == "" {
		os.Exit(m.Run())
	}
	if err := client(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// order is one line of the client's input.
type order struct {
	Issuer, CA, Pin, Email string
	Op                     string // "password", "send" or "code"
	Masked                 []rune
}

// client logs in as it is told and stops where the parent wants to look: after each "held"
// and "done" it waits for a line.
func client(in io.Reader, out io.Writer) error {
	lines := json.NewDecoder(in)
	var first order
	if err := lines.Decode(&first); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(first.CA))
	key, err := dpop.NewKey()
	if err != nil {
		return err
	}
	p, err := New(Config{Issuer: first.Issuer, ClientID: "portillon", Scope: "openid profile",
		Pins: []string{first.Pin}, RootCAs: roots, Prover: key})
	if err != nil {
		return err
	}
	var f identity.Flow
	for {
		var o order
		if err := lines.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if o.Op == "begin" {
			email, err := identity.ParseEmail(first.Email)
			if err != nil {
				return err
			}
			if f, _, err = p.Begin(context.Background(), email); err != nil {
				return err
			}
			fmt.Fprintln(out, "done")
			continue
		}
		if err := clientAnswer(f, o, lines, out); err != nil {
			return err
		}
	}
}

func clientAnswer(f identity.Flow, o order, lines *json.Decoder, out io.Writer) error {
	var a identity.Answer = identity.CodeRequest{}
	secret, err := identity.NewSecret()
	if err != nil {
		return err
	}
	for i, r := range o.Masked {
		if err := secret.Insert(i, r^maskOf); err != nil {
			return err
		}
	}
	switch o.Op {
	case "password":
		a = identity.PasswordAnswer{Password: secret}
	case "code":
		a = identity.CodeAnswer{Code: secret}
	}
	fmt.Fprintln(out, "held")
	var on order
	if err := lines.Decode(&on); err != nil {
		return err
	}
	// Twice empties the pools, so that every buffer on the way is grown anew: the worst case.
	runtime.GC()
	runtime.GC()
	_, err = f.Answer(context.Background(), a)
	secret.Close()
	fmt.Fprintln(out, "done", identity.KindOf(err))
	return nil
}

// tablet is the client process, seen from the test.
type tablet struct {
	t   *testing.T
	cmd *exec.Cmd
	in  *json.Encoder
	out *bufio.Reader
}

func startTablet(t *testing.T, first order) *tablet {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), clientVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Errorf("client: %v", err)
		}
	})
	tb := &tablet{t, cmd, json.NewEncoder(in), bufio.NewReader(out)}
	tb.tell(first)
	return tb
}

func (tb *tablet) tell(o order) {
	tb.t.Helper()
	if err := tb.in.Encode(o); err != nil {
		tb.t.Fatal(err)
	}
}

func (tb *tablet) expect(want string) {
	tb.t.Helper()
	line, err := tb.out.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != want {
		tb.t.Fatalf("client said %q, %v; want %q", line, err, want)
	}
}

// answer has a secret typed and sent, and searches before and after.
func (tb *tablet) answer(op, secret string, outcome identity.Kind) {
	tb.t.Helper()
	masked := []rune(secret)
	for i := range masked {
		masked[i] ^= maskOf
	}
	needles := fragments(secret)
	if n := tb.copies(needles); n != 0 {
		tb.t.Fatalf("%s: %d copies before it was typed", op, n)
	}
	tb.tell(order{Op: op, Masked: masked})
	tb.expect("held")
	if n := tb.copies(needles); n == 0 {
		tb.t.Fatalf("%s: the search does not find what is there", op)
	}
	tb.tell(order{})
	tb.expect("done " + outcome.String())
	if n := tb.copies(needles); n != 0 {
		tb.t.Errorf("%s: %d fragments in memory after it was sent", op, n)
	}
}

// fragments are pieces of a secret in each encoding it might lie around in. Any eight
// characters in a row hold one, and the first six are one.
func fragments(secret string) (out [][]byte) {
	add := func(b []byte, width int) {
		for i := 0; i+width <= len(b); i += width / 3 {
			out = append(out, b[i:i+width])
		}
	}
	add([]byte(secret), 6)
	var wide, half []byte
	for _, r := range secret {
		wide = binary.LittleEndian.AppendUint32(wide, uint32(r))
		half = binary.LittleEndian.AppendUint16(half, uint16(r))
	}
	add(wide, 6*4)
	add(half, 6*2)
	if e := url.QueryEscape(secret); e != secret {
		add([]byte(e), 12)
	}
	return out
}

// copies counts fragments in all the memory of the client.
func (tb *tablet) copies(needles [][]byte) (n int) {
	tb.t.Helper()
	dir := fmt.Sprintf("/proc/%d/", tb.cmd.Process.Pid)
	maps, err := os.ReadFile(dir + "maps")
	if err != nil {
		tb.t.Fatal(err)
	}
	mem, err := os.Open(dir + "mem")
	if err != nil {
		tb.t.Fatal(err)
	}
	defer func() { _ = mem.Close() }()
	const piece, overlap = 4 << 20, 64
	buf := make([]byte, piece+overlap)
	total := 0
	for _, line := range strings.Split(strings.TrimSpace(string(maps)), "\n") {
		if strings.Contains(line, "[v") { // the kernel's own pages
			continue
		}
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); err != nil {
			tb.t.Fatal(err)
		}
		if !strings.HasPrefix(rights, "rw") {
			continue // what cannot be written holds the program
		}
		for at := from; at < to; at += piece {
			b := buf[:min(piece+overlap, to-at)]
			if _, err := mem.ReadAt(b, at); err != nil {
				tb.t.Fatalf("%s: %v", line, err)
			}
			total += len(b)
			for _, needle := range needles {
				n += bytes.Count(b, needle)
			}
		}
	}
	if total < 1<<20 {
		tb.t.Fatalf("searched %d bytes alone", total)
	}
	return n
}

func TestNoSecretStaysInMemory(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.3": tls.VersionTLS13, "TLS 1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) { searchMemory(t, version) })
	}
}

func searchMemory(t *testing.T, version uint16) {
	r := newReference(t)
	r.srv.TLS.MaxVersion = version
	a := identitytest.Account{Email: "zoe@univ-uness.fr", Password: rand.Text()[:9] + "é%+ €" + rand.Text()[:9]}
	r.fake.Add(a)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.srv.Certificate().Raw})
	tb := startTablet(t, order{Issuer: r.srv.URL, CA: string(ca), Pin: r.pin(), Email: a.Email})

	r.set(func() { r.nonce = "first" })
	tb.tell(order{Op: "begin"})
	tb.expect("done")
	tb.answer("password", "faux "+rand.Text()+" é", identity.WrongPassword)
	r.set(func() { r.nonce = "second" }) // the password goes out twice
	tb.answer("password", a.Password, identity.KindUnknown)

	tb.tell(order{Op: "begin"})
	tb.expect("done")
	tb.tell(order{Op: "send"})
	tb.expect("held")
	tb.tell(order{})
	tb.expect("done unknown")
	code := r.fake.Mailed(a.Email)[0]
	tb.answer("code", code, identity.KindUnknown)
}
