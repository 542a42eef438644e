package e2e

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// proc reads a file of a process.
func (r *room) proc(pid int, name string) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		return "" // it has ended
	}
	return string(b)
}

// everyone lists all processes.
func everyone(t *testing.T) []int {
	t.Helper()
	list, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, d := range list {
		if pid, err := strconv.Atoi(d.Name()); err == nil {
			out = append(out, pid)
		}
	}
	return out
}
