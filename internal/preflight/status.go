package preflight

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Status is what the footer tells of the tablet itself.
type Status struct {
	Battery  int // percent; -1: there is none
	Charging bool
	Online   bool // some interface but loopback has a link
}

// ReadStatus reads the kernel's sysfs, mounted at sys. What cannot be read is
// reported as absent: the footer says nothing about it.
func ReadStatus(sys string) Status {
	s := Status{Battery: -1}
	supplies, _ := filepath.Glob(filepath.Join(sys, "class/power_supply/*")) // the pattern is well formed
	for _, dir := range supplies {
		if word(dir, "type") != "Battery" || word(dir, "scope") == "Device" {
			continue
		}
		if n, err := strconv.Atoi(word(dir, "capacity")); err == nil {
			s.Battery = min(max(n, 0), 100)
			status := word(dir, "status")
			s.Charging = status == "Charging" || status == "Full"
		}
	}
	links, _ := filepath.Glob(filepath.Join(sys, "class/net/*")) // the pattern is well formed
	for _, dir := range links {
		if filepath.Base(dir) != "lo" && word(dir, "operstate") == "up" {
			s.Online = true
		}
	}
	return s
}

func word(dir, file string) string {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
