package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"portillon/internal/dpop"

	"golang.org/x/sys/unix"
)

// RenewalLimit is how long a player waits for a renewed token.
const RenewalLimit = 30 * time.Second

// exam is a candidate's exam: the player, what it was given, and what it said that
// the screen process has not answered yet. It outlives screen processes.
type exam struct {
	log     *slog.Logger
	forker  *forker
	key     *dpop.Key
	hosts   allowList
	command []string
	home    string
	env     []string
	output  *os.File

	mu      sync.Mutex
	handoff *page
	player  *player // nil when none runs
	exited  *int    // how the last one ended, until answered
	renewal uint64  // the one the player waits for; 0: none
	lastID  uint64
	tell    func(Event) // the present screen process; nil: none listens
}

// player is one run of the player.
type player struct {
	proc     *process
	lines    *lines
	stopping bool
	gone     chan struct{} // closed when nothing is left of it
}

// attach has tell called with all that is unanswered, then with what happens. Before, and
// with nothing in between, it calls greet.
func (e *exam) attach(tell func(Event), greet func(inExam bool)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	greet(e.player != nil || e.exited != nil)
	e.tell = tell
	if e.exited != nil {
		tell(PlayerExited{Code: *e.exited})
	}
	if e.renewal != 0 {
		tell(RenewRequested{ID: e.renewal})
	}
}

// under reports whether an exam is under way, or has ended and nobody said so yet.
func (e *exam) under() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.player != nil || e.exited != nil
}

// detach: nobody listens any more.
func (e *exam) detach() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tell = nil
}

// start starts the player with this hand-off and keeps it.
func (e *exam) start(handoff []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.player != nil {
		return ErrPlayerRunning
	}
	if err := e.handoff.set(handoff); err != nil {
		return err
	}
	if err := e.launch(); err != nil {
		e.handoff.wipe()
		return err
	}
	return nil
}

// relaunch starts the player again with what was kept.
func (e *exam) relaunch() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.player != nil {
		return ErrPlayerRunning
	}
	if len(e.handoff.bytes()) == 0 {
		return ErrNoHandoff
	}
	return e.launch()
}

// launch starts a player. e.mu is held.
func (e *exam) launch() error {
	given, err := handoffPipe(e.handoff.bytes())
	if err != nil {
		return err
	}
	defer closeLogged(e.log, given)
	lines, theirs, err := newLines(e)
	if err != nil {
		return err
	}
	defer closeLogged(e.log, theirs)
	cmd := &exec.Cmd{Path: e.command[0], Args: e.command, Dir: e.home, Env: e.env,
		ExtraFiles: []*os.File{given, theirs}}
	if e.output != nil {
		cmd.Stdout, cmd.Stderr = e.output, e.output
	}
	proc, err := e.forker.start(cmd)
	if err != nil {
		var cause error = ErrInternal
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			cause = errno
		}
		return errors.Join(fmt.Errorf("%w: %w", ErrPlayerStart, cause), lines.close())
	}
	p := &player{proc: proc, lines: lines, gone: make(chan struct{})}
	e.player, e.exited = p, nil
	e.log.Info("player started", "pid", proc.pid)
	go lines.serve()
	go e.await(p)
	return nil
}

// await sees p out.
func (e *exam) await(p *player) {
	defer close(p.gone)
	<-p.proc.done
	e.forker.sweep()
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := p.lines.close(); err != nil {
		e.log.Warn("player's socket", "err", err)
	}
	e.log.Info("player ended", "pid", p.proc.pid, "code", p.proc.code)
	e.player, e.renewal = nil, 0
	if p.stopping {
		return
	}
	code := p.proc.code
	e.exited = &code
	if code == 0 { // it will not be started again
		e.handoff.wipe()
	}
	if e.tell != nil {
		e.tell(PlayerExited{Code: code})
	}
}

// stop ends the player, if there is one, and forgets what it was given.
func (e *exam) stop() error {
	e.mu.Lock()
	e.handoff.wipe()
	e.exited, e.renewal = nil, 0
	p := e.player
	if p != nil {
		p.stopping = true
	}
	e.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := p.proc.stop(e.log); err != nil {
		return err
	}
	<-p.gone
	return nil
}

// askRenewal passes the player's wish on. While one is under way, it is the same.
func (e *exam) askRenewal(l *lines) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.player == nil || e.player.lines != l || e.renewal != 0 {
		return
	}
	e.lastID++
	id := e.lastID
	e.renewal = id
	time.AfterFunc(RenewalLimit, func() {
		if err := e.renewed(id, nil); err != nil && !errors.Is(err, ErrNoRenewal) {
			e.log.Warn("renewal not answered", "err", err)
		}
	})
	if e.tell != nil {
		e.tell(RenewRequested{ID: id})
	}
}

// renewed gives the player its renewed token; none: it cannot be had.
func (e *exam) renewed(id uint64, token []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id == 0 || id != e.renewal || e.player == nil {
		return ErrNoRenewal
	}
	if err := oneObject(token); err != nil {
		return err
	}
	e.renewal = 0
	return e.player.lines.renewed(token)
}

// prove is the player's proof.
func (e *exam) prove(p dpop.Params) (string, error) {
	return e.hosts.prove(context.Background(), e.key, p)
}

// closeLogged closes what a failed close cannot harm.
func closeLogged(log *slog.Logger, c io.Closer) {
	if err := c.Close(); err != nil {
		log.Warn("not closed", "err", err)
	}
}

// handoffPipe gives b to whoever reads the file, once. The kernel holds it until then.
func handoffPipe(b []byte) (*os.File, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("supervisor: hand-off pipe: %w", err)
	}
	read := os.NewFile(uintptr(fds[0]), "hand-off")
	// Nobody reads yet: what does not fit must be an error, not a wait for ever.
	err := unix.SetNonblock(fds[1], true)
	for err == nil && len(b) > 0 {
		var n int
		if n, err = unix.Write(fds[1], b); err == nil {
			b = b[n:]
		}
	}
	if err = errors.Join(err, unix.Close(fds[1])); err != nil {
		return nil, errors.Join(fmt.Errorf("supervisor: hand-off pipe: %w", err), read.Close())
	}
	return read, nil
}
