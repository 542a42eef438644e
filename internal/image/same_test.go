package image

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kernel is a PE file of these sections, with a signature behind them.
func kernel(t *testing.T, sections map[string]string, signature string) []byte {
	t.Helper()
	const header, align = 0x80, 0x200
	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	dos := make([]byte, header)
	copy(dos, "MZ")
	binary.LittleEndian.PutUint32(dos[0x3c:], header)
	put(dos)
	put([]byte("PE\x00\x00"))
	put(pe.FileHeader{Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: uint16(len(sections)), SizeOfOptionalHeader: 0})
	at := uint32(align)
	var data []byte
	for _, name := range []string{".linux", ".initrd", ".cmdline"} {
		text, ok := sections[name]
		if !ok {
			continue
		}
		h := pe.SectionHeader32{VirtualSize: uint32(len(text)), SizeOfRawData: align, PointerToRawData: at}
		copy(h.Name[:], name)
		put(h)
		data = append(data, append([]byte(text), make([]byte, align-len(text))...)...)
		at += align
	}
	put(make([]byte, align-b.Len()))
	put(data)
	put([]byte(signature))
	return b.Bytes()
}

// built is an image's directory.
func built(t *testing.T, change func(files map[string][]byte, m *Manifest)) string {
	t.Helper()
	dir := t.TempDir()
	m := Manifest{Version: "1", RootHash: "abc", Tools: []Package{{"mkosi", "25.3-6", "all"}}}
	files := map[string][]byte{
		"portillon_1.root.raw": []byte("root"), "portillon_1.verity.raw": []byte("verity"), "portillon_1.raw": []byte("a disk"),
		"portillon_1.efi": kernel(t, map[string]string{".linux": "bzImage", ".initrd": "cpio", ".cmdline": "roothash=abc"}, "signed at nine"),
	}
	change(files, &m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	files["manifest.json"] = b
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSameImage: signed at another moment it is the same image; whatever else differs is named.
func TestSameImage(t *testing.T) {
	one := built(t, func(map[string][]byte, *Manifest) {})
	sections := map[string]string{".linux": "bzImage", ".initrd": "cpio", ".cmdline": "roothash=abc"}
	later := built(t, func(f map[string][]byte, _ *Manifest) {
		f["portillon_1.efi"] = kernel(t, sections, "signed at ten")
		f["portillon_1.raw"] = []byte("another disk")
	})
	others, err := SameImage(one, later)
	if want := []string{"portillon_1.efi", "portillon_1.raw"}; err != nil || !slices.Equal(others, want) {
		t.Errorf("%v, %q, and not %q", err, others, want)
	}
	if others, err = SameImage(one, one); err != nil || len(others) > 0 {
		t.Errorf("held against itself: %v, %q", err, others)
	}
	for want, change := range map[string]func(f map[string][]byte, m *Manifest){
		"root.raw":   func(f map[string][]byte, _ *Manifest) { f["portillon_1.root.raw"] = []byte("toor") },
		"verity.raw": func(f map[string][]byte, _ *Manifest) { f["portillon_1.verity.raw"] = []byte("x") },
		"the kernel's .initrd": func(f map[string][]byte, _ *Manifest) {
			f["portillon_1.efi"] = kernel(t, map[string]string{".linux": "bzImage", ".initrd": "other", ".cmdline": "roothash=abc"}, "")
		},
		"the number of the kernel's parts": func(f map[string][]byte, _ *Manifest) {
			f["portillon_1.efi"] = kernel(t, map[string]string{".linux": "bzImage", ".initrd": "cpio"}, "")
		},
		"the root hash": func(_ map[string][]byte, m *Manifest) { m.RootHash = "def" },
		"and other tools made them": func(f map[string][]byte, m *Manifest) {
			f["portillon_1.root.raw"], m.Tools = []byte("toor"), []Package{{"mkosi", "26", "all"}}
		},
	} {
		if _, err := SameImage(one, built(t, change)); !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, gone := range []string{"portillon_1.efi", "portillon_1.root.raw"} {
		if _, err := SameImage(one, built(t, func(f map[string][]byte, _ *Manifest) { delete(f, gone) })); err == nil || errors.Is(err, ErrDiffers) {
			t.Errorf("without %s: %v", gone, err)
		}
	}
	if _, err := SameImage(one, built(t, func(f map[string][]byte, _ *Manifest) { f["portillon_1.efi"] = []byte("MZ") })); err == nil || errors.Is(err, ErrDiffers) {
		t.Error(err)
	}
}
