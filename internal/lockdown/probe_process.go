package lockdown

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// processAttempts reach for the parent process, and for anybody.
func processAttempts(o ProbeOptions) []attempt {
	parent := os.Getppid()
	mine := func(try func() error) func(context.Context) error {
		return func(context.Context) error { return try() }
	}
	out := []attempt{
		// An unknown process and an empty read of our own: the filter alone refuses those.
		{"ptrace", PartFilter, mine(func() error { return call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, 1<<30, 0, 0) })},
		{"ptrace-parent", PartFilter, mine(func() error { return seize(parent) })},
		{"process-vm-readv", PartFilter, mine(func() error { return peek(os.Getpid()) })},
		{"process-vm-readv-parent", PartFilter, mine(func() error { return peek(parent) })},
		{"process-vm-writev", PartFilter, mine(func() error {
			_, err := unix.ProcessVMWritev(os.Getpid(), nil, nil, 0)
			return err
		})},
		{"pidfd-getfd", PartFilter, mine(func() error { return call(unix.SYS_PIDFD_GETFD, badFD, 0, 0, 0) })},
		{"memory-parent", PartDumpable, mine(func() error { return lookMemory(parent) })},
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		// It would start any program for us, outside of every seal.
		out = append(out, attempt{"service-manager", PartImage, mine(func() error { return connectManager(dir) })})
	}
	if o.Role == RoleScreen {
		out = append(out, attempt{"signal-parent", PartSignals, mine(func() error { return unix.Kill(parent, 0) })},
			attempt{"fork", PartFilter, mine(forkNothing)},
			attempt{"undo-dumpable", PartFilter, mine(makeDumpable)})
	}
	return out
}

// connectManager connects to the user's service manager: Landlock knows sockets with a
// path from ABI 9 on, so it must not be there.
func connectManager(runtime string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: filepath.Join(runtime, "systemd", "private")})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		err = errAbsent
	}
	return errors.Join(err, unix.Close(fd))
}

// seize traces a process without stopping it; the thread that does ends at once, which
// lets go of it.
func seize(pid int) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		done <- call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0)
	}()
	return <-done
}

// peek reads nothing of a process: the permission is asked for all the same.
func peek(pid int) error {
	var b [1]byte
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(1)
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0, Len: 1}}, 0)
	return err
}

// lookMemory opens a process's memory. Not to be found is what a machine that hides
// others' processes says.
func lookMemory(pid int) error {
	return look(filepath.Join("/proc", strconv.Itoa(pid), "mem"))
}

// forkNothing has the kernel look at a clone that shares nothing and is impossible:
// CLONE_SIGHAND without CLONE_VM is EINVAL where it is allowed.
func forkNothing() error {
	return call(unix.SYS_CLONE, unix.CLONE_SIGHAND, 0, 0, 0)
}

// makeDumpable asks for what lets peers in; it is put back when it went through.
func makeDumpable() error {
	before, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return errors.Join(errUnclear, err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		return err
	}
	if before != 1 {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, uintptr(before), 0, 0, 0); err != nil {
			return errors.Join(errUnclear, err)
		}
	}
	return nil
}

// accountHome is the home the system has for this user: HOME is one we made. os/user
// would load NSS modules into this process.
func accountHome() string {
	b, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return ""
	}
	uid := strconv.Itoa(os.Getuid())
	for line := range strings.Lines(string(b)) {
		if w := strings.Split(strings.TrimSpace(line), ":"); len(w) == 7 && w[2] == uid {
			return w[5]
		}
	}
	return ""
}
