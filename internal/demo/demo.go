// Package demo puts a whole room on one machine: the rehearsal service, a
// tablet's configuration that trusts it, a display where there is none, and the
// tablet itself, all as the real programs. portillonctl rehearse uses it for
// `make run`, internal/e2e for its tests.
//
//	StartService ─→ Service (issuer, mailbox, CA)
//	      Service.WriteConfig ─→ portillon.toml
//	StartDisplay ─→ Display (Xvfb)
//	      StartTablet(portillon.toml, display) ─→ Tablet (log lines as Events)
//
// Everything started is a child of the caller and ends with it.
package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// ErrNotReady: a program ended, or said nothing, before it was ready.
var ErrNotReady = errors.New("not ready")

const (
	readyLimit = 2 * time.Minute
	stopLimit  = 10 * time.Second
)

// process is a child that can be waited for more than once.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// start starts cmd in a process group of its own. It ends with this program, however that
// ends: a service left behind would keep its port and whatever it inherited.
func start(cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The signal is sent when the thread that forked ends: this one stays until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	return p, nil
}

// Stop asks the process to end and, after a while, ends it.
func (p *process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(stopLimit):
		return errors.Join(fmt.Errorf("%s did not end within %s", p.cmd.Path, stopLimit), p.Kill())
	}
	return nil
}

// Kill ends the process's whole group at once.
func (p *process) Kill() error {
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// Pid is the process's number.
func (p *process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *process) Done() <-chan struct{} { return p.done }

// Service is a rehearsal service under way.
type Service struct {
	*process
	Issuer  string `json:"issuer"`
	Cockpit string `json:"cockpit"`
	Portal  string `json:"portal"`
	Mailbox string `json:"mailbox"`
	CAFile  string `json:"ca_file"`
	CAPin   string `json:"ca_pin"`
	Listen  string `json:"listen"` // HOST:PORT of the process itself, whatever the issuer is
}

// StartService runs `BIN serve ARGS` and reads its one line. Its log goes to
// stderr, which may be nil.
func StartService(ctx context.Context, bin string, stderr io.Writer, args ...string) (*Service, error) {
	cmd := exec.Command(bin, append([]string{"serve"}, args...)...)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s := &Service{}
	if s.process, err = start(cmd); err != nil {
		return nil, err
	}
	line := make(chan []byte, 1)
	go func() {
		sc := bufio.NewScanner(out)
		if sc.Scan() {
			line <- append([]byte(nil), sc.Bytes()...)
		}
		_, _ = io.Copy(io.Discard, out) // nothing else is expected; keep the pipe open
	}()
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	select {
	case b := <-line:
		if err := json.Unmarshal(b, s); err != nil {
			return nil, errors.Join(fmt.Errorf("rehearsal: %w: %w", ErrNotReady, err), s.Kill())
		}
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("rehearsal: %w: it ended: %w", ErrNotReady, s.err)
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("rehearsal: %w: %w", ErrNotReady, context.Cause(ctx)), s.Kill())
	}
}

// Event is one line of the tablet's log.
type Event struct {
	Time   time.Time `json:"time"`
	Level  string    `json:"level"`
	Msg    string    `json:"msg"`
	Screen string    `json:"screen"`
	Kind   string    `json:"kind"`
}

// Tablet is a portillon under way.
type Tablet struct {
	*process
	mu     sync.Mutex
	events []Event
	raw    []byte
	grown  chan struct{}
}

// TabletOptions are how to start one.
type TabletOptions struct {
	Bin    string
	Config string
	Size   string // "1280x800" for a window; empty: full screen
	// Display is DISPLAY; empty: the caller's own.
	Display  string
	StateDir string
	// Uid and Gid run it as an unprivileged user where they are not 0; the caller must be
	// root, and StateDir that user's.
	Uid, Gid uint32
	Env      []string // further variables
	Log      io.Writer
}

// StartTablet starts portillon and follows its log.
func StartTablet(o TabletOptions) (*Tablet, error) {
	args := []string{"--config", o.Config}
	if o.Size != "" {
		args = append(args, "--windowed", o.Size)
	}
	cmd := exec.Command(o.Bin, args...)
	// LANGUAGE: the toolkit, asked before main, complains of the locale "C".
	cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+o.StateDir, "LANGUAGE=fr")
	if o.Display != "" {
		cmd.Env = append(cmd.Env, "DISPLAY="+o.Display)
	}
	cmd.Env = append(cmd.Env, o.Env...)
	if o.Uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: o.Uid, Gid: o.Gid}}
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	t := &Tablet{grown: make(chan struct{})}
	if t.process, err = start(cmd); err != nil {
		return nil, err
	}
	go t.follow(out, o.Log)
	return t, nil
}

func (t *Tablet) follow(out io.Reader, log io.Writer) {
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		var e Event
		structured := json.Unmarshal(sc.Bytes(), &e) == nil // other lines are kept for Log alone
		if log != nil {
			_, _ = fmt.Fprintf(log, "%s\n", sc.Bytes()) // a lost copy of the log fails nobody
		}
		t.mu.Lock()
		t.raw = append(append(t.raw, sc.Bytes()...), '\n')
		if structured {
			t.events = append(t.events, e)
			close(t.grown)
			t.grown = make(chan struct{})
		}
		t.mu.Unlock()
	}
}

// Log is everything the tablet has logged so far.
func (t *Tablet) Log() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.raw)
}

// Mark is the number of events so far, for Wait.
func (t *Tablet) Mark() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.events)
}

// Wait returns the position after the first event from mark on that matches; it
// fails when the tablet ends or limit passes before.
func (t *Tablet) Wait(mark int, limit time.Duration, match func(Event) bool) (int, error) {
	deadline := time.After(limit)
	for {
		t.mu.Lock()
		events, grown := t.events, t.grown
		t.mu.Unlock()
		for ; mark < len(events); mark++ {
			if match(events[mark]) {
				return mark + 1, nil
			}
		}
		select {
		case <-grown:
		case <-t.done:
			return mark, fmt.Errorf("tablet: %w: it ended: %w", ErrNotReady, t.err)
		case <-deadline:
			return mark, fmt.Errorf("tablet: %w within %s", ErrNotReady, limit)
		}
	}
}
