package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"portillon/internal/config"
	"portillon/internal/demo"
	"portillon/internal/e2e/hands"
	"portillon/internal/lockdown"
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
	s, err := config.Sign(b, key, serial, time.Now().Add(time.Hour))
	r.must(err)
	b, err = json.Marshal(s)
	r.must(err)
	r.must(os.WriteFile(r.path("portillon.toml"+config.SignatureSuffix), b, 0o644))
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

// start lets the tablet see its configuration once.
func (r *room) start() {
	r.t.Helper()
	r.switchOn()
	r.on("email")
	r.must(r.tablet.Stop())
}
