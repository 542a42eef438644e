// Package preflighttest makes up machines for the checks to look at: a folder with the files
// of /proc, /sys and the rest. Tests of internal/preflight and of the built programs use it.
package preflighttest

import (
	"fmt"
	"os"
	"path/filepath"
)

// Compliant fills root with a machine that is in order, on which the user uid has a session.
func Compliant(root string, uid int) error {
	for name, content := range map[string]string{
		"proc/sys/kernel/sysrq":                "0\n",
		"proc/1/stat":                          "1 (systemd) S 0 1 1 0 -1 4194560 0",
		"proc/40/stat":                         "40 (cage) S 1 40 40 1025 -1 4194560 0",
		"proc/40/cmdline":                      "cage\x00-d\x00--\x00portillon\x00",
		"sys/class/tty/tty0/active":            "tty1\n",
		"sys/class/drm/card0-eDP-1/status":     "connected\n",
		"sys/class/drm/card0-HDMI-A-1/status":  "disconnected\n",
		"sys/class/power_supply/BAT0/type":     "Battery\n",
		"sys/class/power_supply/BAT0/capacity": "87\n",
		"sys/class/power_supply/BAT0/status":   "Discharging\n",
		"sys/class/net/wlan0/operstate":        "up\n",
		"run/systemd/sessions/1":               fmt.Sprintf("UID=%d\nSTATE=active\nCLASS=user\nTYPE=wayland\n", uid),
		"var/lib/dpkg/status":                  "Package: cage\nStatus: install ok installed\nProvides: x\n",
	} {
		if err := Write(root, name, content); err != nil {
			return err
		}
	}
	return nil
}

// Write puts a file into a machine. It is left readable by whoever looks.
func Write(root, name, content string) error {
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a machine for tests
		return fmt.Errorf("preflighttest: %w", err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil { //nolint:gosec // a machine for tests
		return fmt.Errorf("preflighttest: %w", err)
	}
	return nil
}
