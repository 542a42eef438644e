package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"portillon/internal/config"
	"portillon/internal/supervisor"
)

// TestUpdatedUnderACandidate: a tablet at which nobody is says so. A newer configuration that comes while
// a student sits the exam changes nothing for that student; the next one is met with it.
func TestUpdatedUnderACandidate(t *testing.T) {
	if !landlocked(t) {
		return
	}
	r := prepare(t, required, demoExam)
	dir := filepath.Join(r.path("run"), supervisor.PowerDir)
	r.must(os.Mkdir(dir, 0o700))
	if r.uid != 0 {
		r.must(os.Chown(dir, int(r.uid), int(r.uid)))
	}
	idle := filepath.Join(dir, supervisor.IdleFile)
	r.switchOn()
	r.on("email")
	said, err := os.Stat(idle)
	r.must(err)
	if said.Size() == 0 {
		t.Error("the file's time is not the time of the checks")
	}
	eventually(t, patience, "that the login was seen, for a start on trial", func() bool {
		_, err := os.Stat(filepath.Join(dir, supervisor.UpFile))
		return err == nil
	})
	r.loginByKeys(camille)
	r.connect()
	r.must(os.Remove(idle))
	// As image.Take does: a file of its own, renamed.
	b, err := os.ReadFile(r.path("portillon.toml"))
	r.must(err)
	r.must(os.WriteFile(r.path("fresh.toml"), b, 0o644))
	r.must(os.Rename(r.path("fresh.toml"), r.path("portillon.toml")))
	r.sign(3)
	r.finishExam(camille)
	if _, err := os.Stat(idle); err == nil {
		t.Error("it said that nobody was there during the exam")
	}
	// The window is touched again a moment after the exam's end is told: as a hand, it is tapped until it is.
	eventually(t, patience, "a supervisor that ends, for the service manager to start it", func() bool {
		select {
		case <-r.tablet.Done():
			return true
		default:
			r.must(r.hands.Tap(40, 400))
			return false
		}
	})
	r.switchOn()
	r.on("email")
	if serial, err := config.HighestSerial(r.path("state/device/serial")); serial != 3 || err != nil {
		t.Errorf("serial %d, %v", serial, err)
	}
	r.loginByKeys(camille)
	r.connect()
}
