package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// needles are the shapes a password could have in memory: as typed, as UTF-32, as its
// first eight characters in both, and percent-encoded.
func needles(secret string) map[string][]byte {
	utf32 := func(s string) []byte {
		var out []byte
		for _, r := range s {
			out = binary.LittleEndian.AppendUint32(out, uint32(r))
		}
		return out
	}
	prefix := string([]rune(secret)[:8])
	return map[string][]byte{
		"UTF-8": []byte(secret), "UTF-8 prefix": []byte(prefix),
		"UTF-32": utf32(secret), "UTF-32 prefix": utf32(prefix),
		"percent-encoded": []byte(url.QueryEscape(secret)),
	}
}

// scan counts where each needle of a secret stands in a process's memory.
func scan(t *testing.T, pid int, secret string) map[string]int {
	t.Helper()
	return scanAll(t, pid, secret)[secret]
}

// scanAll does so for several secrets, and reads the memory once, which is most of the work.
func scanAll(t *testing.T, pid int, secrets ...string) map[string]map[string]int {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatalf("reading another process's memory needs root: %v", err)
	}
	defer mem.Close()
	wanted, found := map[string]map[string][]byte{}, map[string]map[string]int{}
	for _, s := range secrets {
		wanted[s], found[s] = needles(s), map[string]int{}
	}
	read := 0
	var buf []byte
	sc := bufio.NewScanner(maps)
	for sc.Scan() {
		var from, to int64
		var perms string
		if _, err := fmt.Sscanf(sc.Text(), "%x-%x %s", &from, &to, &perms); err != nil || perms[0] != 'r' ||
			strings.Contains(sc.Text(), "[vvar") || strings.Contains(sc.Text(), "[vsyscall]") {
			continue
		}
		buf = slices.Grow(buf[:0], int(to-from))[:to-from]
		n, err := mem.ReadAt(buf, from)
		if err != nil && err != io.EOF && n == 0 {
			continue // a mapping of a device
		}
		read += n
		for secret, shapes := range wanted {
			for name, needle := range shapes {
				found[secret][name] += bytes.Count(buf[:n], needle)
			}
		}
	}
	if read < 1<<20 {
		t.Fatalf("only %d bytes of process %d could be read", read, pid)
	}
	return found
}

// total is the number of copies of any shape.
func total(found map[string]int) int {
	n := 0
	for _, c := range found {
		n += c
	}
	return n
}

// children are the direct children of a process.
func children(t *testing.T, pid int) []int {
	t.Helper()
	var out []int
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tasks {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		for _, w := range strings.Fields(string(b)) {
			n, err := strconv.Atoi(w)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, n)
		}
	}
	return out
}

// searchFiles looks for needles in every file below dir and returns the names of those
// that hold one.
func searchFiles(t *testing.T, dir string, secrets ...string) []string {
	t.Helper()
	var hits []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				hits = append(hits, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hits
}
