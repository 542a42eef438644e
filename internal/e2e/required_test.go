package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portillon/internal/config"
	"portillon/internal/demo"
	"portillon/internal/e2e/hands"
	"portillon/internal/lockdown"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/preflight/preflighttest"
	"portillon/internal/ui"
)

func required(s *settings) { s.required = 2 }

// landlocked reports whether this kernel can seal a tablet. Where it cannot, tests of a sealed one are
// not run, and say so; REQUIRE_LANDLOCK=1 makes that a failure.
func landlocked(t *testing.T) bool {
	t.Helper()
	const version = 1 // LANDLOCK_CREATE_RULESET_VERSION
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, version)
	if errno == 0 && int(abi) >= lockdown.NeedABI {
		return true
	}
	if os.Getenv("REQUIRE_LANDLOCK") == "1" {
		t.Fatalf("Landlock ABI %d (%v), need %d", abi, errno, lockdown.NeedABI)
	}
	t.Logf("NOT RUN: Landlock ABI %d (%v), need %d", abi, errno, lockdown.NeedABI)
	return false
}

// require makes the demonstration's configuration an exam's.
func (r *room) require() {
	r.t.Helper()
	r.edit(`lockdown = "off"`, `lockdown = "required"`)
}

func (r *room) edit(old, now string) {
	r.t.Helper()
	b, err := os.ReadFile(r.path("portillon.toml"))
	r.must(err)
	changed := strings.Replace(string(b), old, now, 1)
	if changed == string(b) {
		r.t.Fatalf("the configuration has no %q", old)
	}
	r.must(os.WriteFile(r.path("portillon.toml"), []byte(changed), 0o644))
}

// sign does what portillonctl config sign does.
func (r *room) sign(serial uint64) {
	r.t.Helper()
	key, err := config.LoadPrivateKey(shared.configKey)
	r.must(err)
	b, err := os.ReadFile(r.path("portillon.toml"))
	r.must(err)
	s, err := config.Sign(b, key, serial, time.Now().Add(30*24*time.Hour))
	r.must(err)
	b, err = json.Marshal(s)
	r.must(err)
	r.must(os.WriteFile(r.path("portillon.toml"+config.SignatureSuffix), b, 0o644))
}

// TestLabelled: a fleet's tablet, whose configuration leaves room and label open, has those of the file that the image
// put beside it; its screen process reads them behind its seals.
func TestLabelled(t *testing.T) {
	if !landlocked(t) {
		return
	}
	r := prepare(t, required)
	r.edit(`tablet = "B12-07"`, `tablet = ""`)
	r.sign(2)
	r.must(os.WriteFile(r.path(config.LabelFile), []byte(`{"room":"A2","tablet":"A2-01"}`), 0o644))
	var err error
	r.mirror, err = newMirror("fr", r.set.size, examFrame, func(f *ui.Frame) { f.Room, f.Tablet = "A2", "A2-01" })
	r.must(err)
	r.switchOn()
	r.on("email")
	r.see(emailScreen(""))
	r.named("Salle A2", "Tablette A2-01")
}

// TestRequired: on a tablet that is signed and sealed a student logs in, full screen.
func TestRequired(t *testing.T) {
	if !landlocked(t) {
		return
	}
	r := prepare(t, required)
	r.switchOn()
	r.on("email") // no noncompliant before it
	r.see(emailScreen(""))
	r.write(camille.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(camille))
	r.write(camille.password)
	r.press(hands.Return)
	r.on("connected")
	r.outcome("connected")
	if !strings.Contains(r.tablet.Log(), `"sealed"`) || strings.Contains(r.tablet.Log(), "a way out is open") {
		t.Error("it is not sealed")
	}
}

// TestRequiredRefuses: whatever is wrong with the signature, there is no login, and the
// help is there.
func TestRequiredRefuses(t *testing.T) {
	for name, spoil := range map[string]func(r *room){
		"unsigned":    func(r *room) { r.must(os.Remove(r.path("portillon.toml" + config.SignatureSuffix))) },
		"altered":     func(r *room) { r.edit(`room = "B12"`, `room = "B13"`) },
		"rolled back": func(r *room) { r.start(); r.sign(1) },
	} {
		if name == "rolled back" && !landlocked(t) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := prepare(t, required)
			spoil(r)
			r.switchOn()
			r.on("noncompliant")
			r.settle() // it listens once it stands there
			r.write(camille.address)
			r.press(hands.Return)
			r.outcome("noncompliant") // again, after «Réessayer»
			for _, e := range []string{"email", "password"} {
				if r.count(func(x demo.Event) bool { return x.Screen == e }) > 0 {
					t.Errorf("it showed %s", e)
				}
			}
		})
	}
}

// TestMachineRefused: each fault of the machine is met at the tablet, with its code; once it is
// mended, «Réessayer» is enough.
func TestMachineRefused(t *testing.T) {
	if !landlocked(t) {
		return
	}
	r := prepare(t, required)
	faults := []struct{ id, file, bad, good string }{
		{preflight.IDSysrq, "proc/sys/kernel/sysrq", "438\n", "0\n"},
		{preflight.IDDisplay, "sys/class/drm/card0-HDMI-A-1/status", "connected\n", "disconnected\n"},
		{preflight.IDPackages, "var/lib/dpkg/status", "Package: chromium\nStatus: install ok installed\n", "\n"},
		{preflight.IDVT, "proc/40/stat", "40 (bash) S 1 40 40 1026 -1 4194560 0", "40 (cage) S 1 40 40 1025 -1 4194560 0"},
		{preflight.IDLogins, "run/systemd/sessions/7", "UID=0\nSTATE=active\nCLASS=user\nTYPE=tty\n", "STATE=closing\n"},
	}
	spoil := func(file, content string) { r.must(preflighttest.Write(r.path("run/machine"), file, content)) }
	spoil(faults[0].file, faults[0].bad)
	r.switchOn()
	for i, f := range faults {
		r.outcome("noncompliant")
		r.see(noncompliantScreen(f.id))
		r.photograph(f.id)
		spoil(f.file, f.good)
		if i+1 < len(faults) {
			spoil(faults[i+1].file, faults[i+1].bad)
		}
		r.press(hands.Return)
	}
	r.on("email")
	r.see(emailScreen(""))
}

// noncompliantScreen is «Tablette non conforme» for these faults.
func noncompliantScreen(faults ...string) login.View {
	v := login.View{Screen: login.ScreenNoncompliant, Preflight: &login.PreflightView{}}
	for _, e := range preflight.Entries() {
		c := login.Check{ID: e.ID, Grade: e.Grade, Status: login.CheckOK}
		if slices.Contains(faults, e.ID) {
			c.Status, c.Code = login.CheckFailed, e.Code
		}
		v.Preflight.Checks = append(v.Preflight.Checks, c)
	}
	return v
}

// TestConfigurationReplaced: an unsigned configuration is refused; signed while the tablet stands
// there, the supervisor ends to be started anew, and then a student is met.
func TestConfigurationReplaced(t *testing.T) {
	if !landlocked(t) {
		return
	}
	r := prepare(t, required)
	r.must(os.Remove(r.path("portillon.toml" + config.SignatureSuffix)))
	r.switchOn()
	r.outcome("noncompliant")
	r.see(noncompliantScreen(preflight.IDSignature))
	r.sign(3)
	r.press(hands.Return)
	select {
	case <-r.tablet.Done(): // the service manager would start it
	case <-time.After(patience):
		t.Fatal("the supervisor goes on with the old configuration")
	}
	r.switchOn()
	r.on("email")
}

// start lets the tablet see its configuration once.
func (r *room) start() {
	r.t.Helper()
	r.switchOn()
	r.on("email")
	r.must(r.tablet.Stop())
}

// TestDoctor: from a terminal, as the tablet's user, the same list; the service is asked for more.
func TestDoctor(t *testing.T) {
	if !landlocked(t) {
		return
	}
	r := prepare(t, required)
	cmd := exec.Command(shared.portillonctl, "doctor", "--json", "--config", r.path("portillon.toml"),
		"--key", shared.configKey+".pub", "--state", r.path("state"), "--root", r.path("run/machine"))
	cmd.Env = append(os.Environ(), r.env...)
	if r.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: r.uid, Gid: r.uid}}
	}
	cmd.Dir = "/"
	began := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s for the whole list", time.Since(began))
	seen := 0
	for line := range bytes.Lines(out) {
		var c struct {
			ID, Detail string
			OK         bool
		}
		r.must(json.Unmarshal(line, &c))
		seen++
		if !c.OK && c.ID != preflight.IDKeyring {
			t.Errorf("%s", line)
		}
		if c.ID == preflight.IDServer && !strings.Contains(c.Detail, "First-Party Applications") {
			t.Errorf("%s", line)
		}
	}
	if seen != len(preflight.Entries()) {
		t.Errorf("%d checks of %d", seen, len(preflight.Entries()))
	}
}
