package e2e

import (
	"strings"
	"syscall"
	"testing"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
)

// screenProcess is the pid of the sealed one.
func (r *room) screenProcess() int {
	r.t.Helper()
	var found int
	eventually(r.t, patience, "a screen process", func() bool {
		for _, pid := range children(r.t, r.tablet.Pid()) {
			if strings.Contains(r.proc(pid, "cmdline"), "screen\x00") {
				found = pid
				return true
			}
		}
		return false
	})
	return found
}

// kill ends a process as a fault would.
func (r *room) kill(pid int) {
	r.t.Helper()
	r.must(syscall.Kill(pid, syscall.SIGKILL))
}

// loginByKeys is the shortest way in.
func (r *room) loginByKeys(p person) {
	r.t.Helper()
	r.write(p.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(p, r.offered()))
	r.write(p.password)
	r.press(hands.Return)
}

// offered is «Se souvenir de moi» where there is a keyring.
func (r *room) offered() func(*login.View) {
	return func(v *login.View) { v.Password.RememberOffered = r.set.keyring }
}

// TestPlayerCrash: a player that fails is started again three times with the session,
// then the invigilator is called; «Réessayer» starts it anew.
func TestPlayerCrash(t *testing.T) {
	r := enter(t, func(s *settings) { s.centre.Player = []string{"/bin/sh", "-c", "cat <&3 >>seen; exit 1"} })
	r.loginByKeys(camille)
	r.on("connected") // the player may fail before it counts as handed to
	for range 3 {
		r.outcome("player_failed")
	}
	r.outcome("player_failed_for_good")
	interrupted := login.View{Screen: login.ScreenConnected,
		Connected: &login.ConnectedView{Name: camille.name, Interrupted: true}}
	r.see(interrupted)
	if n := r.count(isOutcome("player_failed")); n != 3 {
		t.Errorf("started again %d times, want 3", n)
	}
	r.tap("Réessayer")
	r.outcome("player_failed")
}

// TestEndOfExam: the demonstration's player, to its end, which wipes and starts over.
func TestEndOfExam(t *testing.T) {
	r := enter(t, demoExam)
	r.loginByKeys(camille)
	r.connect()
	first := r.screenProcess()
	r.finishExam(camille)
	r.see(login.View{Screen: login.ScreenEnded, Ended: &login.EndedView{Seconds: 59}})
	r.must(r.hands.Tap(40, 400))
	r.on("preflight")
	r.on("email")
	r.see(emailScreen(""))
	if r.screenProcess() == first {
		t.Error("the next candidate has the same screen process")
	}
	eventually(t, patience, "the session revoked", func() bool { return len(r.requests("/revoke")) > 0 })
}

// finishExam ends the exam in the player's window.
func (r *room) finishExam(p person) {
	r.t.Helper()
	player, err := newPlayerMirror(p, r.set.size)
	r.must(err)
	r.reads(player, "the player")
	where, err := player.button(french("player.end"))
	r.must(err)
	at := where.Min.Add(where.Max).Div(2)
	r.must(r.hands.Tap(at.X, at.Y))
	r.on("ended")
	r.outcome("ended")
}

// TestScreenKilledOnCode: a crash on the code screen comes back with an empty screen 1.
func TestScreenKilledOnCode(t *testing.T) {
	r := enter(t)
	r.identify(camille)
	r.askCode()
	r.see(codeScreen(camille))
	r.kill(r.screenProcess())
	r.on("preflight")
	r.on("email")
	r.see(emailScreen(""))
	r.loginByKeys(camille)
	r.connect()
}

// TestSupervisorKilled: with the supervisor the screen goes too; a new one starts on the
// same state, and a student logs in.
func TestSupervisorKilled(t *testing.T) {
	r := enter(t)
	r.identify(camille)
	screen := r.screenProcess()
	r.kill(r.tablet.Pid())
	eventually(t, patience, "the end of the screen process", func() bool { return r.ended(screen) })
	r.switchOn()
	r.on("email")
	r.see(emailScreen(""))
	r.loginByKeys(camille)
	r.connect()
}

// TestScreenKilledInExam: the exam goes on, and the new screen stands behind it.
func TestScreenKilledInExam(t *testing.T) {
	r := enter(t, demoExam)
	r.loginByKeys(camille)
	r.connect()
	player, err := newPlayerMirror(camille, r.set.size)
	r.must(err)
	r.reads(player, "the player")
	r.kill(r.screenProcess())
	r.on("connected")
	r.settle()
	r.finishExam(camille)
}
