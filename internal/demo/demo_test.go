package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const actAsParent = "PORTILLON_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(actAsParent) != "" {
		parent()
	}
	os.Exit(m.Run())
}

// parent starts a process and dies without a word to it.
func parent() {
	p, err := start(exec.Command("sleep", "600"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.cmd.Process.Pid)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// TestNothingIsLeftBehind: a demonstration that is killed takes its processes with it.
func TestNothingIsLeftBehind(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), actAsParent+"=1")
	out, err := cmd.Output()
	var killed *exec.ExitError
	if !errors.As(err, &killed) || killed.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the parent: %v: %s", err, out)
	}
	var child int
	if _, err := fmt.Sscan(string(out), &child); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(10 * time.Millisecond); alive(child); {
		select {
		case <-ctx.Done():
			tick.Stop()
			_ = syscall.Kill(child, syscall.SIGKILL)
			t.Fatal("what it started lives on")
		case <-tick.C:
		}
	}
}

// alive: the process runs; one that nobody has collected yet does not.
func alive(pid int) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if state, ok := strings.CutPrefix(sc.Text(), "State:"); ok {
			return !strings.HasPrefix(strings.TrimSpace(state), "Z")
		}
	}
	return false
}
