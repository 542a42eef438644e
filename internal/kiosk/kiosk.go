// Package kiosk is the loop between the screens, the login machine and the world:
// one queue, one goroutine. It takes an event, lets login.Step answer, shows what
// login.Look says, and carries the effects out, each off the loop and with a
// deadline; what comes of them is posted back as an event.
//
// cmd/portillon builds one and calls Run; internal/ui posts the screens' events and
// draws what Show is given.
//
//	Post ─→ queue ─→ login.Step ─→ Show(login.Look)
//	  ↑                 │ effects
//	  └── events ←── identity, vault, preflight, supervisor
//
// Sessions live here, by attempt, and nowhere else in the screen process: the machine
// knows that there is one, never what it is.
package kiosk

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"portillon/internal/backoff"
	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
)

// Supervisor is what the kiosk asks of the process that started it; *supervisor.Client.
type Supervisor interface {
	StartPlayer(ctx context.Context, handoff []byte) error
	RelaunchPlayer(ctx context.Context) error
	EndCandidate(ctx context.Context) error
	AnswerRenewal(ctx context.Context, id uint64, token []byte) error
	SwitchPower(ctx context.Context, p supervisor.Power) error
	KeepNotes(ctx context.Context, notes []supervisor.Note) error
	Events() <-chan supervisor.Event
}

// Options is what a Kiosk is made of. All but Log and Rand are required.
type Options struct {
	Settings   login.Settings
	Provider   identity.Provider
	Vault      vault.Vault
	Supervisor Supervisor
	Hello      supervisor.Hello
	// Checks makes the preflight's list anew for each run.
	Checks func() []preflight.Check
	Clock  Clock
	// Show draws a view. It is called on the loop and must not wait for it.
	Show func(login.View)
	// MaxAge bounds resuming, counted from the login.
	MaxAge time.Duration
	// Backoff is how long to wait for a service that gave no answer; zero: backoff.Default.
	Backoff backoff.Policy
	Log     *slog.Logger
	// Rand draws jitter in [0, 1); nil: math/rand.
	Rand func() float64
}

// Deadlines of effects. A request's own deadline is the adapter's; these are the
// last resort.
const (
	requestLimit  = 20 * time.Second
	revokeLimit   = 10 * time.Second
	vaultLimit    = 5 * time.Second
	farewellLimit = 2 * time.Second
	tick          = time.Second
)

// Kiosk is one screen process's loop.
type Kiosk struct {
	Options
	queue   queue
	state   login.State
	view    login.View
	ctx     context.Context
	revoked sync.WaitGroup
	chores  chores
	done    bool
	due     time.Duration  // Boot time of the next moment that is waited for; 0: none
	noted   []login.Record // as the supervisor was told

	mu       sync.Mutex
	attempts map[int]*attempt
	keeping  bool              // notes are on their way to the supervisor
	unkept   []supervisor.Note // newer ones, that follow
	checked  bool
	wrong    []any            // what the last checks found wrong, as logged
	failures backoff.Failures // of requests, until one is answered
}

// attempt is what the world holds of one login.
type attempt struct {
	ctx     context.Context
	cancel  context.CancelFunc
	flow    identity.Flow
	session *identity.Session
	// record is what the vault holds of the session; nil: it is in memory alone.
	record *vault.Record
	// kept: something of this attempt was on its way into the vault, if it did not arrive.
	kept bool
}

// New prepares a kiosk; Run starts it.
func New(o Options) *Kiosk {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Backoff == (backoff.Policy{}) {
		o.Backoff = backoff.Default()
	}
	return &Kiosk{Options: o, queue: newQueue(), attempts: map[int]*attempt{}}
}

// Post puts an event on the queue. It never blocks and may be called from anywhere.
func (k *Kiosk) Post(e login.Event) { k.queue.put(e) }

// Run turns the loop until the candidate's end (nil: the process should exit and be
// started anew) or until ctx is done (its error).
func (k *Kiosk) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.ctx = ctx
	k.Settings.Records = records(k.Hello.Notes, k.Clock.Now().Wall.Location())
	state, effects := login.Start(k.Settings, k.Clock.Now())
	k.state = state
	k.show()
	k.perform(effects)
	k.begin()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	moment := time.NewTimer(tick)
	moment.Stop()
	defer moment.Stop()
	for !k.done {
		k.arm(moment)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			k.advance()
		case <-moment.C:
			k.advance()
		case <-k.queue.ready:
			for _, e := range k.queue.take() {
				k.advance()
				k.step(e)
			}
		case e, ok := <-k.Supervisor.Events():
			if !ok {
				return supervisor.ErrGone
			}
			k.supervised(e)
		}
	}
	return nil
}

// begin posts what this process finds when it starts.
func (k *Kiosk) begin() {
	if k.Hello.PlayerRunning {
		k.Post(login.PlayerRunning{})
	}
	k.recall()
}

// advance moves the machine's clock.
func (k *Kiosk) advance() {
	k.step(login.Tick{At: k.Clock.Now()})
}

// arm sets the timer to the next moment that matters, so that nobody waits for the tick after it.
func (k *Kiosk) arm(moment *time.Timer) {
	due := k.state.Due()
	if due == k.due {
		return
	}
	k.due = due
	if due == 0 {
		moment.Stop()
		return
	}
	moment.Reset(due - k.Clock.Now().Boot)
}

func (k *Kiosk) step(e login.Event) {
	if k.done {
		drop(e)
		return
	}
	_, challenged := e.(login.Challenged)
	if _, granted := e.(login.Granted); challenged || granted {
		k.mu.Lock()
		k.failures.End()
		k.mu.Unlock()
	}
	state, effects := login.Step(k.state, e)
	k.state = state
	k.show()
	k.perform(effects)
}

// drop wipes what an event brings that nobody will hear.
func drop(e login.Event) {
	if e, ok := e.(login.SubmitPassword); ok {
		e.Secret.Close()
	}
	if e, ok := e.(login.SubmitCode); ok {
		e.Secret.Close()
	}
}

// show draws what changed and logs a change of screen.
func (k *Kiosk) show() {
	k.note()
	v := login.Look(k.state)
	if reflect.DeepEqual(v, k.view) {
		return
	}
	if v.Screen != k.view.Screen {
		k.Log.Info("screen", "screen", string(v.Screen))
	}
	k.view = v
	k.Show(v)
}

// supervised follows what the supervisor tells.
func (k *Kiosk) supervised(e supervisor.Event) {
	switch e := e.(type) {
	case supervisor.PlayerExited:
		// Through the queue: what begin or a hand-off posted comes first.
		k.Post(login.PlayerExited{Code: e.Code})
	case supervisor.RenewRequested:
		go k.renew(e.ID)
	}
}

// wait is how long until the next try where the service did not say. What fails on this
// side of the service spares it nothing, and is tried again soon.
func (k *Kiosk) wait(kind identity.Kind) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.Backoff
	if slices.Contains([]identity.Kind{identity.NoNetwork, identity.NoRoute, identity.NameNotFound, identity.CaptivePortal}, kind) {
		p.Most = min(p.Most, backoff.Default().Most)
	}
	return k.failures.Next(p, k.Clock.Now().Boot, k.Rand)
}

// queue is unbounded: a screen must never wait for the loop, and a person cannot
// outrun it.
type queue struct {
	mu     *sync.Mutex
	events *[]login.Event
	ready  chan struct{}
}

func newQueue() queue {
	return queue{mu: new(sync.Mutex), events: new([]login.Event), ready: make(chan struct{}, 1)}
}

func (q queue) put(e login.Event) {
	q.mu.Lock()
	*q.events = append(*q.events, e)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default: // a wake-up is pending already
	}
}

func (q queue) take() []login.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := *q.events
	*q.events = nil
	return out
}
