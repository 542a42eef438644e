package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"portillon/internal/e2e/hands"
)

func withKeyring(s *settings) { s.keyring = true }

// TestRememberedSession: the box is ticked, everything is killed, and the tablet resumes
// in the same boot without a question; the end of the exam wipes what was kept.
func TestRememberedSession(t *testing.T) {
	r := enter(t, withKeyring, demoExam)
	r.write(camille.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(camille, r.offered()))
	r.tick()
	r.write(camille.password)
	r.press(hands.Return)
	r.connect()
	r.killEverything()

	r.switchOn()
	r.on("connected")
	r.see(connectedScreen(camille))
	r.outcome("connected")
	if strings.Contains(r.tablet.Log(), `"screen":"password"`) {
		t.Error("a password was asked for")
	}
	r.finishExam(camille)
	r.must(r.hands.Tap(40, 400))
	r.on("email")

	r.killEverything()
	r.switchOn()
	r.on("email")
	r.see(emailScreen(""))
	r.loginByKeys(camille) // with a password: nothing was kept
	r.connect()
}

// TestForgottenSession: without the tick nothing survives.
func TestForgottenSession(t *testing.T) {
	r := enter(t, withKeyring)
	r.loginByKeys(camille)
	r.connect()
	r.killEverything()
	r.switchOn()
	r.on("email")
	r.see(emailScreen(""))
	r.write(camille.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(camille, r.offered()))
}

// killEverything ends the tablet's processes as a power cut would, the keyring's aside.
func (r *room) killEverything() {
	r.t.Helper()
	screen := r.screenProcess()
	r.kill(r.tablet.Pid())
	eventually(r.t, patience, "the end of all of the tablet's processes", func() bool {
		return r.ended(r.tablet.Pid()) && r.ended(screen) && !r.playing()
	})
}

// ended: nothing of a process is left but, perhaps, its number. An orphan keeps that until the
// machine's init asks for it, which takes some of them seconds. Its files are closed when the
// last of its threads is gone, which may be after the first.
func (r *room) ended(pid int) bool {
	stat := r.proc(pid, "stat") // the state follows the name in brackets (proc_pid_stat(5))
	if stat == "" {
		return true
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return strings.HasPrefix(stat[strings.LastIndexByte(stat, ')')+1:], " Z") && (err != nil || len(threads) == 1)
}

// playing: a player of this room is left. It is known by its HOME.
func (r *room) playing() bool {
	home := r.path("state/session/player")
	for _, pid := range everyone(r.t) {
		if strings.Contains(r.proc(pid, "environ"), home) {
			return true
		}
	}
	return false
}
