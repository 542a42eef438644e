package lockdown

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"portillon/internal/config"
)

// TestScreenIsShut tries every way out of a sealed screen process, on its main
// thread and on threads that were there before.
func TestScreenIsShut(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	for _, mode := range []config.Lockdown{config.LockdownRequired, config.LockdownOff} {
		o := order{Do: "screen", Mode: mode, Dir: openDir(t), Threads: 3}
		f := o.run(t)
		if f.Err != "" {
			t.Fatalf("%s: %s", mode, f.Err)
		}
		for i, results := range append(f.Threads, f.Probes) {
			if open := openOnes(results); len(open) > 0 {
				t.Errorf("%s, thread %d: open: %v", mode, i, open)
			}
			if got, want := ids(results), ProbeIDs(ScreenOptions{Session: o.Dir}.Probes()); len(got) != len(want) {
				t.Errorf("%d probes, want %d", len(got), len(want))
			}
		}
		for _, r := range []Report{f.Report, f.Scope} {
			if missing := r.Missing(); len(missing) > 0 {
				t.Errorf("%s: missing: %v", mode, missing)
			}
		}
		t.Logf("%d attempts on each of %d threads, 0 escapes; %s; %s", len(f.Probes), len(f.Threads)+1, f.Report, f.Scope)
	}
}

func ids(results []ProbeResult) []string {
	var out []string
	for _, r := range results {
		out = append(out, r.ID)
	}
	return out
}

// TestSupervisorIsShut: what the supervisor and the player must not do.
func TestSupervisorIsShut(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	f := order{Do: "supervisor", Mode: config.LockdownRequired, Dir: openDir(t), Hosts: []string{"auth.example:443"}, Threads: 1}.run(t)
	if f.Err != "" {
		t.Fatal(f.Err)
	}
	for i, results := range append(f.Threads, f.Probes) {
		if open := openOnes(results); len(open) > 0 {
			t.Errorf("thread %d: open: %v", i, open)
		}
	}
	for _, r := range f.Probes {
		if r.ID == "tcp-443" {
			t.Error("a configured port was probed")
		}
	}
	t.Logf("%d attempts, 0 escapes; %s", len(f.Probes), f.Report)
}

// TestALackIsNoticed leaves out one part after another: a probe must say what is open.
// Probes that cannot fail would prove nothing.
func TestALackIsNoticed(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	listenAbstract(t)
	for _, c := range []struct {
		do      string
		without Part
		want    []string // must be among the open ones
	}{
		{"screen", PartFiles, []string{"read-program", "read-programs", "read-homes", "read-root", "write-tmp", "write-shm", "write-var-tmp"}},
		{"screen", PartFilter, []string{"threads-filtered", "exec-memfd", "execve", "execveat", "fork", "tfo-send", "tfo-option", "mptcp",
			"udp-53", "udp-443", "listen", "unshare", "setns", "clone3", "tiocsti", "io-uring", "ptrace", "process-vm-readv",
			"pidfd-getfd", "userfaultfd", "keyring", "undo-dumpable"}},
		{"screen", PartSignals, []string{"signal-parent"}},
		{"screen", PartAbstract, []string{"abstract-socket"}},
		{"screen", PartDumpable, []string{"dumpable"}},
		{"screen", PartCore, []string{"core"}},
		{"supervisor", PartFiles, []string{"exec-shell", "exec-ldso", "exec-written", "read-program", "write-tmp"}},
		{"supervisor", PartTCP, []string{"tcp-25", "tcp-587", "tcp-993", "tcp6-25", "tcp-bind"}},
		{"supervisor", PartFilter, []string{"mptcp", "udp-53", "udp6-443", "tfo-send", "ptrace", "io-uring", "unshare"}},
	} {
		f := order{Do: c.do, Mode: config.LockdownOff, Dir: openDir(t), Without: []Part{c.without}}.run(t)
		got := openOnes(f.Probes)
		for _, id := range c.want {
			if !slices.Contains(got, id) {
				t.Errorf("%s without %s: %s was not noticed; open: %v", c.do, c.without, id, got)
			}
		}
		if f.Report.Applied(c.without) || f.Scope.Applied(c.without) {
			t.Errorf("%s without %s: reported as applied", c.do, c.without)
		}
	}
}

// TestOpenProcess is the control: in a process that is not sealed, the probes go through.
func TestOpenProcess(t *testing.T) {
	f := order{Do: "open", Dir: openDir(t)}.run(t)
	got := openOnes(f.Probes)
	for _, id := range []string{"exec-shell", "exec-ldso", "exec-memfd", "exec-written", "execve", "tcp-25", "tcp6-993", "udp-53",
		"write-tmp", "read-program", "tfo-send", "threads-filtered", "dumpable"} {
		if !slices.Contains(got, id) {
			t.Errorf("%s did not go through in an open process", id)
		}
	}
	t.Logf("open: %v", got)
	for _, r := range f.Probes {
		if r.Denied {
			t.Logf("denied here without us: %s %s", r.ID, r.Detail)
		}
	}
}

// TestCheck: what is open, and what was not tried, is an error.
func TestCheck(t *testing.T) {
	var open *ErrOpen
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Check(ctx, ProbeOptions{}); !errors.As(err, &open) || len(open.IDs) != len(ProbeIDs(ProbeOptions{})) {
		t.Errorf("not tried: %v", err)
	}
}

// TestServiceManager: a user manager within reach is a way out.
func TestServiceManager(t *testing.T) {
	dir := t.TempDir()
	if err := connectManager(dir); !errors.Is(err, errAbsent) {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "systemd"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "systemd", "private"))
	if err != nil {
		t.Fatal(err)
	}
	if err := connectManager(dir); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestGate: on an old kernel tests say that they did not run, or fail where they must run.
func TestGate(t *testing.T) {
	if why, run := gate(NeedABI, true); why != "" || !run {
		t.Error(why, run)
	}
	if why, run := gate(2, true); why == "" || !run {
		t.Error(why, run)
	}
	if why, run := gate(2, false); !strings.Contains(why, "NOT RUN") || run {
		t.Error(why, run)
	}
}

// TestScopeComesLater: between SealScreen and ScopeScreen, libxcb can connect.
func TestScopeComesLater(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	listenAbstract(t)
	f := order{Do: "noscope", Mode: config.LockdownRequired, Dir: openDir(t)}.run(t)
	open := openOnes(f.Probes)
	for _, id := range open {
		if id != "abstract-socket" && id != "signal-parent" {
			t.Errorf("open before ScopeScreen: %s", id)
		}
	}
	if !slices.Contains(open, "abstract-socket") {
		t.Error("abstract sockets are shut before ScopeScreen: no window would open")
	}
}

func listenAbstract(t *testing.T) {
	t.Helper()
	l, err := net.Listen("unix", "@portillon-"+t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

// TestOldKernel: what is not there is a refusal under required, and told under off.
func TestOldKernel(t *testing.T) {
	for _, c := range []struct {
		kernel  string
		do      string
		have    int
		seccomp bool // missing
		missing []Part
		open    []string
	}{
		{"enosys", "screen", 0, false, []Part{PartFiles, PartTCP}, []string{"read-program", "write-tmp"}},
		{"disabled", "screen", 0, false, []Part{PartFiles, PartTCP}, []string{"read-program", "write-tmp"}},
		{"abi2", "screen", 2, false, []Part{PartFiles, PartTCP}, nil},
		{"abi2", "supervisor", 2, false, []Part{PartFiles, PartTCP}, []string{"tcp-25"}},
		{"noseccomp", "screen", abi(), true, []Part{PartFilter}, []string{"execve", "udp-53"}},
	} {
		if c.have > 2 && !kernelOK(t) {
			continue
		}
		o := order{Do: c.do, Mode: config.LockdownRequired, Dir: openDir(t), Kernel: c.kernel}
		f := o.run(t)
		if f.Err == "" {
			t.Errorf("%s, %s: not refused", c.kernel, c.do)
		}
		if c.seccomp != f.Seccomp {
			t.Errorf("%s: seccomp error: %v (%s)", c.kernel, f.Seccomp, f.Err)
		}
		if !c.seccomp && (f.Landlock == nil || f.Landlock.Have != c.have || f.Landlock.Need != NeedABI) {
			t.Errorf("%s: %+v (%s)", c.kernel, f.Landlock, f.Err)
		}
		o.Mode = config.LockdownOff
		f = o.run(t)
		if f.Err != "" {
			t.Errorf("%s, %s: refused though off: %s", c.kernel, c.do, f.Err)
		}
		for _, p := range c.missing {
			if f.Report.Applied(p) {
				t.Errorf("%s: %s is reported as applied", c.kernel, p)
			}
		}
		open := openOnes(f.Probes)
		for _, id := range c.open {
			if !slices.Contains(open, id) {
				t.Errorf("%s, %s: %s not noticed; open: %v", c.kernel, c.do, id, open)
			}
		}
		t.Logf("%s, %s: %s; open: %v", c.kernel, c.do, f.Report, open)
	}
}

// TestNothingLeftOutWhenRequired: Without is no way around required, and no mode is none.
func TestNothingLeftOutWhenRequired(t *testing.T) {
	_, err := SealScreen(ScreenOptions{Mode: config.LockdownRequired, Session: t.TempDir(), Without: []Part{PartFilter}})
	if !errors.Is(err, ErrWithout) {
		t.Error(err)
	}
	if _, err := SealSupervisor(SupervisorOptions{Mode: config.LockdownRequired, Without: []Part{PartFilter}}); !errors.Is(err, ErrWithout) {
		t.Error(err)
	}
	if _, err := ScopeScreen(ScreenOptions{Mode: config.LockdownRequired, Without: []Part{PartSignals}}); !errors.Is(err, ErrWithout) {
		t.Error(err)
	}
	if _, err := SealScreen(ScreenOptions{Session: t.TempDir()}); !errors.Is(err, errMode) {
		t.Error(err)
	}
}

// TestMissingDirectory: a session directory that is not there is no sandbox at all.
func TestMissingDirectory(t *testing.T) {
	f := order{Do: "screen", Mode: config.LockdownRequired, Dir: "/nonexistent/session"}.run(t)
	if !strings.Contains(f.Err, "/nonexistent/session") && kernelOK(t) {
		t.Errorf("err = %q", f.Err)
	}
}
