package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"portillon/internal/dpop"
)

// Errors of the Client, told apart with errors.Is.
var (
	// ErrNoSupervisor: descriptor 3 is not a socket left there by the parent process.
	ErrNoSupervisor = errors.New("supervisor: none behind descriptor 3")
	// ErrGone: the supervisor closed the connection; this process must exit.
	ErrGone = errors.New("supervisor: gone")
	// ErrNotAllowed: the host is not on the allow-list.
	ErrNotAllowed = errors.New("supervisor: host is not on the allow-list")
	// ErrBusy: too many dials under way.
	ErrBusy = errors.New("supervisor: too many requests at once")
	// ErrTooLarge: a hand-off or token above MaxHandoff, or a request above 16 KiB.
	ErrTooLarge = errors.New("supervisor: message too large")
	// ErrPlayerRunning: it must be stopped or end first.
	ErrPlayerRunning = errors.New("supervisor: the player is running already")
	// ErrPlayerStart: the player could not be started; wraps the syscall.Errno.
	ErrPlayerStart = errors.New("supervisor: the player cannot be started")
	// ErrNoHandoff: RelaunchPlayer before StartPlayer.
	ErrNoHandoff = errors.New("supervisor: no hand-off to relaunch with")
	// ErrNoRenewal: nobody waits for this renewal any more.
	ErrNoRenewal = errors.New("supervisor: no such renewal")
	// ErrInternal: the supervisor failed; its log says how.
	ErrInternal = errors.New("supervisor: failed")
)

// errProtocol is wrapped by whatever the other side must not send.
var errProtocol = errors.New("supervisor: protocol violation")

// kind names an error on the wire.
type kind string

const (
	kindNotAllowed    kind = "not_allowed"
	kindBusy          kind = "busy"
	kindCanceled      kind = "canceled"
	kindTimeout       kind = "timeout"
	kindDNS           kind = "dns"
	kindErrno         kind = "errno"
	kindPlayerRunning kind = "player_running"
	kindPlayerStart   kind = "player_start"
	kindNoHandoff     kind = "no_handoff"
	kindNoRenewal     kind = "no_renewal"
	kindNoPower       kind = "no_power"
	kindTooLarge      kind = "too_large"
	kindParams        kind = "params"
	kindInternal      kind = "internal"
)

// failure is an error as data.
type failure struct {
	Kind  kind          `json:"kind"`
	Errno syscall.Errno `json:"errno,omitempty"`
	DNS   *dnsFailure   `json:"dns,omitempty"`
}

// dnsFailure is a net.DNSError as data.
type dnsFailure struct {
	Err       string `json:"err"`
	Name      string `json:"name"`
	Timeout   bool   `json:"timeout,omitempty"`
	Temporary bool   `json:"temporary,omitempty"`
	NotFound  bool   `json:"not_found,omitempty"`
}

// sentinel is one error that crosses the wire by name.
type sentinel struct {
	kind kind
	err  error
}

// sentinels lists them, most telling first: the first that matches names an error.
func sentinels() []sentinel {
	return []sentinel{
		{kindNotAllowed, ErrNotAllowed}, {kindBusy, ErrBusy},
		{kindPlayerRunning, ErrPlayerRunning}, {kindPlayerStart, ErrPlayerStart},
		{kindNoHandoff, ErrNoHandoff}, {kindNoRenewal, ErrNoRenewal}, {kindNoPower, ErrNoPower},
		{kindTooLarge, ErrTooLarge}, {kindParams, dpop.ErrParams},
		{kindCanceled, context.Canceled}, {kindTimeout, os.ErrDeadlineExceeded},
	}
}

// fail turns err into data. Of an error it does not know nothing crosses but its being
// one.
func fail(err error) *failure {
	f := &failure{Kind: kindInternal}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		f.Kind = kindDNS
		f.DNS = &dnsFailure{Err: dns.Err, Name: dns.Name, Timeout: dns.IsTimeout,
			Temporary: dns.IsTemporary, NotFound: dns.IsNotFound}
		return f
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		f.Kind, f.Errno = kindErrno, errno
	} else if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		f.Kind = kindTimeout
	}
	for _, s := range sentinels() {
		if errors.Is(err, s.err) {
			f.Kind = s.kind
			return f
		}
	}
	return f
}

// err is the error again, so that errors.Is and errors.As find what they would have
// found on the other side.
func (f *failure) err() error {
	for _, s := range sentinels() {
		if s.kind != f.Kind {
			continue
		}
		if f.Errno != 0 {
			return fmt.Errorf("%w: %w", s.err, f.Errno)
		}
		return s.err
	}
	if f.Kind == kindDNS && f.DNS != nil {
		return &net.DNSError{Err: f.DNS.Err, Name: f.DNS.Name, IsTimeout: f.DNS.Timeout,
			IsTemporary: f.DNS.Temporary, IsNotFound: f.DNS.NotFound}
	}
	if f.Kind == kindErrno {
		return f.Errno
	}
	return ErrInternal
}

// dialError is a failed Dial as net.Dialer gives it.
func dialError(network string, err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		err = os.NewSyscallError("connect", errno)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = timeoutError{}
	}
	return &net.OpError{Op: "dial", Net: network, Err: err}
}

// timeoutError is a deadline that passed, in all the ways callers ask for it.
type timeoutError struct{}

func (timeoutError) Error() string { return os.ErrDeadlineExceeded.Error() }

// Timeout makes it a net.Error.
func (timeoutError) Timeout() bool { return true }

// Temporary makes it a net.Error.
func (timeoutError) Temporary() bool { return true }

// Is matches the two names of a passed deadline.
func (timeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}
