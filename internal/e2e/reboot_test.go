package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/demo"
	"portillon/internal/e2e/hands"
)

// TestResumeAfterReboot: what was remembered in an earlier boot shows nobody's name or
// address; the same address takes it up without a password.
func TestResumeAfterReboot(t *testing.T) {
	r := enter(t, withKeyring, demoExam)
	r.rememberCanary()
	r.rebootTablet()
	r.on("email")
	r.see(emailScreen(""))
	if log := r.tablet.Log(); strings.Contains(log, `"screen":"connected"`) || strings.Contains(log, `"screen":"password"`) {
		t.Error("something was taken up before an address was typed")
	}
	r.write(canary.address)
	began := time.Now()
	r.press(hands.Return)
	r.on("connected")
	r.outcome("connected")
	if strings.Contains(r.tablet.Log(), `"screen":"password"`) {
		t.Error("a password was asked for")
	}
	var shown time.Time
	r.count(func(e demo.Event) bool {
		if e.Screen == "connected" {
			shown = e.Time
		}
		return false
	})
	t.Logf("from the address to the exam's screen %s; aimed at: 2 s", shown.Sub(began).Round(time.Millisecond))
	player, err := newPlayerMirror(canary, r.set.size)
	r.must(err)
	r.reads(player, "the player")
	r.goOn()
	r.on("email")
	eventually(t, patience, "an empty keyring", func() bool { return !r.remembered() })
}

// TestAnotherAfterReboot: another address wipes what was remembered, and logs in as ever.
func TestAnotherAfterReboot(t *testing.T) {
	r := enter(t, withKeyring, demoExam)
	r.rememberCanary()
	r.rebootTablet()
	r.on("email")
	r.see(emailScreen(""))
	r.write(camille.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(camille, r.offered()))
	eventually(t, patience, "an empty keyring", func() bool { return !r.remembered() })
	r.write(camille.password)
	r.press(hands.Return)
	r.connect()
}

// rebootTablet cuts the power and switches on again: all processes end, and what the disk and
// the keyring hold is of another boot.
func (r *room) rebootTablet() {
	r.t.Helper()
	const earlier = "00000000-0000-4000-8000-000000000000"
	r.killEverything()
	bin := filepath.Join(r.t.TempDir(), "otherboot")
	out, err := exec.Command("go", "build", "-o", bin, "./otherboot").CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(bin)
	r.must(err)
	bin = r.path("otherboot") // where the tablet's user may run it
	r.must(os.WriteFile(bin, program, 0o755))
	r.must(os.Chmod(bin, 0o755))
	if out, err := r.asUser(bin, earlier).CombinedOutput(); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	r.must(os.WriteFile(r.path("state/session/boot"), []byte(earlier), 0o600))
	r.switchOn()
}
