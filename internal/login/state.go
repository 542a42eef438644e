package login

import (
	"time"

	"portillon/internal/identity"
)

// Settings is what the machine needs of the centre's configuration.
type Settings struct {
	Domains         []string      // near misses are sought against these
	RememberOffered bool          // «Se souvenir de moi» is on the screen
	IdleReset       time.Duration // screens 1 and 2
	SetupURI        string        // where an account is set up, unless the service says
	RetryMost       time.Duration // the longest wait before a safe request repeats itself; 0: 15 s
	Demonstration   bool          // lockdown = "off": preflight lets through
	Records         []Record      // what «Rapport» held in the process before this
}

// State is the one value a login is. It is made by Start and advanced by Step;
// its fields belong to the machine. It holds no secret.
type State struct {
	set Settings
	now Instant

	screen  Screen // the screen underneath help and trouble
	help    helpState
	trouble troubleState
	pre     preflightState

	email    string
	caret    int // in runes
	nearMiss string
	askedAt  time.Duration // Boot, when the near miss was put as a question
	refused  string        // the address for which a suggestion was refused
	unknown  bool
	err      Text // empty Key: none

	// counters only grow, so that a Ref is never used twice.
	attempt, request int
	pending          pending

	flow flowState

	passwordTyped, codeTyped int
	passwordEpoch, codeEpoch int
	shown, remember          bool
	forgotten                bool
	wrongs                   int

	code codeState

	conn connState

	touched   time.Duration // Boot time of the last touch
	endedAt   time.Duration
	remind    bool // a remembered session of this boot waits for the preflight
	textSteps int
	records   []Record  // of «Rapport»
	addSince  time.Time // Wall, when procedure 3 was first opened for this candidate
}

// op is what a pending request is about.
type op int

const (
	opNone op = iota
	opResume
	opBegin
	opAskCode
	opPassword
	opCode
	opSeal
	opHandOff
)

// pending is the one request whose answer is awaited.
type pending struct {
	op  op
	ref Ref
}

// flowState is a login open at the service.
type flowState struct {
	open             bool
	attempt          int
	email            identity.Email
	password, mailed bool
	codeValid        time.Duration
	setupURI         string
}

type codeState struct {
	sent     bool
	deadline time.Duration // Boot
	total    time.Duration
	resendAt time.Duration // Boot; also set by a refused send
	asked    time.Time     // Wall
	length   int
	target   string
	expired  bool
	spent    bool // used up by too many tries, or used: another is needed
	expiries int
}

type connState struct {
	on          bool // screen 4 has been reached
	attempt     int
	granted     bool
	sealed      bool
	handedOff   bool
	name        string
	denyUntil   time.Duration
	relaunches  int
	interrupted bool
}

type troubleState struct {
	on      bool
	failure Failure
	op      op
	retryAt time.Duration
	final   bool
	retried bool // the request under way is a repetition that nobody asked for
}

type preflightState struct {
	checks  []Check
	ref     Ref
	running bool
	done    bool
	goAt    time.Duration // screen 1 follows then
	againAt time.Duration // the checks are run again then
}

// turn is one call of Step: the state being advanced and the effects so far.
type turn struct {
	State
	out []Effect
}

func (t *turn) do(e Effect) { t.out = append(t.out, e) }

// ask makes op the awaited request of the current attempt and returns its Ref.
func (t *turn) ask(o op) Ref {
	t.request++
	t.pending = pending{op: o, ref: Ref{Attempt: t.attempt, Request: t.request}}
	return t.pending.ref
}

// answered reports whether ref is the awaited one, and if so ends the wait.
func (t *turn) answered(ref Ref) (op, bool) {
	if t.pending.op == opNone || t.pending.ref != ref {
		return opNone, false
	}
	o := t.pending.op
	t.pending = pending{}
	return o, true
}

func (t *turn) busy() bool { return t.pending.op != opNone }

// fail puts the one error line on the screen.
func (t *turn) fail(key string) { t.err = Text{Key: key} }

func (t *turn) clearError() { t.err = Text{} }

// Start is a machine just switched on, and its first effects.
func Start(set Settings, now Instant) (State, []Effect) {
	t := &turn{State: State{set: set, now: now, touched: now.Boot, records: lastRecords(nil, set.Records)}}
	t.toPreflight()
	t.record("")
	return t.State, t.out
}

// Step advances s by one event. It is total: every event is accepted in every
// state, and one that means nothing there changes nothing, save that a secret
// it carries is wiped and a session it brings is discarded.
func Step(s State, e Event) (State, []Effect) {
	t := &turn{State: s}
	e.step(t)
	t.record(s.inView())
	return t.State, t.out
}

// reset is the end of a candidate: everything is forgotten but the counters,
// the clock and the settings, and the checks begin anew.
func (t *turn) reset() {
	if t.busy() || t.flow.open || t.conn.on {
		t.do(Discard{Attempt: t.attempt})
	}
	t.State = State{
		set: t.set, now: t.now, touched: t.now.Boot,
		attempt: t.attempt, request: t.request, records: t.records,
		passwordEpoch: t.passwordEpoch + 1, codeEpoch: t.codeEpoch + 1,
	}
	t.do(Reset{})
	t.toPreflight()
}
