package lockdown

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portillon/internal/config"
)

// order tells a child of this test binary what to do; it is one process's whole life,
// since sealing cannot be undone. It travels by standard input.
type order struct {
	Do         string // "screen", "supervisor", "open": unsealed; "noscope": a screen without ScopeScreen
	Mode       config.Lockdown
	Dir        string // writable
	Without    []Part
	Player     []string
	Execute    []string
	Hosts      []string
	UDP        bool
	Kernel     string // what an older kernel does: "enosys", "abi2", "noseccomp"
	Threads    int    // locked threads that exist before sealing and probe after it
	RunPlayer  bool
	KillPlayer bool   // start it, and end it from another thread
	Scope      bool   // ScopeChildren before the player
	DialAfter  string // host:port to connect to once sealed
	LookUp     string // a name for Resolver, asked of DNSServer
	DNSServer  string
	Reconnect  string // descriptor 3 is a TCP socket: disconnect and connect there
	Then       *order // what a child started from /proc/self/exe is to do, once sealed
}

// finding is the child's answer.
type finding struct {
	Report, Scope Report
	Err           string
	Landlock      *ErrLandlock `json:",omitempty"`
	Seccomp       bool
	Probes        []ProbeResult
	Threads       [][]ProbeResult
	Player        string // its output
	Dial          string
	Looked        []string
	Notes         []string
	Then          *finding
	Sealing       time.Duration // all calls of sealing together
	Probing       time.Duration
}

// The parent of a sealed child must be one that it could reach but for its seal: a
// relay of the same user, not sealed itself.
const (
	childWord = "lockdown-child"
	relayWord = "lockdown-relay"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		roles := map[string]func() error{childWord: child, relayWord: relay, worldWord: world, dialWord: dialTargets}
		if role := roles[os.Args[1]]; role != nil {
			if err := role(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	code := m.Run()
	if err := os.Remove(binaryCopy()); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// binaryCopy is where root's tests put this program for their child.
func binaryCopy() string { return filepath.Join("/tmp", fmt.Sprintf("lockdown-test-%d", os.Getpid())) }

// relay starts the child and waits for it.
func relay() error {
	cmd := exec.Command(os.Args[0], childWord)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if _, err := unix.FcntlInt(3, unix.F_GETFD, 0); err == nil {
		cmd.ExtraFiles = []*os.File{os.NewFile(3, "passed on")}
	}
	return cmd.Run()
}

// child carries out an order.
func child() error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	if o.Kernel != "" {
		if err := olderKernel(o.Kernel); err != nil {
			return err
		}
	}
	var f finding
	threads := startThreads(o.Threads)
	began := time.Now()
	probes, err := o.seal(&f)
	f.Sealing = time.Since(began)
	f.Err = errText(err)
	errors.As(err, &f.Landlock)
	if f.Landlock != nil {
		f.Landlock.Err = nil // not JSON
	}
	_, f.Seccomp = errors.AsType[*ErrSeccomp](err)
	if err == nil {
		began = time.Now()
		f.Probes = Probe(context.Background(), probes)
		f.Probing = time.Since(began)
		for _, ask := range threads {
			f.Threads = append(f.Threads, ask(probes))
		}
		o.extras(&f)
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// seal does what o says.
func (o order) seal(f *finding) (p ProbeOptions, err error) {
	switch o.Do {
	case "screen", "noscope":
		so := ScreenOptions{Mode: o.Mode, Session: o.Dir, Without: o.Without}
		if f.Report, err = SealScreen(so); err != nil {
			return p, err
		}
		if o.Do == "screen" {
			f.Scope, err = ScopeScreen(so)
		}
		return so.Probes(), err
	case "supervisor":
		so := SupervisorOptions{Mode: o.Mode, State: o.Dir, Without: o.Without, Player: o.Player,
			PlayerExecute: o.Execute, Hosts: o.Hosts, UDP: o.UDP}
		if f.Report, err = SealSupervisor(so); err != nil {
			return p, err
		}
		return so.Probes()
	case "open":
		return ProbeOptions{Writable: o.Dir}, nil
	}
	return p, fmt.Errorf("no such order: %q", o.Do)
}

// run starts a child with this order, as nobody if we are root, and gives its answer.
func (o order) run(t testing.TB, files ...*os.File) finding {
	t.Helper()
	f, err := o.try(t, files...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (o order) try(t testing.TB, files ...*os.File) (finding, error) {
	t.Helper()
	return o.start(testBinary(t), relayWord, asNobody(), files)
}

// start runs exe in a role, with this order.
func (o order) start(exe, role string, who *syscall.SysProcAttr, files []*os.File) (f finding, err error) {
	in, err := json.Marshal(o)
	if err != nil {
		return f, err
	}
	cmd := exec.Command(exe, role)
	cmd.Stdin = strings.NewReader(string(in))
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + o.Dir}
	cmd.Dir = "/"
	cmd.ExtraFiles = files
	cmd.SysProcAttr = who
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("child: %w\n%s", err, errs.String())
	}
	if err := json.Unmarshal(out, &f); err != nil {
		return f, fmt.Errorf("child said %q: %w", out, err)
	}
	return f, nil
}

// nobody is Debian's.
const nobody = 65534

func asNobody() *syscall.SysProcAttr {
	if os.Getuid() != 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// openDir is a directory that the child may use, outside any that is private to us.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "lockdown")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// testBinary is a copy of this program where the child may execute it.
func testBinary(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		return exe
	}
	to := binaryCopy()
	if _, err := os.Stat(to); err == nil {
		return to
	}
	copyFile(t, exe, to, 0o755)
	return to
}

func copyFile(t testing.TB, from, to string, mode os.FileMode) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Close(), src.Close()); err != nil {
		t.Fatal(err)
	}
}

// open lists the probes that were not denied.
func openOnes(results []ProbeResult) []string {
	var out []string
	for _, r := range results {
		if !r.Denied {
			out = append(out, r.ID)
		}
	}
	slices.Sort(out)
	return out
}

// kernelOK: without Landlock ABI 6 the strict sandbox cannot be tried. That fails where
// REQUIRE_LANDLOCK=1 says it must not be so, and is said out loud elsewhere.
func kernelOK(t testing.TB) bool {
	t.Helper()
	why, run := gate(abi(), os.Getenv("REQUIRE_LANDLOCK") == "1")
	switch {
	case run && why == "":
		return true
	case run:
		t.Fatal(why)
	}
	t.Log(why)
	fmt.Fprintln(os.Stderr, t.Name()+": "+why)
	return false
}

// gate decides whether a test that needs Landlock runs, and why it fails or does not.
func gate(have int, required bool) (why string, run bool) {
	if have >= NeedABI {
		return "", true
	}
	why = fmt.Sprintf("this kernel has Landlock ABI %d, need %d", have, NeedABI)
	if required {
		return why, true
	}
	return "NOT RUN, nothing was proven here: " + why, false
}
