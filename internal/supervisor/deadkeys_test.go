package supervisor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// line is one dead key, one more key, and what they make.
var line = regexp.MustCompile(`^<(dead_\w+)>\s+<(\w+)>\s*:\s*"((?:[^"\\]|\\.)+)"`)

func sequences(table string) map[[2]string]string {
	out := map[[2]string]string{}
	for text := range strings.Lines(table) {
		if m := line.FindStringSubmatch(text); m != nil {
			out[[2]string{m[1], m[2]}] = m[3]
		}
	}
	return out
}

// TestDeadKeys: the table is well-formed, has what French keyboards have dead keys for, and says
// nothing else than Xlib's own.
func TestDeadKeys(t *testing.T) {
	ours := sequences(string(deadKeys))
	lines := 0
	for text := range strings.Lines(string(deadKeys)) {
		if !strings.HasPrefix(text, "#") {
			lines++
		}
	}
	if lines != len(ours) {
		t.Errorf("%d of %d lines are not one dead key and one more, or are there twice", lines-len(ours), lines)
	}
	for accent, want := range map[string]string{
		"dead_circumflex": "âêîôûÂÊÎÔÛ", "dead_diaeresis": "äëïöüÄËÏÖÜ", "dead_grave": "àèìòùÀÈÌÒÙ", "dead_acute": "áéíóúÁÉÍÓÚ",
	} {
		for i, r := range []rune(want) {
			key := string("aeiouAEIOU"[i])
			if got := ours[[2]string{accent, key}]; got != string(r) {
				t.Errorf("<%s> <%s> is %q, not %q", accent, key, got, r)
			}
		}
	}
	const system = "/usr/share/X11/locale/en_US.UTF-8/Compose"
	b, err := os.ReadFile(system)
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("NOT RUN: no %s to compare with", system)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	theirs := sequences(string(b))
	for keys, got := range ours {
		if want, ok := theirs[keys]; ok && got != want {
			t.Errorf("%v makes %q here, %q in %s", keys, got, want, system)
		}
	}
}

// TestScreenHomeHasDeadKeys: and nothing of the one before.
func TestScreenHomeHasDeadKeys(t *testing.T) {
	s, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	for range 2 {
		if err := s.renewScreenHome(); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(s.screenHome())
		if err != nil || len(entries) != 1 {
			t.Fatalf("%v, %v: want the dead keys alone", entries, err)
		}
		file := filepath.Join(s.screenHome(), ".XCompose")
		if b, err := os.ReadFile(file); err != nil || string(b) != string(deadKeys) {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		for _, left := range []string{file, filepath.Join(s.screenHome(), "left")} {
			if err := os.WriteFile(left, []byte("the last one's"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
