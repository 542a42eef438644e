package lockdown

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Role is whose sealing is probed.
type Role int

// The roles.
const (
	RoleScreen     Role = iota // after SealScreen and ScopeScreen
	RoleSupervisor             // after SealSupervisor; what it says holds for the player too
)

// ProbeOptions says what is to be tried. The zero value probes a screen process.
type ProbeOptions struct {
	Role Role
	// Ports are those the supervisor may connect to (SupervisorOptions.Hosts): they are not
	// probed.
	Ports []uint16
	// UDP is SupervisorOptions.UDP.
	UDP bool
	// Execute are the programs and directories that may be executed: the player's, for a
	// supervisor. Probes that would run one of them are left out.
	Execute []string
	// Writable is a directory that may be written, in which a program is made and
	// tried; empty: that probe is left out.
	Writable string
	// Private are further files or directories that must not be readable.
	Private []string
}

// Way is what a way out would lead to.
type Way string

// The ways, in the order in which they are tried.
const (
	WayIsolation Way = "isolation" // other processes, the kernel's rarer doors, this one's memory
	WayExecute   Way = "execute"   // another program
	WayConnect   Way = "connect"   // another service
	WayFiles     Way = "files"     // what is not ours to read or write
)

// Ways lists every way.
func Ways() []Way { return []Way{WayIsolation, WayExecute, WayConnect, WayFiles} }

// ProbeResult is how one attempt to break out ended.
type ProbeResult struct {
	ID    string // "exec-shell", "tcp-25"; stable
	Way   Way
	Layer Part // the part that is to deny it
	// Denied: the attempt was refused. False: it is open, or the probe could not
	// tell, which is no better.
	Denied bool
	// Detail is an errno's name or a few words; never a person's data.
	Detail string
}

// attempt is one way out; try gives nil when it went through.
type attempt struct {
	id    string
	layer Part
	try   func(context.Context) error
}

// errAbsent: there is nothing here to break out with. It counts as denied.
var errAbsent = errors.New("nothing there to try")

// errSealed: a look at the process found it as it must be.
var errSealed = errors.New("in force")

// errUnclear: the attempt ended in a way that proves nothing.
var errUnclear = errors.New("unclear")

// Probe tries to break out of this very process, one way after another, and reports each.
// It returns early, with the rest missing from the list, only when ctx ends: callers compare
// with ProbeIDs. In a sealed process it changes nothing and takes some milliseconds; in
// one that is not sealed it starts programs (and kills them at once), connects to
// loopback ports and makes files in shared directories (and removes them).
func Probe(ctx context.Context, o ProbeOptions) []ProbeResult {
	var out []ProbeResult
	for _, a := range attempts(o) {
		if ctx.Err() != nil {
			return out
		}
		r := a.result(a.try(ctx))
		r.Way = a.way
		out = append(out, r)
	}
	return out
}

// Open probes, and gives for each Way the attempts that were not made or not denied. A way that
// is shut has no entry.
func Open(ctx context.Context, o ProbeOptions) map[Way][]string {
	denied := map[string]bool{}
	for _, r := range Probe(ctx, o) {
		denied[r.ID] = r.Denied
	}
	open := map[Way][]string{}
	for _, a := range attempts(o) {
		if !denied[a.id] {
			open[a.way] = append(open[a.way], a.id)
		}
	}
	return open
}

// ErrOpen is a way out that is open, or that could not be tried.
type ErrOpen struct{ IDs []string }

// Error implements error.
func (e *ErrOpen) Error() string { return "lockdown: open: " + strings.Join(e.IDs, ", ") }

// Check probes, and returns an *ErrOpen unless every attempt was made and denied.
func Check(ctx context.Context, o ProbeOptions) error {
	var open []string
	found := Open(ctx, o)
	for _, w := range Ways() {
		open = append(open, found[w]...)
	}
	if len(open) > 0 {
		return &ErrOpen{open}
	}
	return nil
}

// ProbeIDs are the attempts Probe makes with these options, in order.
func ProbeIDs(o ProbeOptions) []string {
	var ids []string
	for _, a := range attempts(o) {
		ids = append(ids, a.id)
	}
	return ids
}

// led is an attempt and where it would lead.
type led struct {
	attempt
	way Way
}

func attempts(o ProbeOptions) []led {
	var out []led
	lead := func(way Way, list []attempt) {
		for _, a := range list {
			out = append(out, led{a, way})
		}
	}
	lead(WayIsolation, threadAttempts())
	lead(WayExecute, executeAttempts(o))
	lead(WayConnect, networkAttempts(o))
	lead(WayFiles, fileAttempts(o))
	lead(WayIsolation, slices.Concat(processAttempts(o), kernelAttempts()))
	return out
}

// refusals are the errors with which Landlock and the filter refuse. A kernel without
// the feature at all refuses as well.
func refusals() []unix.Errno {
	return []unix.Errno{unix.EPERM, unix.EACCES, unix.ENOSYS, unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT}
}

func (a attempt) result(err error) ProbeResult {
	r := ProbeResult{ID: a.id, Layer: a.layer}
	var errno unix.Errno
	switch {
	case err == nil:
		r.Detail = "went through"
	case errors.Is(err, errUnclear):
		r.Detail = err.Error()
	case errors.Is(err, errAbsent), errors.Is(err, errSealed):
		r.Denied, r.Detail = true, err.Error()
	case errors.As(err, &errno):
		r.Denied, r.Detail = slices.Contains(refusals(), errno), unix.ErrnoName(errno)
	default:
		r.Detail = err.Error()
	}
	return r
}

// call makes a system call that does nothing even where it is allowed: its arguments are
// wrong in a way that the kernel sees after the filter.
func call(nr, a, b, c, d uintptr) error {
	_, _, errno := unix.Syscall6(nr, a, b, c, d, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// badFD is a descriptor nobody has.
const badFD = ^uintptr(0)

// threadAttempts look at every thread of this process.
func threadAttempts() []attempt {
	seen := func(check func() error) func(context.Context) error {
		return func(context.Context) error {
			if err := check(); err != nil {
				return errors.Join(errUnclear, err)
			}
			return errSealed
		}
	}
	return []attempt{
		{"threads-filtered", PartFilter, seen(checkFilter)},
		{"threads-no-new-privs", PartNoNewPrivs, seen(checkNoNewPrivs)},
		{"dumpable", PartDumpable, seen(func() error {
			v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
			if err == nil && v != 0 {
				err = errors.New("dumpable")
			}
			return err
		})},
		{"core", PartCore, seen(func() error {
			var r unix.Rlimit
			err := unix.Getrlimit(unix.RLIMIT_CORE, &r)
			if err == nil && (r.Max != 0 || r.Cur != 0) {
				err = errors.New("cores are written")
			}
			return err
		})},
	}
}

// kernelAttempts knock at system calls with arguments that could never succeed.
func kernelAttempts() []attempt {
	knock := func(id string, nr, a, b, c, d uintptr) attempt {
		return attempt{id, PartFilter, func(context.Context) error { return call(nr, a, b, c, d) }}
	}
	return []attempt{
		knock("unshare", unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0, 0), // EINVAL for a process with threads
		knock("setns", unix.SYS_SETNS, badFD, 0, 0, 0),
		knock("clone3", unix.SYS_CLONE3, 0, 0, 0, 0),
		knock("mount", unix.SYS_FSOPEN, 0, ^uintptr(0), 0, 0),
		knock("tiocsti", unix.SYS_IOCTL, badFD, ioctlPushInput, 0, 0),
		knock("tioclinux", unix.SYS_IOCTL, badFD, ioctlConsole, 0, 0),
		knock("io-uring", unix.SYS_IO_URING_SETUP, 0, 0, 0, 0),
		knock("bpf", unix.SYS_BPF, ^uintptr(0), 0, 0, 0),
		knock("perf", unix.SYS_PERF_EVENT_OPEN, 0, 0, badFD, badFD),
		knock("userfaultfd", unix.SYS_USERFAULTFD, ^uintptr(0), 0, 0, 0),
		knock("keyring", unix.SYS_KEYCTL, ^uintptr(0), 0, 0, 0),
		knock("kexec", unix.SYS_KEXEC_LOAD, 0, ^uintptr(0), 0, ^uintptr(0)),
		knock("module", unix.SYS_FINIT_MODULE, badFD, 0, 0, 0),
	}
}
