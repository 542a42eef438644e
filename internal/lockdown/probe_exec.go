package lockdown

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe" //nolint:depguard // execve(2) with an empty path, which no wrapper lets through

	"golang.org/x/sys/unix"
)

// executeAttempts try to run something else.
func executeAttempts(o ProbeOptions) []attempt {
	out := []attempt{}
	run := func(id string, layer Part, paths ...string) {
		path := firstThere(paths)
		if within(path, o.Execute) {
			return
		}
		out = append(out, attempt{id, layer, func(context.Context) error { return start(path, []string{path}) }})
	}
	layer := PartFiles
	if o.Role == RoleScreen {
		layer = PartFilter
		// The call itself, with a path that cannot be: ENOENT where it is allowed.
		out = append(out, attempt{"execve", PartFilter, func(context.Context) error {
			var empty [1]byte
			return call(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&empty)), 0, 0, 0) //nolint:gosec // see the import
		}}, attempt{"execveat", PartFilter, func(context.Context) error {
			var empty [1]byte
			return call(unix.SYS_EXECVEAT, badFD, uintptr(unsafe.Pointer(&empty)), 0, 0) //nolint:gosec // see the import
		}}, attempt{"exec-memfd", PartFilter, startMemfd})
	}
	run("exec-shell", layer, "/bin/sh")
	run("exec-browser", layer, "/usr/bin/chromium", "/usr/bin/firefox", "/usr/bin/firefox-esr", "/usr/bin/epiphany")
	run("exec-xdg-open", layer, "/usr/bin/xdg-open", "/usr/bin/x-www-browser", "/usr/bin/gio")
	run("exec-mail", layer, "/usr/bin/thunderbird", "/usr/sbin/sendmail", "/usr/bin/mutt")
	run("exec-dbus-launch", layer, "/usr/bin/dbus-launch", "/usr/bin/dbus-send")
	if program := "/bin/true"; !within(program, o.Execute) {
		out = append(out, attempt{"exec-ldso", layer, func(context.Context) error { return viaLoader(program) }})
	}
	if o.Writable != "" {
		out = append(out, attempt{"exec-written", layer, func(context.Context) error { return startWritten(o.Writable) }})
	}
	return out
}

// start runs a program; if the kernel lets it, it is killed at once.
func start(path string, args []string) error {
	_, err := execute(path, args, true)
	return err
}

// execute runs a program and gives its exit code. os/exec would do more than is asked here.
func execute(path string, args []string, killIt bool) (code int, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, errors.Join(errUnclear, err)
	}
	defer func() { err = errors.Join(err, null.Close()) }()
	fd := null.Fd()
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{Env: []string{}, Files: []uintptr{fd, fd, fd}}) //nolint:gosec // the programs are our own list
	if errors.Is(err, unix.ENOENT) {
		return 0, errAbsent
	}
	if err != nil {
		return 0, err
	}
	if killIt {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return 0, errors.Join(errUnclear, err)
		}
	}
	var status unix.WaitStatus
	for {
		_, err = unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil { // somebody else reaped it: it ran
		return 0, nil //nolint:nilerr // that it ran is the finding
	}
	return status.ExitStatus(), nil
}

// viaLoader has the dynamic loader run a program: the loader may be executable while
// the program is not even readable, and then it exits with an error.
func viaLoader(program string) error {
	ld, err := interpreters(program)
	if err != nil || len(ld) == 0 { // not readable is what we are here to find; the usual names then
		ld = loaders()
	}
	path := firstThere(ld)
	code, err := execute(path, []string{path, program}, false)
	if err != nil {
		return err
	}
	if code != 0 {
		return unix.EACCES
	}
	return nil
}

// loaders are where glibc has its own.
func loaders() []string {
	return []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"}
}

// startMemfd executes a program that is in memory alone.
func startMemfd(context.Context) error {
	fd, err := unix.MemfdCreate("probe", 0) // inherited by the child, which names it
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "probe")
	if _, err = f.Write(tinyProgram()); err != nil {
		return errors.Join(errUnclear, err, f.Close())
	}
	return errors.Join(start("/proc/self/fd/"+strconv.Itoa(fd), []string{"probe"}), f.Close())
}

// startWritten executes a program it has written itself.
func startWritten(dir string) error {
	path := filepath.Join(dir, ".probe-program")
	if err := os.WriteFile(path, tinyProgram(), 0o700); err != nil { //nolint:gosec // it must be executable to be tried
		return errors.Join(errUnclear, err)
	}
	err := start(path, []string{"probe"})
	if gone := os.Remove(path); gone != nil {
		return errors.Join(errUnclear, gone)
	}
	return err
}

// tinyProgram is a static ELF program that exits with 0: one header, one segment, a
// system call.
func tinyProgram() []byte {
	const base, headers = 0x400000, 64 + 56
	machine, code := uint16(62), []byte{0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05} // xor edi,edi; mov eax,60; syscall
	if runtime.GOARCH == "arm64" {
		machine, code = 183, []byte{0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4} // mov x0,0; mov x8,93; svc 0
	}
	size := uint64(headers + len(code))
	var b bytes.Buffer
	b.Write([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	for _, v := range []any{
		uint16(2), machine, uint32(1), uint64(base + headers), uint64(64), uint64(0), uint32(0),
		uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0), // file header
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000), // one PT_LOAD, r-x
	} {
		_ = binary.Write(&b, binary.LittleEndian, v) // into memory, of fixed sizes
	}
	b.Write(code)
	return b.Bytes()
}

// firstThere is the first path that exists, or the first.
func firstThere(paths []string) string {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil { // stat needs no right on the file
			return p
		}
	}
	return paths[0]
}

// within reports whether path is one of, or below one of, places.
func within(path string, places []string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	return slices.ContainsFunc(places, func(p string) bool {
		if r, err := filepath.EvalSymlinks(p); err == nil {
			p = r
		}
		return real == p || strings.HasPrefix(real, strings.TrimSuffix(p, "/")+"/")
	})
}

func sortAttempts(a []attempt) {
	slices.SortFunc(a, func(x, y attempt) int { return strings.Compare(x.id, y.id) })
}
