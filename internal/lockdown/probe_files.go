package lockdown

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fileAttempts write and read where nothing is granted.
func fileAttempts(o ProbeOptions) []attempt {
	var out []attempt
	// Places where everybody may write but for Landlock.
	for id, dir := range map[string]string{"tmp": "/tmp", "var-tmp": "/var/tmp", "shm": "/dev/shm"} {
		out = append(out, attempt{"write-" + id, PartFiles, func(context.Context) error { return create(dir) }})
	}
	// And where everybody may read: a program is what ld.so would need.
	for id, path := range map[string]string{"program": "/usr/bin/env", "programs": "/usr/bin", "root": "/", "homes": "/home", "spool": "/var"} {
		if !within(path, o.Execute) {
			out = append(out, attempt{"read-" + id, PartFiles, func(context.Context) error { return look(path) }})
		}
	}
	for _, path := range append(privateFiles(), o.Private...) {
		out = append(out, attempt{"read:" + path, PartFiles, func(context.Context) error { return look(path) }})
	}
	sortAttempts(out)
	return out
}

// privateFiles are what a home directory may hold, under the home the system knows.
func privateFiles() []string {
	home := accountHome()
	if home == "" || home == "/" {
		return nil
	}
	return []string{filepath.Join(home, ".ssh"), filepath.Join(home, ".bash_history"), filepath.Join(home, ".netrc"), filepath.Join(home, ".mozilla")}
}

// create makes a file in dir, and removes it if that went through.
func create(dir string) error {
	name := filepath.Join(dir, ".probe-"+rand.Text())
	fd, err := unix.Open(name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EROFS):
		return errAbsent
	case err != nil:
		return err
	}
	if err := errors.Join(unix.Close(fd), os.Remove(name)); err != nil {
		return errors.Join(errUnclear, err)
	}
	return nil
}

// look opens a file or directory for reading, and reads nothing.
func look(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return errAbsent
	}
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
