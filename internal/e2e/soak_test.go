package e2e

import (
	"context"
	"fmt"
	"image"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/demo"
	"portillon/internal/e2e/hands"
	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/kiosk"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
)

// footprint is what a process holds: its share of memory and what of that is its own doing, in
// kB (a share of the libraries' pages changes with whoever else maps them); open files; threads.
// Of this process it is what is alive on its heap, and its goroutines: what the runtime gives
// back to the system, and when, differs by some of the pictures that are painted here.
type footprint struct{ pss, own, files, threads int }

// footprintOf reads another process's, by proc(5).
func (r *room) footprintOf(pid int) (f footprint) {
	r.t.Helper()
	f.pss, f.own = shareOf(r.t, r.proc(pid, "smaps_rollup"))
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	r.must(err)
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	r.must(err)
	f.files, f.threads = len(list), len(tasks)
	return f
}

// shareOf reads a process's share of memory, and how much of it no file stands behind.
func shareOf(t *testing.T, rollup string) (pss, own int) {
	t.Helper()
	for line := range strings.Lines(rollup) {
		var name string
		var n int
		if _, err := fmt.Sscanf(line, "%s %d kB", &name, &n); err != nil {
			continue
		}
		switch name {
		case "Pss:":
			pss = n
		case "Pss_Anon:", "Pss_Shmem:":
			own += n
		}
	}
	if pss == 0 || own == 0 {
		t.Fatalf("no PSS in %q", rollup)
	}
	return pss, own
}

// own is this process's, with nothing left to collect.
func own(t *testing.T) (f footprint) {
	t.Helper()
	runtime.GC() // what pools let go of takes two
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	f.pss, _ = shareOf(t, string(b))
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.own = int(m.HeapAlloc >> 10)
	f.files, f.threads = len(list), runtime.NumGoroutine()
	return f
}

// flat compares the second quarter of a soak with the last: by then everything that is made
// once was made.
func flat(t *testing.T, who string, all []footprint) {
	t.Helper()
	if len(all) < 8 {
		t.Logf("%s: %+v, too few to compare", who, all)
		return
	}
	part := func(of []footprint) footprint {
		middle := func(get func(footprint) int) int {
			var v []int
			for _, f := range of {
				v = append(v, get(f))
			}
			slices.Sort(v)
			return v[len(v)/2]
		}
		return footprint{middle(func(f footprint) int { return f.pss }), middle(func(f footprint) int { return f.own }),
			middle(func(f footprint) int { return f.files }), middle(func(f footprint) int { return f.threads })}
	}
	q := len(all) / 4
	before, after := part(all[q:2*q]), part(all[len(all)-q:])
	growth := func(from, to int) float64 { return 100 * float64(to-from) / float64(from) }
	t.Logf("%s: %d candidates; PSS %d kB, then %d kB (%+.1f %%); its own %d kB, then %d kB (%+.1f %%); files %d, then %d; threads or goroutines %d, then %d",
		who, len(all), before.pss, after.pss, growth(before.pss, after.pss), before.own, after.own, growth(before.own, after.own),
		before.files, after.files, before.threads, after.threads)
	if after.own*100 > before.own*103 {
		t.Errorf("%s: memory grew from %d kB to %d kB", who, before.own, after.own)
	}
	if after.files > before.files || after.threads > before.threads+2 { // the runtime's own come and go
		t.Errorf("%s: grew from %+v to %+v", who, before, after)
	}
}

// TestSoak: two hours of candidates on one kiosk in virtual time: the real loop and the real
// screens.
func TestSoak(t *testing.T) {
	var all []footprint
	shown, painted := 0, 0
	began := time.Now()
	var passed time.Duration
	m, err := newMirror("fr", image.Pt(1280, 800))
	if err != nil {
		t.Fatal(err)
	}
	for passed < 2*time.Hour {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			s := &sitting{t: t, mirror: m, events: make(chan supervisor.Event)}
			s.live()
			passed += time.Since(start)
			shown, painted = shown+s.shown, painted+s.painted
		})
		all = append(all, own(t))
	}
	t.Logf("%s of candidates in %s, %d views, %d of them painted", passed.Round(time.Second), time.Since(began).Round(time.Second), shown, painted)
	flat(t, "kiosk and screens", all)
}

// sitting is one candidate at an in-process kiosk, inside a bubble of virtual time.
type sitting struct {
	t       *testing.T
	mirror  *mirror
	k       *kiosk.Kiosk
	events  chan supervisor.Event
	view    login.View
	shown   int
	painted int
}

// The supervisor of a sitting says yes to everything.
func (s *sitting) StartPlayer(context.Context, []byte) error           { return nil }
func (s *sitting) RelaunchPlayer(context.Context) error                { return nil }
func (s *sitting) EndCandidate(context.Context) error                  { return nil }
func (s *sitting) AnswerRenewal(context.Context, uint64, []byte) error { return nil }
func (s *sitting) SwitchPower(context.Context, supervisor.Power) error { return nil }
func (s *sitting) KeepNotes(context.Context, []supervisor.Note) error  { return nil }
func (s *sitting) Events() <-chan supervisor.Event                     { return s.events }

// bootClock follows the bubble's time on both clocks.
type bootClock struct{ start time.Time }

func (c bootClock) Now() login.Instant {
	return login.Instant{Boot: time.Hour + time.Since(c.start), Wall: time.Now()}
}

// live is a whole login with slips, an exam of five minutes, and the end.
func (s *sitting) live() {
	fake := &identitytest.Fake{}
	fake.Add(identitytest.Account{Email: camille.address, Password: camille.password, Name: camille.name})
	var facts []preflight.Fact
	for _, e := range preflight.Entries() {
		facts = append(facts, preflight.Fact{ID: e.ID, OK: true})
	}
	s.k = kiosk.New(kiosk.Options{
		Settings: login.Settings{Domains: []string{"univ-uness.fr", "etu.univ-uness.fr"}, IdleReset: 2 * time.Minute},
		Provider: fake, Vault: vault.Memory(), Supervisor: s, Hello: supervisor.Hello{BootID: "boot", Thumbprint: "thumb"},
		Checks: func() []preflight.Check {
			return preflight.List(preflight.Sources{Provider: fake, Now: time.Now, Local: true, Machine: preflight.Machine{Root: s.t.TempDir()},
				Findings: []preflight.Facts{func(context.Context) ([]preflight.Fact, error) { return facts, nil }}})
		},
		Clock: bootClock{time.Now()}, MaxAge: 6 * time.Hour, Show: s.show,
		Log: slog.New(slog.DiscardHandler), Rand: func() float64 { return 0.5 },
	})
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	go func() { ended <- s.k.Run(ctx) }()
	s.wait(4*time.Second, login.ScreenEmail)
	for _, c := range camille.address {
		s.k.Post(login.Insert{Text: string(c)})
		s.wait(300*time.Millisecond, login.ScreenEmail)
	}
	s.k.Post(login.SubmitEmail{})
	s.wait(5*time.Second, login.ScreenPassword)
	s.k.Post(login.SubmitPassword{Secret: s.secret("pas celui-là")})
	s.wait(2*time.Second, login.ScreenPassword)
	s.k.Post(login.RequestCode{})
	s.wait(40*time.Second, login.ScreenCode) // the phone is fetched
	s.k.Post(login.SubmitCode{Secret: s.secret(fake.Mailed(camille.address)[0])})
	s.wait(2*time.Second, login.ScreenConnected)
	s.wait(5*time.Minute, login.ScreenConnected)
	s.events <- supervisor.PlayerExited{Code: 0}
	s.wait(time.Second, login.ScreenEnded)
	s.k.Post(login.Touched{})
	if err := <-ended; err != nil {
		s.t.Fatal(err)
	}
}

func (s *sitting) show(v login.View) {
	s.mirror.show(v)
	if s.shown++; v.Screen != s.view.Screen || s.shown%paintEvery == 0 {
		drawing.Lock()
		_ = s.mirror.canvas.Capture() // looked at by nobody
		drawing.Unlock()
		s.painted++
	}
	s.view = v
}

// paintEvery: of the views that follow each other on one screen so many are laid out and one
// is painted, in software, which is most of the test's time.
const paintEvery = 20

// wait lets the bubble's time go by and wants a screen then.
func (s *sitting) wait(d time.Duration, want login.Screen) {
	s.t.Helper()
	time.Sleep(d) // the bubble's clock, not the machine's
	synctest.Wait()
	if s.view.Screen != want {
		s.t.Fatalf("screen %s, want %s", s.view.Screen, want)
	}
}

func (s *sitting) secret(text string) *identity.Secret {
	s.t.Helper()
	x, err := identity.NewSecret()
	if err != nil {
		s.t.Fatal(err)
	}
	for i, c := range []rune(text) {
		if err := x.Insert(i, c); err != nil {
			s.t.Fatal(err)
		}
	}
	return x
}

// TestCandidatesComeAndGo: one supervisor, one candidate after the other under Xvfb, each
// with a password, an exam and an end. SOAK=1: 120 of them.
func TestCandidatesComeAndGo(t *testing.T) {
	candidates := 3
	if os.Getenv("SOAK") != "" {
		candidates = 120
	}
	r := enter(t, func(s *settings) { s.centre.Player = []string{"/bin/sleep", "2"} })
	var house, screens []footprint
	seen := map[int]bool{}
	for range candidates {
		screen := r.screenProcess()
		if seen[screen] {
			t.Error("two candidates have the same screen process")
		}
		seen[screen] = true
		r.loginByKeys(camille)
		r.connect()
		house, screens = append(house, r.footprintOf(r.tablet.Pid())), append(screens, r.footprintOf(screen))
		r.await(patience, "the exam's end", func(e demo.Event) bool { return e.Screen == "ended" })
		r.see(login.View{Screen: login.ScreenEnded, Ended: &login.EndedView{Seconds: 59}})
		r.press(hands.Return)
		r.on("email")
		r.see(emailScreen(""))
	}
	flat(t, "supervisor", house)
	flat(t, "screen processes, each a candidate's own", screens)
	if left, err := filepath.Glob(r.path("state/session/player/*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
