package supervisor

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// canary stands for what must be nowhere.
const canary = "eyJ-canary-in-the-coal-mine"

const handoff = `{"access_token":"` + canary + `","token_type":"DPoP"}`

func has(t *testing.T, got []string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("error is %q, want also %q", got, w)
		}
	}
}

func TestCrashIsTold(t *testing.T) {
	h := newHouse(t, nil)
	screen, hello := h.screen()
	if hello.Restarted || hello.PlayerRunning || hello.BootID == "" || hello.SessionDir != h.path("session") {
		t.Errorf("first hello: %+v", hello)
	}
	mark := h.path("session/mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	player := h.exam(screen, handoff)
	screen.ends(order{Do: "kill", FD: int(syscall.SIGSEGV)})
	screen, hello = h.screen()
	if !hello.Restarted || !hello.PlayerRunning {
		t.Errorf("hello after a crash: %+v", hello)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("a crash wiped the session: %v", err)
	}
	// The player's end while nobody is there to hear it is told, and told again.
	screen.ends(order{Do: "exit", FD: 1})
	player.ends(order{Do: "exit", FD: 5})
	for range 2 {
		screen, hello = h.screen()
		if e := screen.event(); !hello.PlayerRunning || e.Text != "exited" || e.Code != 5 {
			t.Errorf("hello %+v, event %+v; want exit code 5", hello, e)
		}
		screen.ends(order{Do: "exit", FD: 1})
	}
	screen, _ = h.screen()
	screen.event()
	screen.must(order{Do: "stop"})
	screen.ends(order{Do: "exit"})
	if _, hello = h.screen(); hello.PlayerRunning || !hello.Restarted {
		t.Errorf("hello after stop: %+v", hello)
	}
}

func TestEndOfCandidate(t *testing.T) {
	h := newHouse(t, nil)
	screen, first := h.screen()
	for _, file := range []string{"session/mark", "session/player/answers", "device/mark"} {
		if err := os.WriteFile(h.path(file), []byte(canary), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	player := h.exam(screen, handoff)
	screen.must(order{Do: "end"})
	player.ended()
	if left, err := os.ReadDir(h.path("session")); err != nil || len(left) > 0 {
		t.Errorf("session/ still holds %v, %v", left, err)
	}
	screen.ends(order{Do: "exit"})
	screen, hello := h.screen()
	if hello.Restarted || hello.PlayerRunning || hello.Thumbprint != first.Thumbprint {
		t.Errorf("hello to the next candidate: %+v", hello)
	}
	if _, err := os.Stat(h.path("device/mark")); err != nil {
		t.Errorf("device/ was wiped: %v", err)
	}
	entries, err := os.ReadDir(h.path("session/player"))
	if err != nil || len(entries) > 0 {
		t.Errorf("the next candidate's player finds %v, %v", entries, err)
	}
	has(t, screen.do(order{Do: "relaunch"}).Err, "no hand-off")
	// One that does not leave is made to.
	screen.must(order{Do: "end"})
	screen.ended()
	h.screen()
}

func TestSupervisorKilled(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	player := h.exam(screen, handoff)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	screen.ended()
	player.ended()
	h.eventually("children gone", func() bool { return !alive(screen.pid) && !alive(player.pid) })
	h.start()
	if _, hello := h.screen(); !hello.Restarted || hello.PlayerRunning {
		t.Errorf("hello after the supervisor's death: %+v", hello)
	}
}

func TestAnotherBoot(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	if err := os.WriteFile(h.path("session/boot"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	screen.ended()
	h.stopped()
	h.start()
	if _, hello := h.screen(); hello.Restarted {
		t.Errorf("hello after a boot: %+v", hello)
	}
}

func TestTerminated(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	player := h.exam(screen, handoff)
	stray := player.must(order{Do: "stray"}).Code
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := h.stopped(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, pid := range []int{screen.pid, player.pid, stray} {
		if alive(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
}

func TestUndumpable(t *testing.T) {
	h := newHouse(t, nil)
	screen, _ := h.screen()
	player := h.exam(screen, handoff)
	if got := screen.must(order{Do: "limits"}).Text; got != "dumpable 0, core 0" {
		t.Errorf("screen process: %s", got)
	}
	if got := player.must(order{Do: "limits"}).Text; !strings.HasSuffix(got, "core 0") {
		t.Errorf("player: %s", got)
	}
	h.descriptors()
	if !strings.Contains(h.log.String(), "dumpable 0, core 0") {
		t.Error("supervisor is dumpable")
	}
}

// No child is started where the supervisor cannot be sealed.
func TestSealRefused(t *testing.T) {
	h := newHouse(t, func(s *settings) { s.SealFails = true })
	if code := h.stopped(); code != 3 || !strings.Contains(h.log.String(), "seal: ") {
		t.Errorf("exit code %d", code)
	}
	if len(h.puppets[roleScreen]) > 0 || strings.Contains(h.log.String(), "started") {
		t.Error("a screen process came up")
	}
}

func TestStateInUse(t *testing.T) {
	h := newHouse(t, nil)
	h.screen()
	first := h.cmd
	h.start()
	if code := h.stopped(); code != 3 || !strings.Contains(h.log.String(), ErrStateInUse.Error()) {
		t.Errorf("second supervisor: exit code %d", code)
	}
	if !alive(first.Process.Pid) {
		t.Error("the first one is gone")
	}
}

func TestBrokenProtocolEndsTheScreenProcess(t *testing.T) {
	h := newHouse(t, nil)
	good, err := encode(nil, request{ID: 9, Op: opRelaunch}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]order{
		"nonsense":   {Do: "packet", Bytes: []byte("nonsense")},
		"too long":   {Do: "packet", Bytes: make([]byte, maxPacket+1)},
		"descriptor": {Do: "packet with descriptor", Bytes: good},
	} {
		t.Run(name, func(t *testing.T) {
			screen := h.next(roleScreen)
			if err := screen.out.Encode(o); err != nil {
				t.Fatal(err)
			}
			screen.ended()
		})
	}
	if _, hello := h.screen(); !hello.Restarted {
		t.Errorf("hello: %+v", hello)
	}
}

func TestNothingLeaks(t *testing.T) {
	t.Setenv("CANARY", canary)
	t.Setenv("FYNE_SCALE", "3")
	h := newHouse(t, nil)
	screen, _ := h.screen()
	player := h.exam(screen, handoff)
	player.must(order{Do: "hand-off"})
	for _, p := range []*puppet{screen, player} {
		line, err := os.ReadFile(filepath.Join("/proc", itoa(p.pid), "cmdline"))
		if err != nil {
			t.Fatal(err)
		}
		told := string(line) + strings.Join(p.must(order{Do: "environ"}).List, " ")
		if strings.Contains(told, canary) || strings.Contains(told, "FYNE_SCALE") {
			t.Errorf("process %d was told %q", p.pid, told)
		}
	}
	noCanaryIn(t, h)
	if env := screen.must(order{Do: "environ"}).List; !slices.Contains(env, "HOME="+h.path("session/screen")) ||
		!slices.Contains(env, "LC_ALL=C.UTF-8") || !slices.Contains(env, "FYNE_CACHE=20s") || !slices.Contains(env, "STATE_DIRECTORY="+h.path("")) {
		t.Errorf("screen process's environment: %q", env)
	}
	if env := player.must(order{Do: "environ"}).List; !slices.Contains(env, "HOME="+h.path("session/player")) ||
		slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "STATE_DIRECTORY") }) {
		t.Errorf("player's environment: %q", env)
	}
	for _, p := range []*puppet{screen, player} {
		for _, fd := range p.must(order{Do: "descriptors"}).List {
			if strings.Contains(fd, h.dir) {
				t.Errorf("descriptor of %d: %s", p.pid, fd)
			}
		}
	}
}

// noCanaryIn looks into every file of the house, and the log.
func noCanaryIn(t *testing.T, h *house) {
	t.Helper()
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), canary) {
			t.Errorf("hand-off in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if strings.Contains(h.log.String(), canary) {
		t.Error("hand-off in the log")
	}
}

func TestTwoHundredCandidates(t *testing.T) {
	h := newHouse(t, func(s *settings) { s.Command = []string{"/bin/true"} })
	before := 0
	for i := range 200 {
		screen, hello := h.screen()
		if hello.Restarted {
			t.Fatalf("candidate %d: %+v", i, hello)
		}
		if i == 10 {
			before = h.descriptors()
		}
		if i%10 == 5 {
			screen.must(order{Do: "start", Bytes: []byte(handoff)})
			screen.event()
		}
		screen.must(order{Do: "end"})
		screen.ends(order{Do: "exit"})
	}
	h.screen()
	if after := h.descriptors(); after > before {
		t.Errorf("%d descriptors after 10 candidates, %d after 200", before, after)
	}
}
