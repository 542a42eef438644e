package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"portillon/internal/config"
	"portillon/internal/lockdown"
	"portillon/internal/preflight"
	"portillon/internal/supervisor"
)

// sealSupervisor fills in how the supervisor is sealed, and what came of it.
func sealSupervisor(o *supervisor.Options, runtime string) {
	options := lockdown.TabletSupervisor(o.Config, supervisor.SessionDir(o.StateDir), runtime, machine().Reads()...)
	options.Without = without()
	var failed error
	var reports []lockdown.Report
	apply := func(who string, seal func(lockdown.SupervisorOptions) (lockdown.Report, error)) func() error {
		return func() error {
			report, err := seal(options)
			failed, reports = errors.Join(failed, err), append(reports, report)
			o.Log.Info("sealed", "process", who, "report", report.String())
			return nil // a tablet that cannot be sealed says so on its screen
		}
	}
	o.Resolver, o.Soft = lockdown.Resolver(), soft()
	o.SealParent = apply("supervisor", lockdown.SealSupervisor)
	o.SealChildren = apply("children", lockdown.ScopeChildren)
	o.Sealed = func() []supervisor.Finding {
		facts := []preflight.Fact{preflight.Established("supervisor", failed, reports...)}
		// Not in a process that is not sealed: trying would start programs.
		if facts[0].OK {
			facts = append(facts, trySupervisor(options)...)
		}
		out := make([]supervisor.Finding, len(facts))
		for i, f := range facts {
			out[i] = supervisor.Finding(f)
		}
		return out
	}
}

// trySupervisor tries every way out of the supervisor, which are the player's too.
func trySupervisor(o lockdown.SupervisorOptions) []preflight.Fact {
	probes, err := o.Probes()
	if err != nil {
		return []preflight.Fact{{ID: preflight.IDLockdown, Detail: "supervisor: " + err.Error()}}
	}
	return preflight.Tried("supervisor", lockdown.Open(context.Background(), probes))
}

// sealScreen is the screen process's own seal, in two steps, and what is known of them.
type sealScreen struct {
	options lockdown.ScreenOptions
	log     *slog.Logger
	mu      sync.Mutex
	failed  error
	reports []lockdown.Report
	tried   []preflight.Fact
}

func newSeal(c *config.Config, hello supervisor.Hello, runtime string) *sealScreen {
	options := lockdown.TabletScreen(c, hello.SessionDir, runtime, machine().Reads()...)
	options.Without = without()
	return &sealScreen{log: logger(), options: options}
}

// before is called before anything of the toolkit runs.
func (s *sealScreen) before() { s.apply(lockdown.SealScreen) }

// after is called when the window stands, before any input is accepted. Then every way out
// is tried: a seal is what it holds, not what it says.
func (s *sealScreen) after(ctx context.Context) {
	s.apply(lockdown.ScopeScreen)
	tried := preflight.Tried("screen", lockdown.Open(ctx, s.options.Probes()))
	for _, f := range tried {
		if !f.OK {
			s.log.Error("a way out is open", "process", "screen", "err", f.Detail)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried = tried
}

func (s *sealScreen) apply(seal func(lockdown.ScreenOptions) (lockdown.Report, error)) {
	report, err := seal(s.options)
	s.log.Info("sealed", "process", "screen", "report", report.String())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed, s.reports = errors.Join(s.failed, err), append(s.reports, report)
}

// note adds what else keeps the screen from being sealed.
func (s *sealScreen) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = errors.Join(s.failed, err)
}

// facts are what is known of this process's seal. Nothing undoes a seal, so they stay as they are.
func (s *sealScreen) facts(context.Context) ([]preflight.Fact, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]preflight.Fact{preflight.Established("screen", s.failed, s.reports...)}, s.tried...), nil
}

// leaveOut are parts of both processes' seals, with commas between them, that a build leaves out
// (-ldflags -X main.leaveOut=…), so that the escape suite can show that it notices. Such a build
// never seals itself under lockdown = "required" (lockdown.ErrWithout), and so shows no login there.
var leaveOut string

// hardening in leaveOut is the second lock behind not-dumpable and no-core: what supervisor and
// screen process do of their own accord before they are sealed.
const hardening = "hardening"

func soft() bool { return strings.Contains(leaveOut, hardening) }

func without() []lockdown.Part {
	var out []lockdown.Part
	for part := range strings.SplitSeq(leaveOut, ",") {
		if part != "" && part != hardening {
			out = append(out, lockdown.Part(part))
		}
	}
	return out
}
