package kiosk

import (
	"bytes"
	"context"
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

func secret(t testing.TB, s string) *identity.Secret {
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
