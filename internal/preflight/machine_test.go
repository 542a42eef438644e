package preflight

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"portillon/internal/preflight/preflighttest"
)

// tablet is a made-up machine.
type tablet struct{ Machine }

// compliant is a machine as the image makes it.
func compliant(t *testing.T) tablet {
	t.Helper()
	m := Machine{Root: t.TempDir(), UID: 1000}
	if err := preflighttest.Compliant(m.Root, m.UID); err != nil {
		t.Fatal(err)
	}
	return tablet{m}
}

func write(t *testing.T, m Machine, name, content string) {
	t.Helper()
	if err := preflighttest.Write(m.Root, name, content); err != nil {
		t.Fatal(err)
	}
}

// TestMachineFails provokes every failure of the machine once: each case spoils one thing.
func TestMachineFails(t *testing.T) {
	stat := func(comm string, tty int) string {
		return fmt.Sprintf("77 (%s) S 1 77 77 %d -1 4194560 0", comm, tty)
	}
	for name, c := range map[string]struct {
		id, detail string
		files      map[string]string
	}{
		"sysrq":              {IDSysrq, "438", map[string]string{"proc/sys/kernel/sysrq": "438\n"}},
		"two displays":       {IDDisplay, "card0-HDMI-A-1", map[string]string{"sys/class/drm/card0-HDMI-A-1/status": "connected\n"}},
		"low battery":        {IDBattery, "12 %", map[string]string{"sys/class/power_supply/BAT0/capacity": "12\n"}},
		"low, but charging":  {IDBattery, "19 %", map[string]string{"sys/class/power_supply/BAT0/capacity": "19\n", "sys/class/power_supply/BAT0/status": "Charging\n"}},
		"a getty":            {IDLogins, "agetty", map[string]string{"proc/77/stat": stat("agetty", 0)}},
		"ssh":                {IDLogins, "sshd", map[string]string{"proc/77/stat": stat("sshd", 0)}},
		"another's session":  {IDLogins, "user 0", map[string]string{"run/systemd/sessions/3": "UID=0\nSTATE=active\nCLASS=user\nTYPE=tty\n"}},
		"a session on a tty": {IDLogins, "session 4", map[string]string{"run/systemd/sessions/4": "UID=1000\nSTATE=online\nCLASS=user\nTYPE=tty\n"}},
		"a shell on tty2":    {IDVT, "tty2", map[string]string{"proc/77/stat": stat("bash", 4<<8|2)}},
		"logind's own gettys": {IDVT, "NAutoVTs=6", map[string]string{"usr/lib/systemd/systemd-logind": "",
			"etc/systemd/logind.conf.d/kiosk.conf": "[Login]\n#NAutoVTs=0\nReserveVT=0\n"}},
		"a reserved terminal": {IDVT, "ReserveVT=6", map[string]string{"usr/lib/systemd/systemd-logind": "",
			"etc/systemd/logind.conf.d/kiosk.conf": "[Login]\nNAutoVTs=0\n"}},
		"cage -s": {IDVT, "-s", map[string]string{"proc/77/stat": stat("cage", 0), "proc/77/cmdline": "cage\x00-ds\x00--\x00portillon\x00"}},
		"Xorg":    {IDVT, "DontVTSwitch", map[string]string{"proc/77/stat": stat("Xorg", 4<<8|1)}},
		"Xorg, told off": {IDVT, "DontVTSwitch", map[string]string{"proc/77/stat": stat("Xorg", 4<<8|1),
			"etc/X11/xorg.conf": "Section \"ServerFlags\"\n Option \"DontVTSwitch\" \"off\"\nEndSection\n"}},
		"a browser":          {IDPackages, "chromium", map[string]string{dpkgStatus: "Package: chromium\nStatus: install ok installed\n"}},
		"an unknown browser": {IDPackages, "nyxt", map[string]string{dpkgStatus: "Package: nyxt\nStatus: install ok installed\nProvides: x, www-browser (= 1)\n"}},
		"a mail client":      {IDPackages, "thunderbird", map[string]string{dpkgStatus: "Package: thunderbird\nStatus: hold ok installed\nDescription: mail\n more\n"}},
		"a terminal":         {IDPackages, "kitty", map[string]string{dpkgStatus: "Package: kitty\nProvides: x-terminal-emulator\nStatus: install ok installed\n"}},
		"a program":          {IDPackages, "/usr/local/bin/firefox", map[string]string{"usr/local/bin/firefox": ""}},
		"a handler":          {IDPackages, "odd.desktop", map[string]string{"usr/share/applications/odd.desktop": "[Desktop Entry]\nMimeType=text/html;x-scheme-handler/https;\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := good(t)
			for file, content := range c.files {
				write(t, s.Machine, file, content)
			}
			expect(t, s, c.id, c.detail)
		})
	}
}

// TestMachineHolds: what looks alike and is in order.
func TestMachineHolds(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"removed, its settings left": {dpkgStatus: "Package: chromium\nStatus: deinstall ok config-files\n"},
		"a closing session":          {"run/systemd/sessions/3": "UID=0\nSTATE=closing\nCLASS=user\nTYPE=tty\n"},
		"a manager's session":        {"run/systemd/sessions/3": "UID=0\nSTATE=active\nCLASS=manager\nTYPE=unspecified\n"},
		"a program's own -s":         {"proc/77/stat": "77 (cage) S 1 77 77 0 -1", "proc/77/cmdline": "cage\x00-d\x00--\x00player\x00-s\x00"},
		"Xorg that stays":            {"proc/77/stat": "77 (Xorg) S 1 77 77 1025 -1", "usr/share/X11/xorg.conf.d/9.conf": "Option \"DontVTSwitch\" \"on\""},
		"no logins from logind": {"usr/lib/systemd/systemd-logind": "", "etc/systemd/logind.conf": "NAutoVTs=6\n",
			"usr/lib/systemd/logind.conf.d/k.conf": "NAutoVTs=6\n", "etc/systemd/logind.conf.d/k.conf": "NAutoVTs=0\nReserveVT=0\n"},
		"a name with a bracket":  {"proc/77/stat": "77 (a) b (c)) S 1 77 77 0 -1"},
		"half a line":            {"proc/77/stat": "77 (a"},
		"a serial console":       {"proc/77/stat": "77 (x) S 1 77 77 1088 -1"},
		"a kernel without sysrq": {"proc/sys/kernel/sysrq": "0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good(t)
			for file, content := range files {
				write(t, s.Machine, file, content)
			}
			expect(t, s, "", "")
		})
	}
	t.Run("masked", func(t *testing.T) {
		s := good(t)
		write(t, s.Machine, "usr/lib/systemd/systemd-logind", "")
		write(t, s.Machine, "etc/systemd/system/x", "")
		if err := os.Symlink("/dev/null", filepath.Join(s.Machine.Root, "etc/systemd/system/autovt@.service")); err != nil {
			t.Fatal(err)
		}
		expect(t, s, "", "")
	})
	t.Run("nothing there at all", func(t *testing.T) {
		s := good(t)
		s.Machine.Root, s.Local = t.TempDir(), true
		expect(t, s, "", "")
	})
}

// TestUnreadable: what is there and cannot be read is not in order.
func TestUnreadable(t *testing.T) {
	s := good(t)
	if err := os.RemoveAll(s.Machine.path("proc/sys/kernel/sysrq")); err != nil {
		t.Fatal(err)
	}
	write(t, s.Machine, "proc/sys/kernel/sysrq/x", "") // a directory, as root reads what others may not
	expect(t, s, IDSysrq, "")
}

// FuzzMachine: no file of a machine ends the process.
func FuzzMachine(f *testing.F) {
	f.Add("Package: x\nStatus: install ok installed\nProvides: a, b (= 1)\n\n", "1 (x) S 1 1 1 1025 -1", "UID=\"0\"\n=\n")
	f.Add("", "", "")
	f.Add("Package", ") (", "x")
	f.Fuzz(func(t *testing.T, status, stat, session string) {
		m := Machine{Root: t.TempDir()}
		write(t, m, dpkgStatus, status)
		write(t, m, "proc/1/stat", stat)
		write(t, m, "sys/class/tty/tty0/active", "tty1")
		write(t, m, sessionsDir+"/1", session)
		write(t, m, "usr/lib/systemd/systemd-logind", "")
		write(t, m, "etc/systemd/logind.conf", session)
		for _, look := range []func() (string, error){m.packages, m.logins, m.consoles} {
			detail, err := look()
			if err != nil {
				detail = err.Error()
			}
			if len(detail) > 4096 {
				t.Errorf("%d bytes of detail", len(detail))
			}
		}
	})
}
