package image

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKernelDir: the directory of a mounted partition; a file that is not whole is not there.
func TestKernelDir(t *testing.T) {
	top := t.TempDir()
	if err := os.MkdirAll(filepath.Join(top, kernelDir), 0o700); err != nil {
		t.Fatal(err)
	}
	tryKernels(t, KernelDir(top))
	if err := os.WriteFile(KernelDir(top).path(nameAlone), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tryNameAlone(t, KernelDir(top))
}

// nameAlone is what a cut in the middle of a rename on FAT leaves: a name without its file.
const nameAlone = "portillon_4.0+3.efi"

// tryNameAlone: it is no kernel, and one is put in its place.
func tryNameAlone(t *testing.T, k Kernels) {
	t.Helper()
	if names, err := k.List(t.Context()); err != nil || slices.Contains(names, nameAlone) {
		t.Errorf("%q, %v", names, err)
	}
	if err := k.Add(t.Context(), nameAlone, strings.NewReader("four")); err != nil {
		t.Fatal(err)
	}
	if names, err := k.List(t.Context()); err != nil || !slices.Contains(names, nameAlone) {
		t.Errorf("put in its place: %q, %v", names, err)
	}
}

func tryKernels(t *testing.T, k Kernels) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(k.Add(t.Context(), "portillon_1.0.efi", strings.NewReader("one")))
	must(k.Add(t.Context(), "portillon_2.0~rc1+3.efi", strings.NewReader("two")))
	broken := io.MultiReader(strings.NewReader("half"), &checked{ctx: t.Context(), r: strings.NewReader(""), left: 1, sum: sha256.New(), meter: &meter{total: 1, say: func(float64) {}}})
	if err := k.Add(t.Context(), "portillon_3.0+3.efi", broken); err == nil {
		t.Error("half a kernel was added")
	}
	must(k.Remove(t.Context(), "portillon_1.0.efi"))
	names, err := k.List(t.Context())
	must(err)
	if !slices.Equal(names, []string{"portillon_2.0~rc1+3.efi"}) {
		t.Errorf("%q", names)
	}
}

func TestParseKernel(t *testing.T) {
	for file, want := range map[string]kernelFile{
		"portillon_1.0.efi":             {"portillon_1.0.efi", "1.0", forGood},
		"portillon_2026.11+3.efi":       {"portillon_2026.11+3.efi", "2026.11", 3},
		"portillon_2026.11+0-3.efi":     {"portillon_2026.11+0-3.efi", "2026.11", 0},
		"portillon_2026.11~rc1+1-2.efi": {"portillon_2026.11~rc1+1-2.efi", "2026.11~rc1", 1},
	} {
		if got, ok := parseKernel(file); !ok || got != want {
			t.Errorf("%s: %+v", file, got)
		}
	}
	for _, file := range []string{"", "other.efi", "portillon_.efi", "portillon_1.0", "portillon_1.0+x.efi", "portillon_1.0+3-0.efi.new", "portillon_../x.efi", unfinished} {
		if k, ok := parseKernel(file); ok {
			t.Errorf("%s: %+v", file, k)
		}
	}
}

// TestMtools: the same in the file system of a disk's image, which is not mounted.
func TestMtools(t *testing.T) {
	for _, tool := range []string{"mformat", "mmd", "mcopy"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Log("NOT RUN, nothing was proven here:", err)
			return
		}
	}
	disk := filepath.Join(t.TempDir(), "disk")
	const at, size = 1 << 20, 8 << 20
	if err := os.WriteFile(disk, make([]byte, at+size), 0o600); err != nil {
		t.Fatal(err)
	}
	fat := fmt.Sprintf("%s@@%d", disk, at)
	for _, cmd := range [][]string{{"mformat", "-i", fat, "-T", fmt.Sprint(size / sector), "::"}, {"mmd", "-i", fat, "::/EFI", "::/EFI/Linux"}} {
		if out, err := exec.CommandContext(t.Context(), cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	tryKernels(t, mtools(fat))
	if out, err := exec.CommandContext(t.Context(), "mcopy", "-i", fat, os.DevNull, "::/"+kernelDir+"/"+nameAlone).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tryNameAlone(t, mtools(fat))
}

// TestSystems: in the order in which they would be started.
func TestSystems(t *testing.T) {
	got := systems([]string{"portillon_2026.9.efi", "other.efi", "portillon_2027.1+0-3.efi", "portillon_2026.11+2-1.efi"})
	want := []System{{"2026.11", OnTrial}, {"2026.9", Good}, {"2027.1", Failed}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
