package kiosk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
)

// fakeSupervisor records what it is asked.
type fakeSupervisor struct {
	mu       sync.Mutex
	handoff  []byte
	calls    []string
	renewals [][]byte
	notes    []supervisor.Note
	fail     error
	events   chan supervisor.Event
}

func (f *fakeSupervisor) note(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	return f.fail
}

func (f *fakeSupervisor) StartPlayer(_ context.Context, b []byte) error {
	f.mu.Lock()
	f.handoff = append([]byte(nil), b...)
	f.mu.Unlock()
	return f.note("start")
}
func (f *fakeSupervisor) RelaunchPlayer(context.Context) error { return f.note("relaunch") }
func (f *fakeSupervisor) EndCandidate(context.Context) error   { return f.note("end") }
func (f *fakeSupervisor) SwitchPower(_ context.Context, p supervisor.Power) error {
	return f.note("power " + string(p))
}
func (f *fakeSupervisor) KeepNotes(_ context.Context, notes []supervisor.Note) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = notes
	return nil
}
func (f *fakeSupervisor) Events() <-chan supervisor.Event { return f.events }
func (f *fakeSupervisor) AnswerRenewal(_ context.Context, _ uint64, b []byte) error {
	f.mu.Lock()
	f.renewals = append(f.renewals, append([]byte(nil), b...))
	f.mu.Unlock()
	return f.note("renewal")
}

func (f *fakeSupervisor) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, " ")
}

// bubbleClock follows the bubble's time on both clocks.
type bubbleClock struct{ start time.Time }

func (c bubbleClock) Now() login.Instant {
	return login.Instant{Boot: time.Hour + time.Since(c.start), Wall: time.Now()}
}

// room is one kiosk in a bubble.
type room struct {
	t     *testing.T
	k     *Kiosk
	fake  *identitytest.Fake
	sup   *fakeSupervisor
	vault vault.Vault
	log   *bytes.Buffer
	ended chan error

	mu   sync.Mutex
	view login.View
}

// surviving is a memory vault that says it survives, as a keyring does.
type surviving struct{ vault.Vault }

func (surviving) Survives() bool { return true }

const (
	address  = "marie.curie@univ-uness.fr"
	password = "Radium-226!"
)

// inOrder: both processes are sealed.
func inOrder(context.Context) ([]preflight.Fact, error) {
	var facts []preflight.Fact
	for _, e := range preflight.Entries() {
		facts = append(facts, preflight.Fact{ID: e.ID, OK: true})
	}
	return facts, nil
}

type setup struct {
	vault    vault.Vault
	hello    supervisor.Hello
	fake     *identitytest.Fake
	provider identity.Provider // nil: fake
	remember bool
}

func open(t *testing.T, s setup) *room {
	r := &room{t: t, fake: s.fake, sup: &fakeSupervisor{events: make(chan supervisor.Event)}, vault: s.vault,
		log: &bytes.Buffer{}, ended: make(chan error, 1)}
	if r.fake == nil {
		r.fake = &identitytest.Fake{}
		r.fake.Add(identitytest.Account{Email: address, Password: password, Name: "Marie Curie", ExtraTime: "1/3"})
	}
	if r.vault == nil {
		r.vault = vault.Memory()
	}
	if s.hello.BootID == "" {
		s.hello.BootID = "boot-1"
	}
	s.hello.Thumbprint = "thumb"
	if s.provider == nil {
		s.provider = r.fake
	}
	r.k = New(Options{
		Settings: login.Settings{Domains: []string{"univ-uness.fr"}, RememberOffered: s.remember, IdleReset: 2 * time.Minute},
		Provider: s.provider, Vault: r.vault, Supervisor: r.sup, Hello: s.hello,
		Checks: func() []preflight.Check {
			return preflight.List(preflight.Sources{Provider: r.fake, Now: time.Now, Local: true,
				Machine: preflight.Machine{Root: t.TempDir()}, Findings: []preflight.Facts{inOrder}})
		},
		Clock: bubbleClock{time.Now()}, MaxAge: 6 * time.Hour,
		Show: func(v login.View) { r.mu.Lock(); r.view = v; r.mu.Unlock() },
		Log:  slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Rand: func() float64 { return 0.5 },
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { r.ended <- r.k.Run(ctx) }()
	t.Cleanup(cancel)
	return r
}

func (r *room) look() login.View {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

// on fails unless the screen is up.
func (r *room) on(s login.Screen) login.View {
	r.t.Helper()
	v := r.look()
	if v.Screen != s {
		r.t.Fatalf("screen %s, want %s (%s)", v.Screen, s, r.log)
	}
	return v
}

func (r *room) do(events ...login.Event) {
	for _, e := range events {
		r.k.Post(e)
		synctest.Wait()
	}
}

// pass lets bubble time go by.
func (r *room) pass(d time.Duration) {
	synctest.Wait()
	time.Sleep(d) // the bubble's clock, not the machine's
	synctest.Wait()
}

func secret(t *testing.T, s string) *identity.Secret {
	t.Helper()
	x, err := identity.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []rune(s) {
		if err := x.Insert(i, c); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func (r *room) toPassword() {
	r.t.Helper()
	r.pass(4 * time.Second)
	r.on(login.ScreenEmail)
	r.do(login.Insert{Text: address}, login.SubmitEmail{})
	r.on(login.ScreenPassword)
}

func (r *room) logIn() {
	r.t.Helper()
	r.toPassword()
	r.do(login.SubmitPassword{Secret: secret(r.t, password)})
	r.on(login.ScreenConnected)
	r.pass(7 * time.Second)
}

// TestLogin: the whole way, and what the player is given.
func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.logIn()
		if v := r.on(login.ScreenConnected); !v.Connected.Opening || v.Connected.Name != "Marie Curie" {
			t.Fatalf("%+v", v.Connected)
		}
		var h map[string]any
		if err := json.Unmarshal(r.sup.handoff, &h); err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"access_token", "token_type", "subject", "name", "extra_time"} {
			if h[k] == nil || h[k] == "" {
				t.Errorf("hand-off lacks %s: %v", k, h)
			}
		}
		r.sup.events <- supervisor.PlayerExited{Code: 1}
		synctest.Wait()
		r.sup.events <- supervisor.PlayerExited{Code: 0}
		r.on(login.ScreenEnded)
		if got := r.sup.said(); got != "start relaunch" {
			t.Fatalf("supervisor was asked to: %s", got)
		}
		if r.fake.Count("revoke") != 1 {
			t.Fatal("the session was not revoked at the exam's end")
		}
		r.do(login.Touched{})
		if err := <-r.ended; err != nil {
			t.Fatal(err)
		}
		if got := r.sup.said(); got != "start relaunch end" {
			t.Fatalf("supervisor was asked to: %s", got)
		}
		for _, canary := range []string{address, password, "Marie", "fake"} {
			if canary != "fake" && strings.Contains(r.log.String(), canary) {
				t.Errorf("the log holds %q", canary)
			}
		}
	})
}

// TestCode: a code asked for, let run out, asked for again and given; the countdown
// follows the boot clock.
func TestCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.toPassword()
		r.do(login.RequestCode{})
		v := r.on(login.ScreenCode)
		if v.Code.Left.Seconds != 180 || v.Code.Left.Stage != login.StageCalm {
			t.Fatalf("countdown %+v", v.Code.Left)
		}
		for _, at := range []struct {
			pass  time.Duration
			stage login.Stage
		}{{119 * time.Second, login.StageCalm}, {2 * time.Second, login.StageAmber}, {40 * time.Second, login.StageRed}, {20 * time.Second, login.StageExpired}} {
			r.pass(at.pass)
			if v := r.on(login.ScreenCode); v.Code.Left.Stage != at.stage {
				t.Fatalf("after %s more: %+v", at.pass, v.Code.Left)
			}
		}
		r.do(login.RequestCode{})
		codes := r.fake.Mailed(address)
		if v := r.on(login.ScreenCode); len(codes) != 2 || v.Code.Left.Seconds != 180 {
			t.Fatalf("%d codes, countdown %+v", len(codes), v.Code.Left)
		}
		r.do(login.SubmitCode{Secret: secret(t, codes[0])})
		if v := r.look(); v.Error == nil || v.Error.Key != "error.code.superseded" {
			t.Fatalf("an older code: %+v", v.Error)
		}
		r.do(login.SubmitCode{Secret: secret(t, codes[1])})
		r.on(login.ScreenConnected)
		if n := r.fake.Count("send_code"); n != 2 {
			t.Fatalf("%d codes were sent for", n)
		}
	})
}

// TestServerGoneAndBack: a safe request repeats itself until the service is back; a password waits for its
// student.
func TestServerGoneAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.pass(4 * time.Second)
		r.fake.SetDown(true)
		r.do(login.Insert{Text: address}, login.SubmitEmail{})
		if v := r.on(login.ScreenTrouble); v.Trouble.Kind != identity.Refused || !v.Trouble.Resends || v.Trouble.RetryIn > 15 {
			t.Fatalf("%+v", v.Trouble)
		}
		r.pass(5 * time.Minute)
		begins := r.fake.Count("begin")
		if begins < 20 || begins > 300 {
			t.Fatalf("%d tries in five minutes", begins)
		}
		r.fake.SetDown(false)
		r.pass(20 * time.Second)
		r.on(login.ScreenPassword)
		r.fake.SetDown(true)
		r.do(login.Typed{Field: login.FieldPassword, N: 3}, login.SubmitPassword{Secret: secret(t, password)})
		if v := r.on(login.ScreenTrouble); v.Trouble.Resends {
			t.Fatal("a password would be re-sent")
		}
		sent := r.fake.Count("password")
		r.pass(time.Minute)
		if v := r.on(login.ScreenPassword); v.Password.Typed != 3 || r.fake.Count("password") != sent {
			t.Fatalf("%+v, sent %d times", v.Password, r.fake.Count("password"))
		}
	})
}

// TestRemember: with the tick a crash resumes; without it nothing is kept; another
// address wipes; time runs out.
func TestRemember(t *testing.T) {
	crash := func(t *testing.T, tick bool) (*identitytest.Fake, vault.Vault) {
		fake := &identitytest.Fake{}
		fake.Add(identitytest.Account{Email: address, Password: password, Name: "Marie Curie"})
		rest := surviving{vault.Memory()}
		r := open(t, setup{vault: rest, fake: fake, remember: true})
		r.toPassword()
		if tick {
			r.do(login.ToggleRemember{})
		}
		r.do(login.SubmitPassword{Secret: secret(t, password)})
		r.on(login.ScreenConnected)
		return fake, rest // and nobody wipes
	}
	for _, c := range []struct {
		name  string
		tick  bool
		boot  string
		type_ string
		later time.Duration
		want  login.Screen
		kept  bool
	}{
		{"same boot", true, "boot-1", "", 0, login.ScreenConnected, true},
		{"same boot, not ticked", false, "boot-1", "", 0, login.ScreenEmail, false},
		{"reboot shows nobody", true, "boot-2", "", 0, login.ScreenEmail, true},
		{"reboot, same address", true, "boot-2", address, 0, login.ScreenConnected, true},
		{"reboot, another address", true, "boot-2", "pierre.curie@univ-uness.fr", 0, login.ScreenEmail, false},
		{"too late", true, "boot-2", address, 7 * time.Hour, login.ScreenPassword, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake, rest := crash(t, c.tick)
				time.Sleep(c.later) // the bubble's
				r := open(t, setup{vault: rest, fake: fake, remember: true, hello: supervisor.Hello{BootID: c.boot, Restarted: true}})
				r.pass(3 * time.Second)
				if c.type_ != "" {
					r.on(login.ScreenEmail)
					r.do(login.Insert{Text: c.type_}, login.SubmitEmail{})
				}
				r.on(c.want)
				if _, err := rest.Get(t.Context()); (err == nil) != c.kept {
					t.Errorf("kept: %v", err)
				}
				if c.want == login.ScreenConnected && fake.Count("password") != 1 {
					t.Error("a password was asked for again")
				}
			})
		})
	}
}

// TestLateGrant: a session that arrives after its login was given up is revoked.
func TestLateGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.toPassword()
		gate := make(chan struct{})
		r.fake.Next("password", identitytest.Reply{Session: &identity.Session{AccessToken: "late", Name: "X"}, Until: gate})
		r.do(login.SubmitPassword{Secret: secret(t, password)})
		a := r.k.attempt(1)
		r.k.discard(1)
		r.k.hold(a, &identity.Session{AccessToken: "late"}, nil)
		close(gate)
		synctest.Wait()
		if r.fake.Count("revoke") != 1 {
			t.Fatalf("revoked %d times", r.fake.Count("revoke"))
		}
	})
}

// TestRenewal: the player gets a fresh token, and the vault has the rotated one first.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := surviving{vault.Memory()}
		r := open(t, setup{vault: rest, remember: true})
		r.toPassword()
		r.do(login.ToggleRemember{}, login.SubmitPassword{Secret: secret(t, password)})
		r.pass(7 * time.Second)
		before, err := rest.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.sup.events <- supervisor.RenewRequested{ID: 7}
		synctest.Wait()
		after, err := rest.Get(t.Context())
		if err != nil || bytes.Equal(before.Sealed, after.Sealed) {
			t.Fatalf("the vault still holds the old session: %v", err)
		}
		var h map[string]any
		if err := json.Unmarshal(r.sup.renewals[0], &h); err != nil || h["access_token"] == "" || h["name"] != "" && h["name"] != nil {
			t.Fatalf("%v %v", h, err)
		}
	})
}

// TestPlayerCannotStart: the invigilator is told and may try again.
func TestPlayerCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.sup.fail = errors.New("no such file")
		r.logIn()
		if v := r.on(login.ScreenConnected); !v.Connected.Interrupted {
			t.Fatalf("%+v", v.Connected)
		}
		r.sup.mu.Lock()
		r.sup.fail = nil
		r.sup.mu.Unlock()
		r.do(login.RetryNow{})
		if v := r.on(login.ScreenConnected); !v.Connected.Opening {
			t.Fatalf("%+v", v.Connected)
		}
	})
}

// TestBehindAnExam: a new screen process behind a running player.
func TestBehindAnExam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{hello: supervisor.Hello{PlayerRunning: true, Restarted: true}})
		r.on(login.ScreenConnected)
		r.sup.events <- supervisor.PlayerExited{Code: 0}
		r.on(login.ScreenEnded)
		r.pass(61 * time.Second)
		if err := <-r.ended; err != nil {
			t.Fatal(err)
		}
	})
}

// TestSupervisorGone ends the loop.
func TestSupervisorGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		synctest.Wait()
		close(r.sup.events)
		if err := <-r.ended; !errors.Is(err, supervisor.ErrGone) {
			t.Fatal(err)
		}
	})
}

// TestPower: the tablet is asked to go off, and one that cannot says so.
func TestPower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.pass(3 * time.Second)
		r.on(login.ScreenEmail)
		r.sup.fail = supervisor.ErrNoPower
		r.do(login.OpenHelp{}, login.OpenAside{Aside: login.AsidePower}, login.ChoosePower{Action: login.PowerRestart}, login.ConfirmPower{})
		if v := r.on(login.ScreenHelp); v.Help.Power == nil || !v.Help.Power.Refused {
			t.Errorf("%+v", v.Help)
		}
		if said := r.sup.said(); said != "power restart" {
			t.Error(said)
		}
	})
}

// TestReportOutlivesTheProcess: what the screens did is with the supervisor, and nobody's name.
func TestReportOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, setup{})
		r.logIn()
		synctest.Wait()
		r.sup.mu.Lock()
		notes := r.sup.notes
		r.sup.mu.Unlock()
		if len(notes) < 4 || notes[len(notes)-1].Screen != string(login.ScreenConnected) {
			t.Fatalf("%+v", notes)
		}
		next := open(t, setup{hello: supervisor.Hello{Notes: notes}})
		next.pass(3 * time.Second)
		next.do(login.OpenHelp{}, login.OpenAside{Aside: login.AsideReport})
		got := next.on(login.ScreenHelp).Help.Report.Records
		if len(got) <= len(notes) || got[0].Screen != login.Screen(notes[0].Screen) || got[0].At.Unix() != notes[0].At {
			t.Errorf("%+v", got)
		}
	})
}
