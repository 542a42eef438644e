package lockdown

import (
	"errors"
	"fmt"
	"strings"

	"portillon/internal/config"
)

// Part is one thing that sealing establishes.
type Part string

// The parts, in the order in which they are applied.
const (
	PartDumpable   Part = "not-dumpable"    // no ptrace, /proc/PID/mem or core from peers
	PartCore       Part = "no-core"         // RLIMIT_CORE 0, hard
	PartNoNewPrivs Part = "no-new-privs"    // setuid programs gain nothing
	PartFiles      Part = "landlock-files"  // reading, writing, executing
	PartTCP        Part = "landlock-tcp"    // connecting and binding TCP ports
	PartSignals    Part = "landlock-signal" // no signal leaves the domain
	PartAbstract   Part = "landlock-abstract"
	PartFilter     Part = "seccomp"
	PartMemfd      Part = "memfd-noexec" // vm.memfd_noexec ≥ 1: advice, never an error

	// PartImage is no part of sealing: what must not be on the machine at all.
	PartImage Part = "image"
)

// Status is how one part went.
type Status struct {
	Part    Part
	Applied bool
	// Why it is not applied; empty when it is. For people who read logs, not translated.
	Why string
}

// Report is what a call established, in order.
type Report struct {
	ABI    int // the kernel's Landlock ABI; 0: it has none
	Status []Status
}

// Missing lists what is not in force, advice included.
func (r Report) Missing() []Status {
	var out []Status
	for _, s := range r.Status {
		if !s.Applied {
			out = append(out, s)
		}
	}
	return out
}

// Applied reports whether part is in force.
func (r Report) Applied(part Part) bool {
	for _, s := range r.Status {
		if s.Part == part {
			return s.Applied
		}
	}
	return false
}

// String is one line for a log.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "landlock ABI %d", r.ABI)
	for _, s := range r.Status {
		if s.Applied {
			fmt.Fprintf(&b, "; %s", s.Part)
		} else {
			fmt.Fprintf(&b, "; %s MISSING (%s)", s.Part, s.Why)
		}
	}
	return b.String()
}

// NeedABI is the Landlock ABI that sealing asks for: 6, Linux 6.12, for scopes.
const NeedABI = 6

// ErrLandlock is returned when Landlock cannot be had in full. Have is 0 where the kernel
// has none or it was not enabled at boot.
type ErrLandlock struct {
	Have, Need int
	Err        error // what the kernel said; nil when the ABI alone is too low
}

// Error implements error.
func (e *ErrLandlock) Error() string {
	msg := fmt.Sprintf("lockdown: Landlock ABI %d, need %d", e.Have, e.Need)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap gives the kernel's error.
func (e *ErrLandlock) Unwrap() error { return e.Err }

// ErrSeccomp is returned when the system call filter cannot be installed on all
// threads.
type ErrSeccomp struct{ Err error }

// Error implements error.
func (e *ErrSeccomp) Error() string { return "lockdown: seccomp: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *ErrSeccomp) Unwrap() error { return e.Err }

// ErrPart is returned for the other parts.
type ErrPart struct {
	Part Part
	Err  error
}

// Error implements error.
func (e *ErrPart) Error() string { return fmt.Sprintf("lockdown: %s: %v", e.Part, e.Err) }

// Unwrap gives the cause.
func (e *ErrPart) Unwrap() error { return e.Err }

// ErrWithout: Without is for the self-test of the escape suite; with
// config.LockdownRequired nothing is left out.
var ErrWithout = errors.New("lockdown: a part was to be left out under lockdown = \"required\"")

var (
	errLeftOut = errors.New("left out on purpose")
	errMode    = errors.New("lockdown: neither required nor off")
)

// sealing collects how the parts of one call went.
type sealing struct {
	mode    config.Lockdown
	without []Part
	report  Report
	errs    []error
}

// newSealing checks the mode: an unset one is no permission.
func newSealing(mode config.Lockdown, without []Part) (*sealing, error) {
	switch mode {
	case config.LockdownRequired:
		if len(without) > 0 {
			return nil, ErrWithout
		}
	case config.LockdownOff:
	default:
		return nil, fmt.Errorf("%w: %q", errMode, mode)
	}
	return &sealing{mode: mode, without: without, report: Report{ABI: abi()}}, nil
}

// leavesOut reports whether part is left out on purpose, and notes it.
func (s *sealing) leavesOut(part Part) bool {
	for _, p := range s.without {
		if p == part {
			s.note(part, errLeftOut)
			return true
		}
	}
	return false
}

// apply establishes one part.
func (s *sealing) apply(part Part, do func() error) {
	if !s.leavesOut(part) {
		s.note(part, do())
	}
}

// note records how a part went.
func (s *sealing) note(part Part, err error) {
	st := Status{Part: part, Applied: err == nil}
	if err != nil {
		st.Why = err.Error()
		s.errs = append(s.errs, err)
	}
	s.report.Status = append(s.report.Status, st)
}

// advise records a part whose lack is no error.
func (s *sealing) advise(part Part, err error) {
	st := Status{Part: part, Applied: err == nil}
	if err != nil {
		st.Why = err.Error()
	}
	s.report.Status = append(s.report.Status, st)
}

// done is the result: what failed is an error where everything is required.
func (s *sealing) done() (Report, error) {
	if s.mode == config.LockdownRequired && len(s.errs) > 0 {
		return s.report, errors.Join(s.errs...)
	}
	return s.report, nil
}

func (s *sealing) required() bool { return s.mode == config.LockdownRequired }

// noted reports whether the part has its line already.
func (s *sealing) noted(part Part) bool {
	for _, st := range s.report.Status {
		if st.Part == part {
			return true
		}
	}
	return false
}
