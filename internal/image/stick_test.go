package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStick: the stick has the disk's loader and keys, and an order of its own; a disk without keys makes none.
func TestStick(t *testing.T) {
	for _, tool := range []string{"mformat", "mmd", "mcopy"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Log("NOT RUN, nothing was proven here:", err)
			return
		}
	}
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	disk := filepath.Join(dir, "disk")
	must(os.WriteFile(disk, make([]byte, 9<<20), 0o600))
	fat := mtools(fmt.Sprintf("%s@@%d", disk, 1<<20))
	run := func(m mtools, in, tool string, args ...string) string {
		t.Helper()
		out, err := m.run(t.Context(), strings.NewReader(in), tool, args...)
		must(err)
		return out
	}
	run(fat, "", "mformat", "-T", fmt.Sprint(8<<20/sector), "::")
	run(fat, "", "mmd", "::/EFI", "::/EFI/BOOT", "::/EFI/Linux", "::/loader", "::/loader/keys", "::/loader/keys/auto")
	for name, text := range map[string]string{"EFI/BOOT/BOOTX64.EFI": "the loader", "EFI/Linux/portillon_1.efi": "a kernel", "loader/loader.conf": "timeout 5",
		"loader/keys/auto/PK.auth": "one", "loader/keys/auto/KEK.auth": "two"} {
		run(fat, text, "mcopy", "-", "::/"+name)
	}
	file := filepath.Join(dir, "stick")
	if err := writeStick(t.Context(), fat, file); !errors.Is(err, ErrIncomplete) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left a stick: %v", err)
	}
	run(fat, "three", "mcopy", "-", "::/loader/keys/auto/db.auth")
	must(writeStick(t.Context(), fat, file))
	b, err := os.ReadFile(file)
	must(err)
	if len(b) != stickSize || b[0x1be+4] != 0xef || binary.LittleEndian.Uint16(b[0x1fe:]) != 0xaa55 {
		t.Error("no partition table")
	}
	stick := mtools(fmt.Sprintf("%s@@%d", file, stickStart))
	for name, want := range map[string]string{"EFI/BOOT/BOOTX64.EFI": "the loader", "loader/loader.conf": stickLoader, "loader/keys/auto/db.auth": "three"} {
		if got := run(stick, "", "mtype", "::/"+name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if list := run(stick, "", "mdir", "-b", "::/EFI"); strings.Contains(list, "Linux") {
		t.Errorf("it carries a kernel: %s", list)
	}
	if err := writeStick(t.Context(), fat, file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
}
