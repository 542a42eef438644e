package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"portillon/internal/demo"
	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/procedure"
)

// killRounds is how often each process is killed in each state: RESUME_LONG=1 for twenty times.
func killRounds() int {
	if os.Getenv("RESUME_LONG") != "" {
		return 20
	}
	return 1
}

// moment is a state of a login in which a process may die.
type moment struct {
	name string
	// reach comes from the empty screen 1.
	reach func(*crashed)
	// behind: killed under it, the screen process comes back in the middle of the exam.
	behind bool
	// over ends what was arranged outside the tablet.
	over func(*crashed)
}

// crashed is a room whose tablet dies again and again.
type crashed struct {
	*room
	who     person   // is at the tablet
	codes   []string // mailed so far, to birds of five codes each
	service string   // where it was, while it is away
}

// moments are all states: each screen, and what may run or lie above it.
func moments() []moment {
	return []moment{
		{name: "preflight", reach: func(r *crashed) {
			r.must(r.tablet.Stop())
			r.switchOn()
			r.on("preflight")
		}},
		{name: "email", reach: func(r *crashed) { r.write(canary.address) }},
		{name: "suggestion", reach: func(r *crashed) {
			r.write(strings.Replace(canary.address, "etu.univ-uness", "etu-univ.uness", 1))
			r.press(hands.Return)
			r.settle()
		}},
		{name: "password", reach: func(r *crashed) { r.typePassword() }},
		{name: "setup", reach: func(r *crashed) {
			r.write(lea.address)
			r.press(hands.Return)
			r.on("setup")
		}},
		{name: "code", reach: func(r *crashed) {
			r.askForCode()
			r.write(r.codes[len(r.codes)-1][:4])
			r.settle()
		}},
		{name: "help", reach: func(r *crashed) {
			r.askForCode()
			r.tap("Aide surveillant")
			r.on("help")
			r.see(helpScreen(procedure.Code, r.who.address))
		}},
		{name: "trouble", reach: func(r *crashed) {
			r.typePassword()
			r.service = r.stopService()
			r.press(hands.Return)
			r.on("trouble")
		}, over: func(r *crashed) { r.serve(r.service) }},
		{name: "exam", behind: true, reach: func(r *crashed) { r.enterExam() }},
		{name: "ended", reach: func(r *crashed) {
			r.enterExam()
			r.finishExam(canary)
		}},
	}
}

func (r *crashed) typePassword() {
	r.write(canary.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(canary, r.offered()))
	r.write(canary.password)
	r.settle()
}

func (r *crashed) askForCode() {
	const each = 5 // codes that a person gets
	r.who = birds()[len(r.codes)/each]
	r.write(r.who.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(r.who, r.offered()))
	r.askCode()
	r.codes = append(r.codes, r.code(r.who.address, len(r.codes)%each+1))
	r.see(codeScreen(r.who, func(v *login.View) { v.Code.ResendIn = 0 }))
}

func (r *crashed) enterExam() {
	r.write(canary.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(canary, r.offered()))
	r.write(canary.password)
	r.press(hands.Return)
	r.connect()
	player, err := newPlayerMirror(canary, r.set.size)
	r.must(err)
	r.reads(player, "the player")
}

// TestKilledInEveryState kills the screen process and the supervisor in every state, with a
// keyring at hand and nothing to be remembered: the tablet is back at an empty screen 1, or
// behind the exam that went on, and nothing is left of who was there.
func TestKilledInEveryState(t *testing.T) {
	for _, m := range moments() {
		t.Run(m.name, func(t *testing.T) {
			r := &crashed{who: canary, room: enter(t, withKeyring, demoExam, func(s *settings) { s.serve = []string{"--code-resend", "0s"} })}
			var took [2][]time.Duration
			for i := range 2 * killRounds() {
				m.reach(r)
				began := time.Now()
				back := r.screenDies
				if i%2 == 1 {
					back = r.supervisorDies
				}
				took[i%2] = append(took[i%2], back(m, began))
				if m.over != nil {
					m.over(r)
				}
				r.nothingLeft()
			}
			t.Logf("%s: usable again after the screen process's death %s, after the supervisor's %s", m.name, spread(took[0]), spread(took[1]))
		})
	}
}

// spread says how long something took, of how many.
func spread(took []time.Duration) string {
	if len(took) == 0 {
		return "never"
	}
	slices.Sort(took)
	return fmt.Sprintf("%s (median of %d; longest %s)", took[len(took)/2].Round(time.Millisecond), len(took), took[len(took)-1].Round(time.Millisecond))
}

// screenDies kills the screen process and returns when the next screen a student can use was
// there; the room is at an empty screen 1 then.
func (r *crashed) screenDies(m moment, began time.Time) time.Duration {
	r.t.Helper()
	dead := r.screenProcess()
	r.kill(dead)
	eventually(r.t, patience, "another screen process", func() bool { return !slices.Contains(children(r.t, r.tablet.Pid()), dead) })
	usable := time.Duration(0)
	switch {
	case m.name == "ended": // and stays so until it is touched, or its minute is over
		r.on("ended")
		r.see(endedScreen())
		usable = time.Since(began)
		r.leave()
	case m.behind:
		r.on("connected")
		usable = time.Since(began) // the exam stood in front of it all the while
		r.settle()
		r.goOn()
	}
	r.on("email")
	r.see(emailScreen(""))
	return cmp.Or(usable, time.Since(began))
}

// goOn ends the exam and leaves.
func (r *room) goOn() {
	r.t.Helper()
	r.finishExam(canary)
	r.leave()
}

// leave touches the last screen.
func (r *room) leave() {
	r.t.Helper()
	r.see(endedScreen())
	r.must(r.hands.Tap(40, 400))
}

func endedScreen() login.View {
	return login.View{Screen: login.ScreenEnded, Ended: &login.EndedView{Seconds: 59}}
}

// supervisorDies kills the supervisor, and with it everything, and starts it again.
func (r *crashed) supervisorDies(_ moment, began time.Time) time.Duration {
	r.t.Helper()
	r.killEverything()
	r.switchOn()
	r.on("email")
	r.see(emailScreen(""))
	return time.Since(began)
}

// nothingLeft looks for the person who was there: in the processes' memory, in the
// candidate's directory, in the keyring and in the logs.
func (r *crashed) nothingLeft() {
	r.t.Helper()
	secrets := append([]string{r.who.address, r.who.password, r.who.name}, r.codes...)
	text := r.logs()
	for _, s := range secrets {
		if holds(text, s) {
			r.t.Errorf("the log holds %q", s)
		}
	}
	if hits := searchFiles(r.t, r.path("state"), append(secrets[:3:3], lea.address)...); len(hits) > 0 {
		r.t.Errorf("left in %q", hits)
	}
	eventually(r.t, patience, "an empty keyring", func() bool { return !r.remembered() })
	if os.Getuid() != 0 {
		r.t.Log("NOT SHOWN: the processes' memory is root's alone to read. Run this test as root.")
		return
	}
	for _, pid := range []int{r.tablet.Pid(), r.screenProcess()} {
		for s, found := range scanAll(r.t, pid, secrets[:3]...) {
			if total(found) > 0 {
				r.t.Errorf("process %d holds %q: %v", pid, s, found)
			}
		}
	}
}

// remembered: the keyring keeps something of portillon's.
func (r *room) remembered() bool {
	r.t.Helper()
	out, err := r.asUser("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets",
		"/org/freedesktop/secrets/collection/login", "org.freedesktop.DBus.Properties.Get",
		"string:org.freedesktop.Secret.Collection", "string:Items").Output()
	r.must(err)
	return strings.Contains(string(out), "object path")
}

// TestResumeAfterCrashes: a remembered session is taken up after every crash of either
// process, without a question, until the exam ends.
func TestResumeAfterCrashes(t *testing.T) {
	r := enter(t, withKeyring, demoExam)
	r.rememberCanary()
	var named, handed []time.Duration
	for range 3 * killRounds() {
		r.killEverything()
		r.switchOn()
		r.on("connected")
		r.outcome("connected")
		named = append(named, r.sinceWindow(func(e demo.Event) bool { return e.Screen == "connected" }))
		handed = append(handed, r.sinceWindow(func(e demo.Event) bool { return e.Kind == "connected" }))
		if strings.Contains(r.tablet.Log(), `"screen":"password"`) {
			t.Error("a password was asked for")
		}
		r.kill(r.screenProcess()) // the exam goes on meanwhile
		r.on("connected")
		r.settle()
	}
	t.Logf("resumed, from the first screen to the student's name: %s; aimed at: 2 s; to the exam, before which the name stands for 5 s: %s", spread(named), spread(handed))
	r.goOn()
	r.on("email")
	eventually(t, patience, "an empty keyring", func() bool { return !r.remembered() })
}

// TestCrashAfterRotation: the service has exchanged the refresh token, and every process dies
// before the new one was used for anything. It was kept first: the next start resumes with
// it, and no token is sent twice.
func TestCrashAfterRotation(t *testing.T) {
	r := enter(t, withKeyring, demoExam, func(s *settings) { s.wire = true })
	r.rememberCanary()
	r.killEverything()
	// The keys cannot be had: the tokens are there, and the login stops before it uses them.
	r.spoil(onPath("/jwks", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	r.switchOn()
	r.on("trouble")
	r.killEverything()
	r.mend()
	r.switchOn()
	r.on("connected")
	r.outcome("connected")
	if strings.Contains(r.tablet.Log(), `"screen":"password"`) {
		t.Error("a password was asked for")
	}
	sent := map[string]bool{}
	newest, renewals := "", 0
	for _, e := range r.wire.to("/token") {
		if old := e.form.Get("refresh_token"); old != "" {
			renewals++
			if sent[old] {
				t.Error("a refresh token was sent twice")
			}
			if sent[old] = true; old != newest {
				t.Error("a refresh token was sent that was not the newest")
			}
		}
		newest, _ = e.answer["refresh_token"].(string)
	}
	if renewals < 2 {
		t.Errorf("%d renewals: the crash was not between receipt and use", renewals)
	}
}

// rememberCanary takes the student into the exam, with the tick.
func (r *room) rememberCanary() {
	r.t.Helper()
	r.write(canary.address)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(canary, r.offered()))
	r.tick()
	r.write(canary.password)
	r.press(hands.Return)
	r.connect()
	eventually(r.t, patience, "a session in the keyring", r.remembered)
}

// sinceWindow is how long it took from the first screen to the last event that is meant, by the
// tablet's clock.
func (r *room) sinceWindow(meant func(demo.Event) bool) time.Duration {
	r.t.Helper()
	var first, last time.Time
	r.count(func(e demo.Event) bool {
		if e.Screen != "" && first.IsZero() {
			first = e.Time
		}
		if meant(e) {
			last = e.Time
		}
		return false
	})
	return last.Sub(first)
}
