package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"portillon/internal/config"
	"portillon/internal/lockdown"
	"portillon/internal/supervisor"
)

// readable are the files beside the system's that both processes read.
func readable(c *config.Config) []string {
	return []string{c.Path, c.Path + config.SignatureSuffix, c.Identity.CAFile, lockdown.ExistingXauthority()}
}

// sealSupervisor fills in how the supervisor is sealed, and what came of it.
func sealSupervisor(o *supervisor.Options, runtime string) {
	var failed error
	apply := func(who string, seal func(lockdown.SupervisorOptions) (lockdown.Report, error)) func() error {
		return func() error {
			report, err := seal(lockdown.SupervisorOptions{
				// session/ alone: the device key is nobody's, once it is read.
				Mode: o.Config.Lockdown, State: supervisor.SessionDir(o.StateDir), Runtime: runtime,
				Hosts: o.Config.EgressHosts(), Read: readable(o.Config), Player: o.Config.Exam.Command,
				Without: without(),
			})
			failed = errors.Join(failed, err)
			o.Log.Info("sealed", "process", who, "report", report.String())
			return nil // a tablet that cannot be sealed says so on its screen
		}
	}
	o.Resolver = lockdown.Resolver()
	o.SealParent = apply("supervisor", lockdown.SealSupervisor)
	o.SealChildren = apply("children", lockdown.ScopeChildren)
	o.Sealed = func() error { return failed }
}

// sealScreen is the screen process's own seal, in two steps, and what is known of them.
type sealScreen struct {
	options lockdown.ScreenOptions
	log     *slog.Logger
	mu      sync.Mutex
	failed  error
}

func newSeal(c *config.Config, hello supervisor.Hello, runtime string) *sealScreen {
	return &sealScreen{log: logger(), options: lockdown.ScreenOptions{
		Mode: c.Lockdown, Session: hello.SessionDir, Runtime: runtime, Read: readable(c), Without: without(),
	}}
}

// leaveOut are parts of both processes' seals, with commas between them, that a build leaves out
// (-ldflags -X main.leaveOut=…), so that the escape suite can show that it notices. Such a build
// never seals itself under lockdown = "required" (lockdown.ErrWithout), and so shows no login there.
var leaveOut string

func without() []lockdown.Part {
	var out []lockdown.Part
	for part := range strings.SplitSeq(leaveOut, ",") {
		if part != "" {
			out = append(out, lockdown.Part(part))
		}
	}
	return out
}

// before is called before anything of the toolkit runs.
func (s *sealScreen) before() { s.apply(lockdown.SealScreen) }

// after is called when the window stands, before any input is accepted. Then every way out
// is tried: a seal is what it holds, not what it says.
func (s *sealScreen) after(ctx context.Context) {
	s.apply(lockdown.ScopeScreen)
	err := lockdown.Check(ctx, s.options.Probes())
	if err != nil {
		s.log.Error("a way out is open", "process", "screen", "err", err)
	}
	s.note(err)
}

func (s *sealScreen) apply(seal func(lockdown.ScreenOptions) (lockdown.Report, error)) {
	report, err := seal(s.options)
	s.log.Info("sealed", "process", "screen", "report", report.String())
	s.note(err)
}

func (s *sealScreen) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = errors.Join(s.failed, err)
}

// holds reports whether every part that was asked for is in force.
func (s *sealScreen) holds() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed == nil
}
