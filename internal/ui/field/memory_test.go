package field_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"portillon/internal/ui/field"
)

// nth is the n-th character of a password that stands nowhere: not in the binary,
// not in a variable.
func nth(n int) byte { return byte('!' + (n*n*31+n*17+5)%90) }

const length = 24

// copies counts the password in this process's writable memory: as bytes, and as
// runes side by side.
func copies(t *testing.T) (asBytes, asRunes int) {
	t.Helper()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	buf := make([]byte, 1<<20)
	const overlap = 4 * length
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var start, end uint64 // the last page of all is beyond int64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &start, &end, &mode); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(mode, "rw") || end-start > 4<<30 { // so large only the race detector's shadow is
			continue
		}
		from, to := int64(start), int64(end)
		for at := from; at < to; at += int64(len(buf) - overlap) {
			n, _ := mem.ReadAt(buf[:min(int64(len(buf)), to-at)], at) // a page that cannot be read holds nothing for anyone
			for i := range n {
				if i+length <= n && matches(func(k int) uint32 { return uint32(buf[i+k]) }) {
					asBytes++
				}
				if i+4*length <= n && i%4 == 0 && matches(func(k int) uint32 { return binary.LittleEndian.Uint32(buf[i+4*k:]) }) {
					asRunes++
				}
			}
			clear(buf)
		}
	}
	return asBytes, asRunes
}

func matches(at func(int) uint32) bool {
	for k := range length {
		if at(k) != uint32(nth(k)) {
			return false
		}
	}
	return true
}

// Typed, drawn, shown, submitted and wiped, a password is nowhere in memory.
func TestNoCopyIsLeft(t *testing.T) {
	l := themed(t)
	s := newSecret(t, l, field.Events{})
	w := test.NewTempWindow(t, s)
	w.Resize(fyne.NewSize(600, 56))
	for n := range length {
		s.Rune(rune(nth(n)))
		_ = w.Canvas().Capture()
	}
	s.SetShown(true)
	_ = w.Canvas().Capture()
	l.Percent = 150 // new sizes: everything is measured and painted anew
	s.Refresh()
	_ = w.Canvas().Capture()
	submitted, err := s.Secret()
	if err != nil {
		t.Fatal(err)
	}
	if b, r := copies(t); b != 2 || r != 0 { // the field's page and the submitted one
		t.Errorf("while typed: %d copies as bytes, %d as runes; want 2 and 0", b, r)
	}
	submitted.Close()
	s.Wipe()
	_ = w.Canvas().Capture()
	runtime.GC()
	if b, r := copies(t); b != 0 || r != 0 {
		t.Errorf("after Wipe: %d copies as bytes, %d as runes", b, r)
	}
}
