package lockdown

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// process takes from this process what prctl and rlimits can. No new privileges is per
// thread: the filter brings it to all of them (SECCOMP_FILTER_FLAG_TSYNC), so it is
// noted there.
func (s *sealing) process() {
	s.apply(PartDumpable, func() error {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return &ErrPart{PartDumpable, err}
		}
		return nil
	})
	s.apply(PartCore, func() error {
		if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
			return &ErrPart{PartCore, err}
		}
		return nil
	})
}

// errMemfd says what an administrator can do.
var errMemfd = errors.New("memory files can be executed; set vm.memfd_noexec=1")

// memfd looks whether the machine refuses to execute memory files.
func memfd() error {
	b, err := os.ReadFile("/proc/sys/vm/memfd_noexec")
	if err != nil {
		return fmt.Errorf("lockdown: %w", err)
	}
	if strings.TrimSpace(string(b)) == "0" {
		return errMemfd
	}
	return nil
}

// checkNoNewPrivs verifies the bit on every thread.
func checkNoNewPrivs() error {
	return everyThread("NoNewPrivs", "1")
}

// checkFilter verifies that every thread has a filter.
func checkFilter() error {
	return everyThread("Seccomp", "2")
}

// errThread: a thread escaped.
var errThread = errors.New("a thread is not sealed")

// everyThread reads a line of /proc/self/task/*/status. A thread that ends meanwhile
// is no matter.
func everyThread(key, want string) error {
	const dir = "/proc/self/task"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("threads: %w", err)
	}
	seen := 0
	for _, task := range tasks {
		b, err := os.ReadFile(dir + "/" + task.Name() + "/status")
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return fmt.Errorf("threads: %w", err)
		}
		seen++
		if got := statusLine(string(b), key); got != want {
			return fmt.Errorf("%w: %s is %q, not %s", errThread, key, got, want)
		}
	}
	if seen == 0 {
		return fmt.Errorf("%w: none was seen", errThread)
	}
	return nil
}

// statusLine is the value of key in a /proc/PID/status.
func statusLine(status, key string) string {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
