package lockdown

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"portillon/internal/config"
)

// TestBothProcesses: a sealed supervisor starts the screen process from /proc/self/exe, which
// seals itself in turn and cannot reach its parent.
func TestBothProcesses(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	dir := openDir(t)
	f := order{Do: "supervisor", Mode: config.LockdownRequired, Dir: dir, Hosts: []string{"auth.example:443"},
		Then: &order{Do: "screen", Mode: config.LockdownRequired, Dir: dir, Threads: 1}}.run(t)
	if f.Err != "" || len(f.Notes) > 0 || f.Then == nil || f.Then.Err != "" {
		t.Fatalf("%+v %+v", f, f.Then)
	}
	for _, results := range append(f.Then.Threads, f.Then.Probes, f.Probes) {
		if open := openOnes(results); len(open) > 0 {
			t.Errorf("open: %v", open)
		}
	}
}

// player writes an exam player that is a script, in a directory of its own.
func player(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(openDir(t), "player")
	script := "#!/bin/sh\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPlayerStarts: the player lives under the supervisor's seal.
func TestPlayerStarts(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	dir := openDir(t)
	path := player(t, `echo started`,
		`echo x > `+dir+`/answer && echo wrote`,
		`(echo x > /tmp/lockdown-player) 2>/dev/null || echo kept`,
		`/usr/bin/id >/dev/null 2>&1 || echo alone`)
	o := order{Do: "supervisor", Mode: config.LockdownRequired, Dir: dir, Player: []string{path}, RunPlayer: true}
	if got, want := o.run(t).Player, "started\nwrote\nkept\nalone\n"; got != want {
		t.Errorf("player: %q, want %q", got, want)
	}
	// What it is allowed beside, it can execute.
	o.Player, o.Execute = []string{player(t, `/usr/bin/id -u`)}, []string{"/usr/bin/id"}
	if got := o.run(t).Player; strings.TrimSpace(got) == "" || strings.Contains(got, "denied") {
		t.Errorf("player: %q", got)
	}
	// A program of its own, dynamically linked.
	own := filepath.Join(openDir(t), "player")
	copyFile(t, "/bin/echo", own, 0o755)
	o.Player, o.Execute = []string{own, "hello"}, nil
	if got := o.run(t).Player; got != "hello\n" {
		t.Errorf("player: %q", got)
	}
}

// TestScopeChildren: the player signals its own and nobody else, while the supervisor's
// every thread can end it.
func TestScopeChildren(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	path := player(t, `kill -0 $PPID 2>/dev/null && echo parent`, `while :; do :; done & kill -0 $! && echo child`, `kill -9 $!`)
	o := order{Do: "supervisor", Mode: config.LockdownRequired, Dir: openDir(t), Player: []string{path}, RunPlayer: true}
	if got := o.run(t).Player; got != "parent\nchild\n" {
		t.Errorf("not scoped: %q", got)
	}
	o.Scope = true
	if f := o.run(t); f.Player != "child\n" || len(f.Notes) > 0 {
		t.Errorf("scoped: %q %v", f.Player, f.Notes)
	}
	o.Player, o.RunPlayer, o.KillPlayer = []string{player(t, `while :; do :; done`)}, false, true
	if f := o.run(t); f.Player != "signal: killed" {
		t.Errorf("killed from another thread: %q %v", f.Player, f.Notes)
	}
}

// TestPlayerMissing: a player that is not there is told before anything starts.
func TestPlayerMissing(t *testing.T) {
	_, err := SealSupervisor(SupervisorOptions{Mode: config.LockdownOff, State: t.TempDir(), Player: []string{"/nonexistent/player"}})
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestPrograms follows what the kernel executes.
func TestPrograms(t *testing.T) {
	ld, err := interpreters("/bin/sh")
	if err != nil || len(ld) != 1 {
		t.Fatal(ld, err)
	}
	real := func(p string) string {
		r, err := filepath.EvalSymlinks(p)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	dir := t.TempDir()
	write := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	loop := write("loop", "#!"+filepath.Join(dir, "loop")+"\n")
	env := write("env", "#! /usr/bin/env -S sh -e\n")
	for _, c := range []struct {
		path string
		want []string
	}{
		{"/bin/sh", []string{real("/bin/sh"), real(ld[0])}},
		{env, []string{env, real("/usr/bin/env"), real(ld[0]), real("/bin/sh"), real(ld[0])}},
		{write("tiny", string(tinyProgram())), []string{filepath.Join(dir, "tiny")}},
	} {
		if got, err := programs(c.path); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.path, got, err, c.want)
		}
	}
	for _, bad := range []string{loop, write("nothing", "#!\n"), write("text", "hello"), write("unknown", "#!/usr/bin/env no-such-thing\n"), "/nonexistent"} {
		if got, err := programs(bad); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}

// TestPorts: a sealed supervisor connects to the ports it was given, and to them alone.
func TestPorts(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	dir := openDir(t)
	given, other := listen(t), listen(t)
	o := order{Do: "supervisor", Mode: config.LockdownRequired, Dir: dir, Hosts: []string{given}, DialAfter: given}
	if got := o.run(t).Dial; got != "" {
		t.Errorf("given port: %s", got)
	}
	o.DialAfter = other
	if got := o.run(t).Dial; !strings.Contains(got, "permission denied") {
		t.Errorf("another port: %q", got)
	}
	for _, bad := range []string{"host", "host:0", "host:70000", "host:https"} {
		if _, err := tcpPorts([]string{bad}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func listen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// TestPassedSocket: the screen process can speak through the socket it was given, but not
// connect it elsewhere, nor listen with it.
func TestPassedSocket(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	conn, err := net.Dial("tcp4", listen(t))
	if err != nil {
		t.Fatal(err)
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	got := order{Do: "screen", Mode: config.LockdownRequired, Dir: openDir(t), Reconnect: listen(t)}.run(t, file).Notes
	want := []string{"write: ", "disconnect: ", "connect: permission denied", "listen: operation not permitted", "fastopen: operation not permitted"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := errors.Join(file.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
}

// TestResolver: names are resolved over TCP from a sealed supervisor, which has no UDP.
func TestResolver(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	server := dnsServer(t)
	f := order{Do: "supervisor", Mode: config.LockdownRequired, Dir: openDir(t), Hosts: []string{server},
		LookUp: "auth.example.", DNSServer: server}.run(t)
	if f.Dial != "" || !slices.Contains(f.Looked, "192.0.2.7") {
		t.Errorf("%v %s", f.Looked, f.Dial)
	}
}

// dnsServer answers every A question with 192.0.2.7, over TCP.
func dnsServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerDNS(c)
		}
	}()
	return l.Addr().String()
}

func answerDNS(c net.Conn) {
	defer func() { _ = c.Close() }()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(b); err != nil {
			return
		}
		m.Response, m.Authoritative, m.Additionals = true, true, nil
		for _, q := range m.Questions {
			if q.Type == dnsmessage.TypeA {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
					Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 7}}})
			}
		}
		out, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}
