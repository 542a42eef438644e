package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const someSum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// TestLockOfABuild: what apt fetched is locked to the bit, and held against the next build.
func TestLockOfABuild(t *testing.T) {
	archives := t.TempDir()
	for _, name := range []string{"udev_257.13-1~deb13u1_amd64.deb", "libsm6_2%3a1.2.6-1_amd64.deb"} {
		if err := os.WriteFile(filepath.Join(archives, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	packages := []Package{{"udev", "257.13-1~deb13u1", "amd64"}, {"libsm6", "2:1.2.6-1", "amd64"}}
	l, err := lockOf(packages, archives)
	if err != nil {
		t.Fatal(err)
	}
	want := "libsm6 2:1.2.6-1 amd64 " + someSum + "\nudev 257.13-1~deb13u1 amd64 " + someSum + "\n"
	if got := string(l.Bytes()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	again, err := ParseLock(l.Bytes())
	if err != nil || l.hold(again) != nil || !strings.Contains(l.preferences(), "Package: libsm6\nPin: version 2:1.2.6-1\nPin-Priority: 1001\n\n") {
		t.Errorf("%v, %v, %s", err, l.hold(again), l.preferences())
	}
	if _, err := lockOf(append(packages, Package{"gone", "1", "all"}), archives); !errors.Is(err, ErrIncomplete) {
		t.Error(err)
	}
}

// TestLockHolds: each way in which a build is another one is named.
func TestLockHolds(t *testing.T) {
	l := Lock{{Package{"a", "1", "all"}, "x"}, {Package{"b", "2", "all"}, "y"}}
	for name, c := range map[string]struct {
		built Lock
		want  string
	}{
		"missing":     {l[:1], "b is missing"},
		"new":         {append(Lock{{Package{"c", "1", "all"}, "z"}}, l...), "c is new"},
		"version":     {Lock{l[0], {Package{"b", "3", "all"}, "y"}}, "b is 3 (all) and not 2 (all)"},
		"other bytes": {Lock{l[0], {Package{"b", "2", "all"}, "z"}}, "b has the locked version and other bytes"},
	} {
		if err := l.hold(c.built); !errors.Is(err, ErrLock) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLockInThePlan: apt is told; without a lock it is not.
func TestLockInThePlan(t *testing.T) {
	o := options()
	o.Lock = Lock{{Package{"udev", "257.13-1~deb13u1", "amd64"}, someSum}}
	p, err := NewPlan(o, Definitions())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.String(), "file mkosi.sandbox/etc/apt/preferences.d/portillon.pref 0644\n    Package: udev\n    Pin: version 257.13-1~deb13u1\n") {
		t.Error("apt is not told")
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte("udev 257.13-1~deb13u1 amd64 " + someSum + "\n"))
	f.Add([]byte("# x\n\nlibsm6 2:1.2.6-1 amd64 " + someSum + "\n"))
	f.Add([]byte("a 1 all x\n"))
	f.Add([]byte("a\nPin: release *\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := ParseLock(raw)
		if err != nil {
			if !errors.Is(err, ErrLock) {
				t.Fatal(err)
			}
			return
		}
		again, err := ParseLock(l.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), l.Bytes()) {
			t.Fatalf("%v: %s", err, l.Bytes())
		}
		if n := strings.Count(l.preferences(), "\n"); n != 4*len(l) {
			t.Fatalf("%d lines for %d packages", n, len(l))
		}
	})
}
