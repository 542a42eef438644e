package ctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"portillon/internal/lockdown"
)

func TestMain(m *testing.M) {
	roles := map[string]func(){
		"portillonctl": func() { os.Exit(Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	}
	for name, role := range map[string]func([]string) error{"ctl-world": world, "ctl-dial": dialName, "ctl-rest": rest} {
		roles[name] = func() {
			if err := role(os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	testscript.Main(m, roles)
}

// program is this test's binary under one of the names above, where every user may execute it.
func program(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Symlink("test-binary", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// openDir is a directory that every user may enter, with a copy of this test's binary.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "portillonctl-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "test-binary")
	if out, err := exec.Command("cp", self, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(copied, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// condition: [landlock], where this kernel can seal a tablet.
func condition(name string) (bool, error) {
	if name != "landlock" {
		return false, fmt.Errorf("no condition %q", name)
	}
	const version = 1 // LANDLOCK_CREATE_RULESET_VERSION
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, version)
	return errno == 0 && int(abi) >= lockdown.NeedABI, nil
}

func TestScripts(t *testing.T) {
	example, err := os.ReadFile("../../docs/portillon.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup: func(e *testscript.Env) error {
			return os.WriteFile(e.WorkDir+"/example.toml", example, 0o600)
		},
	})
}
