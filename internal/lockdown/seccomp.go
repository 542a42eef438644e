package lockdown

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe" //nolint:depguard // seccomp(2) takes a struct by address; x/sys/unix has no wrapper

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

var errMachine = errors.New("no filter for this architecture")

// here is the machine this program was built for.
func here() (machine, error) {
	for _, m := range []machine{amd64(), arm64()} {
		if m.name == runtime.GOARCH {
			return m, nil
		}
	}
	return machine{}, fmt.Errorf("%w: %s", errMachine, runtime.GOARCH)
}

// filter installs the rules on all threads, with no new privileges.
func (s *sealing) filter(rules []rule) {
	out := s.leavesOut(PartFilter)
	if out {
		s.apply(PartNoNewPrivs, checkNoNewPrivs)
		return
	}
	err := install(rules)
	if err == nil {
		err = checkFilter()
	}
	s.apply(PartNoNewPrivs, checkNoNewPrivs)
	if err != nil {
		err = &ErrSeccomp{err}
	}
	s.note(PartFilter, err)
}

func install(rules []rule) error {
	m, err := here()
	if err != nil {
		return err
	}
	raw, err := compile(m, rules)
	if err != nil {
		return err
	}
	return installRaw(raw)
}

// errSync: the kernel names a thread that has another filter than ours.
var errSync = errors.New("a thread has a filter of its own")

func installRaw(raw []bpf.RawInstruction) error {
	program := make([]unix.SockFilter, len(raw))
	for i, ins := range raw {
		program[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	head := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// The thread with the bit must be the one that installs.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	tid, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&head))) //nolint:gosec // see the import
	runtime.KeepAlive(program)
	switch {
	case errno != 0:
		return errno
	case tid != 0:
		return fmt.Errorf("%w: %d", errSync, tid)
	}
	return nil
}
