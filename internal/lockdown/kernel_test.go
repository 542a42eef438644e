package lockdown

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe" //nolint:depguard // seccomp's notifications have no wrapper

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// abiTwo has this process be told of Landlock ABI 2 (Debian 12's). A filter cannot
// return a number, so the question is passed to a thread of ours that answers.
func abiTwo() error {
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_LANDLOCK_CREATE_RULESET, SkipFalse: 3},
		bpf.LoadAbsolute{Off: offArgs + 16, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.LANDLOCK_CREATE_RULESET_VERSION, SkipFalse: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_USER_NOTIF},
		bpf.RetConstant{Val: uint32(allow)},
	})
	if err != nil {
		return err
	}
	program := make([]unix.SockFilter, len(raw))
	for i, ins := range raw {
		program[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	head := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	const flags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&head)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return fmt.Errorf("listener: %w", errno)
	}
	go answerTwo(fd)
	return nil
}

// seccompNotif and seccompAnswer are linux/seccomp.h's.
type seccompNotif struct {
	id         uint64
	pid, flags uint32
	data       [64]byte
}

type seccompAnswer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

func answerTwo(fd uintptr) {
	runtime.LockOSThread()
	for {
		var n seccompNotif
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		if errors.Is(errno, unix.EINTR) || errors.Is(errno, unix.ENOENT) {
			continue
		}
		if errno != 0 {
			panic(errno)
		}
		a := seccompAnswer{id: n.id, val: 2}
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&a)))
		if errno != 0 && errno != unix.ENOENT {
			panic(errno)
		}
	}
}

// disconnect dissolves a TCP connection: connect(2) to AF_UNSPEC.
func disconnect(fd int) error {
	unspec := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&unspec)), unsafe.Sizeof(unspec))
	if errno != 0 {
		return errno
	}
	return nil
}
