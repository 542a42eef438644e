package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopGrace is how long a process has between SIGTERM and SIGKILL.
const stopGrace = time.Second

// killLimit is how long a killed process may take to be gone; longer, and it hangs in
// the kernel.
const killLimit = 5 * time.Second

// harden makes this process unreadable to its peers (no ptrace, /proc/PID/mem nor core
// dump). Both processes do it; execve undoes it, so each does it for itself.
func harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("supervisor: not dumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("supervisor: no core: %w", err)
	}
	return nil
}

// closeOnExec marks every descriptor but the standard three, our parent's too: a
// make job server or a login shell leaves some open.
func closeOnExec() error {
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("supervisor: close on exec: %w", err)
	}
	return nil
}

// forker starts processes from one thread that lives as long as it does: the kernel
// kills them when that thread ends (PR_SET_PDEATHSIG), whatever ends it.
type forker struct {
	jobs chan func()
	quit chan struct{}
	log  *slog.Logger
	live map[int]bool // children that somebody waits for; the thread's own
}

// newForker also makes this process the one that orphans of its children fall to, so that
// sweep can find those that left their group.
func newForker(log *slog.Logger) (*forker, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("supervisor: subreaper: %w", err)
	}
	f := &forker{jobs: make(chan func()), quit: make(chan struct{}), log: log, live: map[int]bool{}}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for {
			select {
			case job := <-f.jobs:
				job()
			case <-f.quit:
				return
			}
		}
	}()
	return f, nil
}

// close ends the thread, and with it whatever child is left.
func (f *forker) close() { close(f.quit) }

// do runs job on the thread; false: it is over.
func (f *forker) do(job func()) bool {
	done := make(chan struct{})
	select {
	case f.jobs <- func() { defer close(done); job() }:
		<-done
		return true
	case <-f.quit:
		return false
	}
}

// process is a child with its group.
type process struct {
	cmd  *exec.Cmd
	pid  int
	done chan struct{} // closed when it and its group are gone
	code int           // valid then: exit code, or 128+n after signal n
}

// start starts cmd as the leader of a new group that dies with the forker.
func (f *forker) start(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var err error
	if !f.do(func() {
		if err = cmd.Start(); err == nil {
			f.live[cmd.Process.Pid] = true
		}
	}) {
		err = os.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, pid: cmd.Process.Pid, done: make(chan struct{})}
	go f.watch(p)
	return p, nil
}

// watch waits for p, ends its group, reaps it.
func (f *forker) watch(p *process) {
	defer close(p.done)
	// Not reaped yet, its number cannot be another's: the group is surely its own.
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.signal(f.log, unix.SIGKILL)
	if err := p.cmd.Wait(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			f.log.Error("process not waited for", "pid", p.pid, "err", err)
		}
	}
	p.code = exitCode(p.cmd.ProcessState)
	f.do(func() { delete(f.live, p.pid) })
}

// exitCode is the exit status as shells give it; -1 if it is not known.
func exitCode(s *os.ProcessState) int {
	if s == nil {
		return -1
	}
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}

// signal signals p's group.
func (p *process) signal(log *slog.Logger, sig syscall.Signal) {
	if err := unix.Kill(-p.pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		log.Warn("signal not delivered", "pid", p.pid, "signal", int(sig), "err", err)
	}
}

// errUnkillable: a process outlives SIGKILL.
var errUnkillable = errors.New("supervisor: process does not die")

// stop asks p's group to end, then makes it. It returns when p is gone, or, with an
// error, when even SIGKILL did not help.
func (p *process) stop(log *slog.Logger) error {
	for _, step := range []struct {
		sig   syscall.Signal
		limit time.Duration
	}{{unix.SIGTERM, stopGrace}, {unix.SIGKILL, killLimit}} {
		select {
		case <-p.done:
			return nil
		default:
		}
		p.signal(log, step.sig)
		select {
		case <-p.done:
			return nil
		case <-time.After(step.limit):
		}
	}
	return fmt.Errorf("%w: %d", errUnkillable, p.pid)
}

// sweep kills and reaps the children nobody started: orphans that left their group
// (setsid) and came to us. They may leave orphans in turn, so it looks again.
func (f *forker) sweep() {
	const rounds = 50
	for round := range rounds {
		var found int
		f.do(func() { found = f.sweepOnce() })
		if found == 0 {
			return
		}
		<-time.After(time.Duration(round) * time.Millisecond) // for them to die
	}
	f.log.Error("orphans of a player remain")
}

// sweepOnce runs on the forker's thread, so that no child is just being started.
func (f *forker) sweepOnce() (found int) {
	for _, pid := range f.children() {
		if f.live[pid] {
			continue
		}
		found++
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			f.log.Warn("orphan not killed", "pid", pid, "err", err)
		}
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != nil {
			f.log.Warn("orphan not waited for", "pid", pid, "err", err)
		}
	}
	return found
}

// children lists this process's children.
func (f *forker) children() []int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		f.log.Warn("children not listed", "err", err)
		return nil
	}
	var pids []int
	for _, task := range tasks {
		b, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err != nil {
			continue // the thread has ended; its children are another's by now
		}
		for _, field := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
