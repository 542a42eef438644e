package guard

import (
	"bytes"
	"fmt"
	"os"
	"slices"
)

// Ancestors are this process and those that started it, as far as /proc tells: the supervisor, the
// compositor, and whoever started that.
func Ancestors() []int {
	out := []int{os.Getpid()}
	for pid := os.Getppid(); pid > 0 && !slices.Contains(out, pid); {
		out = append(out, pid)
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			break // another user's, and hidden
		}
		pid = parent(b)
	}
	return out
}

// parent reads the fourth field of /proc/PID/stat; 0 for none. The second is a name in brackets,
// which may hold brackets of its own.
func parent(stat []byte) int {
	var state string
	var pid int
	if _, err := fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &pid); err != nil {
		return 0
	}
	return pid
}
