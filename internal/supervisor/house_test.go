package supervisor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for a real process.
const patience = 20 * time.Second

// house is a supervisor process and the test's hold on its children.
type house struct {
	t        *testing.T
	settings settings
	dir      string
	cmd      *exec.Cmd
	log      *buffer
	waited   chan struct{}
	puppets  map[string]chan *puppet
	kept     []*puppet // collected as garbage, a connection would close
}

// buffer takes a process's output.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newHouse starts a supervisor; change, if not nil, adapts its settings first.
func newHouse(t *testing.T, change func(*settings)) *house {
	t.Helper()
	dir, err := os.MkdirTemp("", "house") // t.TempDir is too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	control := filepath.Join(dir, "control")
	listener, err := net.Listen("unix", control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: dir, puppets: map[string]chan *puppet{
		roleScreen: make(chan *puppet, 16), rolePlayer: make(chan *puppet, 16)},
		settings: settings{State: filepath.Join(dir, "state"), Control: control,
			Issuer: "https://auth.example", ExamHosts: []string{"evaluation.example:443"},
			Command: []string{exe, rolePlayer, control}}}
	if change != nil {
		change(&h.settings)
	}
	go h.accept(listener)
	h.start()
	return h
}

// start starts the supervisor, again if it has died.
func (h *house) start() {
	h.t.Helper()
	input, err := json.Marshal(h.settings)
	if err != nil {
		h.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	h.log = new(buffer)
	h.cmd = exec.Command(exe, roleSupervisor)
	h.cmd.WaitDelay = time.Second // a child that outlived it would hold the log open
	h.cmd.Stdin, h.cmd.Stdout, h.cmd.Stderr = bytes.NewReader(input), h.log, h.log
	// Like a make job server's: inherited, and not to be passed on.
	leak, err := os.Create(filepath.Join(h.dir, "leak"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = leak.Close() }()
	h.cmd.ExtraFiles = []*os.File{leak, leak}
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	cmd, log, waited := h.cmd, h.log, make(chan struct{})
	h.waited = waited
	go func() {
		_ = cmd.Wait() // its state is looked at
		close(waited)
	}()
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-waited
		if h.t.Failed() {
			h.t.Logf("supervisor's log:\n%s", log)
		}
	})
}

func (h *house) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		p := &puppet{h: h, conn: conn, in: json.NewDecoder(conn), out: json.NewEncoder(conn)}
		var r result
		if err := p.in.Decode(&r); err != nil {
			continue
		}
		p.pid = r.Code
		h.puppets[r.Text] <- p
	}
}

// next is the next process of this role to come up.
func (h *house) next(role string) *puppet {
	h.t.Helper()
	select {
	case p := <-h.puppets[role]:
		h.kept = append(h.kept, p)
		return p
	case <-time.After(patience):
		h.t.Fatalf("no %s came up", role)
		return nil
	}
}

// screen is the next screen process, greeted.
func (h *house) screen() (*puppet, Hello) {
	h.t.Helper()
	p := h.next(roleScreen)
	return p, p.do(order{Do: "hello"}).Hello
}

// exam starts a player with this hand-off from a screen process.
func (h *house) exam(screen *puppet, handoff string) *puppet {
	h.t.Helper()
	screen.must(order{Do: "start", Bytes: []byte(handoff)})
	return h.next(rolePlayer)
}

// stopped waits for the supervisor and gives its exit code.
func (h *house) stopped() int {
	h.t.Helper()
	select {
	case <-h.waited:
		return exitCode(h.cmd.ProcessState)
	case <-time.After(patience):
		h.t.Fatal("supervisor does not end")
		return -1
	}
}

// eventually polls.
func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-poll.C:
		case <-limit:
			h.t.Fatalf("never: %s", what)
		}
	}
}

// descriptors is how many the supervisor has open. Only it can say: it is not dumpable.
func (h *house) descriptors() (n int) {
	h.t.Helper()
	before := len(h.log.String())
	if err := h.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		h.t.Fatal(err)
	}
	h.eventually("a number of descriptors", func() bool {
		_, said, ok := strings.Cut(h.log.String()[before:], "descriptors ")
		number, _, ended := strings.Cut(said, "\n")
		var err error
		n, err = strconv.Atoi(number)
		return ok && ended && err == nil
	})
	return n
}

func (h *house) path(name string) string { return filepath.Join(h.settings.State, name) }

// puppet is a screen process or a player that does what the test says.
type puppet struct {
	h    *house
	pid  int
	conn net.Conn
	in   *json.Decoder
	out  *json.Encoder
}

// do gives an order and waits for its result.
func (p *puppet) do(o order) result {
	p.h.t.Helper()
	if err := p.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		p.h.t.Fatal(err)
	}
	if err := p.out.Encode(o); err != nil {
		p.h.t.Fatalf("%s: %v", o.Do, err)
	}
	var r result
	if err := p.in.Decode(&r); err != nil {
		p.h.t.Fatalf("%s: %v", o.Do, err)
	}
	return r
}

// must is do without an error.
func (p *puppet) must(o order) result {
	p.h.t.Helper()
	r := p.do(o)
	if r.Err != nil {
		p.h.t.Fatalf("%s: error %q", o.Do, r.Err)
	}
	return r
}

// event is the next event.
func (p *puppet) event() result {
	p.h.t.Helper()
	return p.must(order{Do: "event"})
}

// ends gives an order that ends the process, and sees it end.
func (p *puppet) ends(o order) {
	p.h.t.Helper()
	if err := p.out.Encode(o); err != nil {
		p.h.t.Fatal(err)
	}
	p.ended()
}

// ended sees the process end by itself.
func (p *puppet) ended() {
	p.h.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.h.t.Fatal(err)
	}
	for {
		var r result
		if err := p.in.Decode(&r); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				p.h.t.Fatalf("process %d did not end: %v", p.pid, err)
			}
			return
		}
	}
}

// alive: there is such a process, and it is no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}
