package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"portillon/internal/config"
	"portillon/internal/dpop"
)

// ErrSoft: Options.Soft under lockdown = "required".
var ErrSoft = errors.New("supervisor: nothing is left soft where lockdown is required")

// leaveLimit is how long a screen process may stay after EndCandidate or after it
// closed its connection.
const leaveLimit = 5 * time.Second

// supervisor is Run's.
type supervisor struct {
	o        Options
	log      *slog.Logger
	state    *state
	key      *dpop.Key
	hosts    allowList
	resolver *net.Resolver
	forker   *forker
	exam     *exam
	inbox    *page // where packets are received: they may hold a token

	standing  *standing               // the configuration's; nil for a demonstration
	sealed    func() []Finding        // how the seals were found, once; nothing undoes them
	serial    uint64                  // of the signed configuration; 0: none
	renew     context.CancelCauseFunc // ends Run, to be started anew
	notes     []Note                  // what the screens did
	restarted bool                    // the candidate outlived a screen process
}

// Run starts the screen process, serves it, and starts it again whatever ends it, until
// ctx ends; then it ends the player and the screen process and returns nil. It also returns nil,
// between two screen processes and when the screens ask for the checks, but under no exam, where another
// configuration lies at Config.Path: whoever started the process starts it again. Everything
// that can fail at the start does before the first child is started. Run makes the whole
// process undumpable, all its descriptors close-on-exec, and itself the reaper of its
// descendants: call it once, in a process of its own.
func Run(ctx context.Context, o Options) (err error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := errors.Join(o.harden(), closeOnExec()); err != nil {
		return err
	}
	s := &supervisor{o: o, log: log, resolver: o.Resolver}
	if s.resolver == nil {
		s.resolver = &net.Resolver{PreferGo: true}
	}
	if s.hosts, err = issuerList(o.Config.Identity.Issuer); err != nil {
		return err
	}
	more, err := newAllowList(o.Hosts)
	if err != nil {
		return err
	}
	for host := range more {
		s.hosts[host] = true
	}
	if s.state, err = openState(o.StateDir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.state.close()) }()
	if s.key, err = DeviceKey(s.state.dir); err != nil {
		return err
	}
	log.Info("device key", "thumbprint", s.key.Thumbprint()) // what a service enrols
	s.comply(time.Now())
	if s.inbox, err = newPage(maxPacket); err != nil {
		return err
	}
	defer s.inbox.close()
	if s.forker, err = newForker(log); err != nil {
		return err
	}
	defer s.forker.close()
	if err := s.newExam(); err != nil {
		return err
	}
	defer s.exam.handoff.close()
	if err := s.seal(); err != nil {
		return err
	}
	ctx, s.renew = context.WithCancelCause(ctx)
	defer s.renew(nil)
	s.loop(ctx)
	return s.exam.stop()
}

// harden is harden, unless the self-test of the escape suite wants it soft.
func (o Options) harden() error {
	switch {
	case !o.Soft:
		return harden()
	case o.Config.Lockdown == config.LockdownRequired:
		return ErrSoft
	}
	return nil
}

// newExam is the part of Run about the player.
func (s *supervisor) newExam() error {
	command := s.o.Config.Exam.Command
	if len(command) == 0 {
		return errors.New("supervisor: exam.command is empty")
	}
	hosts, err := newAllowList(s.o.Config.Exam.Hosts)
	if err != nil {
		return err
	}
	handoff, err := newPage(MaxHandoff)
	if err != nil {
		return err
	}
	s.exam = &exam{log: s.log, forker: s.forker, key: s.key, hosts: hosts, command: command,
		home: s.state.playerHome(), env: playerEnv(s.state), output: s.o.PlayerOutput, handoff: handoff}
	return nil
}

// loop runs one screen process after another.
func (s *supervisor) loop(ctx context.Context) {
	fresh := !s.state.unfinished()
	var wait backoff
	for ctx.Err() == nil {
		began := time.Now()
		if s.standing.replaced(began) && !s.exam.under() {
			// A screen process could not even read it: this one was sealed for the old one.
			s.log.Info("the configuration was replaced: ends, to be started anew")
			return
		}
		ended, err := s.candidate(ctx, fresh)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Error("screen process failed", "err", err)
		}
		if ended {
			fresh, wait = true, 0
			continue
		}
		// A session that could not be renewed is still to be; else the next process
		// carries this candidate on.
		fresh = fresh && !s.state.unfinished()
		select {
		case <-ctx.Done():
		case <-time.After(wait.next(time.Since(began))):
		}
	}
}

// candidate runs one screen process to its end. ended: it ended its candidate first.
func (s *supervisor) candidate(ctx context.Context, fresh bool) (ended bool, err error) {
	if fresh {
		if err := s.state.renew(); err != nil {
			return false, err
		}
	}
	s.restarted = !fresh
	if err := s.state.renewScreenHome(); err != nil {
		return false, err
	}
	conn, theirs, err := newPacketPair()
	if err != nil {
		return false, err
	}
	defer closeLogged(s.log, conn)
	proc, err := s.startScreen(theirs)
	if err != nil {
		return false, err
	}
	s.log.Info("screen process started", "pid", proc.pid, "restarted", s.restarted)
	tried := make(chan struct{})
	go func() {
		defer close(tried)
		s.sealed()
	}()
	defer func() { <-tried }() // it writes in session/, which the next one finds wiped

	leaving := make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- s.serve(ctx, conn, func() {
			if !ended { // read only after served
				ended = true
				close(leaving)
			}
		})
	}()
	err, stopped := s.attend(ctx, proc, served, leaving)
	closeLogged(s.log, conn)
	if !stopped { // the serving goroutine must be gone before what it uses is used again
		err = errors.Join(err, <-served)
	}
	s.log.Info("screen process ended", "pid", proc.pid, "code", proc.code, "voluntarily", ended)
	return ended, err
}

// attend returns when proc is gone, and sees to it that it goes: at once when ctx ends or
// it broke the protocol, after leaveLimit when it has said goodbye. stopped: served has
// been received from.
func (s *supervisor) attend(ctx context.Context, proc *process, served <-chan error, leaving <-chan struct{}) (err error, stopped bool) {
	var limit <-chan time.Time
	for {
		select {
		case <-proc.done:
			return err, stopped
		case <-ctx.Done():
			return errors.Join(err, proc.stop(s.log)), stopped
		case <-limit:
			s.log.Warn("screen process stays", "pid", proc.pid)
			return errors.Join(err, proc.stop(s.log)), stopped
		case <-leaving:
			leaving, limit = nil, time.After(leaveLimit)
		case err = <-served:
			served, stopped, limit = nil, true, time.After(leaveLimit)
			if err != nil { // no grace for what is not ours any more
				proc.signal(s.log, unix.SIGKILL)
			}
		}
	}
}

// startScreen starts a screen process with its end of the socket, and closes ours of that.
func (s *supervisor) startScreen(theirs *os.File) (*process, error) {
	defer closeLogged(s.log, theirs)
	exe := s.o.Exe
	if exe == "" {
		exe = "/proc/self/exe" // this very program, even if its file was replaced
	}
	cmd := &exec.Cmd{Path: exe, Args: append([]string{os.Args[0]}, s.o.Args...),
		Env: screenEnv(s.state, s.o.Env), Stderr: os.Stderr, ExtraFiles: []*os.File{theirs}}
	if s.o.Stderr != nil {
		cmd.Stderr = s.o.Stderr
	}
	proc, err := s.forker.start(cmd)
	if err != nil {
		return nil, fmt.Errorf("supervisor: start screen process: %w", err)
	}
	return proc, nil
}

// backoff is the wait before a screen process that died is started again: none the
// first time, then 200 ms, doubled up to 2 s while it keeps dying young.
type backoff time.Duration

const (
	backoffFirst = 200 * time.Millisecond
	backoffMax   = 2 * time.Second
	// backoffLived is a life long enough to count as a good start.
	backoffLived = 10 * time.Second
)

// next is the wait after a process that lived so long.
func (b *backoff) next(lived time.Duration) time.Duration {
	if lived >= backoffLived {
		*b = 0
	}
	wait := time.Duration(*b)
	*b = backoff(min(max(2*wait, backoffFirst), backoffMax))
	return wait
}
