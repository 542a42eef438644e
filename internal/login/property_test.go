package login

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portillon/internal/identity"
	"portillon/internal/procedure"
)

// world answers a machine as a kiosk would, or as a broken one: refs are drawn from all
// that were ever asked for.
type world struct {
	s       State
	refs    []Ref
	sent    map[*identity.Secret]int // how often each secret left or was wiped
	secrets []*identity.Secret
	granted map[int]bool // attempts whose session the kiosk holds
	sealed  map[int]bool
}

const canary = "cAnArY" // typed into every secret of the properties

func newWorld(t *rapid.T) *world {
	set := testSettings()
	set.RememberOffered = rapid.Bool().Draw(t, "remember offered")
	w := &world{sent: map[*identity.Secret]int{}, granted: map[int]bool{}, sealed: map[int]bool{}}
	s, out := Start(set, Instant{Boot: time.Hour, Wall: testWall})
	w.s = s
	w.effects(t, out)
	return w
}

func (w *world) effects(t *rapid.T, out []Effect) {
	for _, e := range out {
		if ref, ok := refOf(e); ok {
			w.refs = append(w.refs, ref)
		}
		switch e := e.(type) {
		case SendPassword:
			w.sent[e.Secret]++
		case SendCode:
			w.sent[e.Secret]++
		case WipeSecret:
			w.sent[e.Secret]++
		case Seal:
			if !w.granted[e.Ref.Attempt] {
				t.Fatalf("sealed attempt %d before it was granted", e.Ref.Attempt)
			}
		case HandOff:
			if !w.sealed[e.Ref.Attempt] {
				t.Fatalf("handed off attempt %d before it was sealed", e.Ref.Attempt)
			}
		case Power:
			if w.s.conn.on || w.s.flow.open {
				t.Fatal("a login under way was switched off")
			}
		case Preflight, Begin, AskCode, Resume, Relaunch, Discard, Reset, Outcome:
		}
	}
}

func (w *world) step(t *rapid.T, e Event) []Effect {
	switch e := e.(type) { // what the kiosk would then hold
	case Granted:
		w.granted[e.Ref.Attempt] = true
	case Sealed:
		w.sealed[e.Ref.Attempt] = true
	}
	before := w.s
	s, out := Step(w.s, e)
	again, out2 := Step(before, e)
	if !reflect.DeepEqual(s, again) || !reflect.DeepEqual(out, out2) {
		t.Fatalf("%T%+v is not deterministic", e, e)
	}
	w.s = s
	w.effects(t, out)
	return out
}

func (w *world) secret(t *rapid.T) *identity.Secret {
	s, err := identity.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range canary[:rapid.IntRange(0, len(canary)).Draw(t, "secret")] {
		if err := s.Insert(i, r); err != nil {
			t.Fatal(err)
		}
	}
	w.secrets = append(w.secrets, s)
	return s
}

func (w *world) ref(t *rapid.T) Ref {
	if len(w.refs) == 0 || rapid.IntRange(0, 9).Draw(t, "invented ref") == 0 {
		return Ref{rapid.IntRange(0, 9).Draw(t, "attempt"), rapid.IntRange(0, 99).Draw(t, "request")}
	}
	if rapid.IntRange(0, 2).Draw(t, "newest ref") > 0 {
		return w.refs[len(w.refs)-1]
	}
	return rapid.SampledFrom(w.refs).Draw(t, "ref")
}

func (w *world) failure(t *rapid.T) Failure {
	return Failure{
		Kind:       rapid.SampledFrom(identity.Kinds()).Draw(t, "kind"),
		Remaining:  rapid.IntRange(-1, 5).Draw(t, "remaining"),
		RetryAfter: time.Duration(rapid.IntRange(0, 90).Draw(t, "retry")) * time.Second,
		Backoff:    time.Duration(rapid.IntRange(0, 20000).Draw(t, "backoff")) * time.Millisecond,
	}
}

func (w *world) challenge(t *rapid.T) identity.Challenge {
	c := identity.Challenge{Password: rapid.Bool().Draw(t, "pw"), EmailCode: rapid.Bool().Draw(t, "mail"), CodeValid: 3 * time.Minute}
	if rapid.Bool().Draw(t, "sent") {
		c.Sent = &identity.SentCode{Length: rapid.IntRange(0, 12).Draw(t, "length"),
			ValidFor:    time.Duration(rapid.IntRange(0, 300).Draw(t, "valid")) * time.Second,
			ResendAfter: time.Duration(rapid.IntRange(0, 60).Draw(t, "resend")) * time.Second}
	}
	return c
}

// screenEvents are what a person can do, in a random order no person would.
func (w *world) screenEvent(t *rapid.T) Event {
	fixed := []Event{SubmitEmail{}, Backspace{}, Delete{}, AcceptSuggestion{}, RefuseSuggestion{}, RequestCode{}, EnterCode{},
		ToggleShown{}, ToggleRemember{}, OpenForgotten{}, OpenSetup{}, SetupDone{}, NotMe{}, RetryNow{}, OpenHelp{}, Back{},
		StepText{}, Touched{}, OpenAside{AsidePower}, OpenAside{AsideReport}, ChoosePower{PowerOff}, ChoosePower{PowerNone}, ConfirmPower{}, HelpTo{"nowhere"}, CloseHelp{procedure.GoalAddress}, CloseHelp{procedure.GoalScreen},
		HelpTo{rapid.SampledFrom(procedure.Pages()).Draw(t, "page").ID}, Insert{"marie@univ-uness.fr"}, Insert{"x"}, Domain{"univ-uness.fr"},
		CaretTo{rapid.IntRange(-3, 300).Draw(t, "caret")}, Key{rapid.Rune().Draw(t, "rune")},
		Typed{FieldPassword, rapid.IntRange(-1, 200).Draw(t, "n")}, Typed{FieldCode, 6}, Typed{FieldNone, 1}}
	i := rapid.IntRange(0, len(fixed)+1).Draw(t, "screen event")
	switch {
	case i < len(fixed):
		return fixed[i]
	case i == len(fixed):
		return SubmitPassword{w.secret(t)}
	}
	return SubmitCode{w.secret(t)}
}

func (w *world) kioskEvent(t *rapid.T) Event {
	switch rapid.IntRange(0, 11).Draw(t, "kiosk event") {
	case 10:
		return PowerRefused{}
	case 0:
		return Checked{Ref: w.ref(t), Done: rapid.Bool().Draw(t, "done"), Checks: []Check{{ID: "network",
			Grade:  rapid.SampledFrom([]Grade{GradeBlocking, GradeWaiting, GradeWarning}).Draw(t, "grade"),
			Status: rapid.SampledFrom([]CheckStatus{CheckOK, CheckFailed}).Draw(t, "status")}}}
	case 1, 2:
		return Challenged{w.ref(t), w.challenge(t)}
	case 3:
		return Failed{w.ref(t), w.failure(t)}
	case 4, 5:
		return Granted{w.ref(t), "Marie Curie"}
	case 6:
		return NotRemembered{w.ref(t)}
	case 7:
		return Sealed{Ref: w.ref(t)}
	case 8:
		return HandedOff{w.ref(t)}
	case 9:
		return PlayerExited{rapid.IntRange(0, 1).Draw(t, "exit")}
	}
	return Remembered{}
}

func (w *world) tick(t *rapid.T, d time.Duration) {
	w.step(t, Tick{Instant{w.s.now.Boot + d, w.s.now.Wall.Add(d)}})
}

func (w *world) anything(t *rapid.T) {
	switch rapid.IntRange(0, 4).Draw(t, "who") {
	case 0, 1:
		w.step(t, w.screenEvent(t))
	case 2, 3:
		w.step(t, w.kioskEvent(t))
	default:
		w.tick(t, time.Duration(rapid.IntRange(-2, 200).Draw(t, "seconds"))*time.Second)
	}
}

// TestAnything: whatever happens in whatever order, the machine stands, answers
// the same twice, shows no secret, sends or wipes each secret exactly once, and
// connects only what was granted, sealed and handed off in one attempt.
func TestAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(0, 80).Draw(t, "length") {
			before := w.s.conn.handedOff
			w.anything(t)
			v := Look(w.s)
			if !reflect.DeepEqual(v, Look(w.s)) {
				t.Fatal("Look is not deterministic")
			}
			wellFormed(t, v)
			if text := fmt.Sprintf("%+v", deref(v)); strings.Contains(text, canary) {
				t.Fatalf("a secret in a view: %s", text)
			}
			if w.s.conn.handedOff && !before && (!w.granted[w.s.conn.attempt] || !w.sealed[w.s.conn.attempt]) {
				t.Fatal("connected without granted and sealed")
			}
		}
		for _, s := range w.secrets {
			if w.sent[s] != 1 {
				t.Fatalf("a secret was sent or wiped %d times", w.sent[s])
			}
			s.Close()
		}
	})
}

// wellFormed: exactly the member named by Screen is set, and numbers are in range.
func wellFormed(t *rapid.T, v View) {
	set := map[Screen]bool{
		ScreenPreflight: v.Preflight != nil, ScreenEmail: v.Email != nil, ScreenPassword: v.Password != nil,
		ScreenCode: v.Code != nil, ScreenSetup: v.Setup != nil, ScreenHelp: v.Help != nil, ScreenTrouble: v.Trouble != nil,
		ScreenConnected: v.Connected != nil, ScreenEnded: v.Ended != nil,
	}
	for sc, on := range set {
		if want := sc == v.Screen || (sc == ScreenPreflight && v.Screen == ScreenNoncompliant); on != want {
			t.Fatalf("screen %q, member of %q set: %v", v.Screen, sc, on)
		}
	}
	if v.Code != nil && (v.Code.Left.Seconds < 0 || v.Code.Length < 1 || v.Code.ResendIn < 0) {
		t.Fatalf("code view %+v", *v.Code)
	}
	if v.Help != nil && v.Help.Report != nil && len(v.Help.Report.Records) > maxRecords {
		t.Fatalf("%d records", len(v.Help.Report.Records))
	}
	if v.Trouble != nil && !v.Trouble.Final && v.Trouble.RetryIn < 0 {
		t.Fatalf("trouble view %+v", *v.Trouble)
	}
}

func deref(v View) []any {
	out := []any{v}
	for _, p := range []any{v.Preflight, v.Email, v.Password, v.Code, v.Setup, v.Help, v.Trouble, v.Connected, v.Ended, v.Error, v.Clock} {
		if r := reflect.ValueOf(p); !r.IsNil() {
			out = append(out, r.Elem().Interface())
		}
	}
	return out
}

// TestStaleAnswers: an answer nobody waits for changes nothing, and what it
// brought is discarded.
func TestStaleAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(0, 60).Draw(t, "length") {
			w.anything(t)
		}
		stale := Ref{Attempt: w.s.attempt + 7, Request: 1000}
		if len(w.refs) > 1 && rapid.Bool().Draw(t, "old") {
			stale = w.refs[0]
		}
		if stale == w.s.pending.ref || stale == w.s.pre.ref {
			return
		}
		for _, e := range []Event{Challenged{stale, w.challenge(t)}, Failed{stale, w.failure(t)}, Granted{stale, "X"},
			NotRemembered{stale}, Sealed{Ref: stale}, HandedOff{stale}, Checked{Ref: stale, Done: true}} {
			before := w.s
			out := w.step(t, e)
			if !reflect.DeepEqual(before, w.s) {
				t.Fatalf("stale %T changed the state", e)
			}
			if _, ok := e.(Granted); ok && (!w.s.conn.on || w.s.conn.attempt != stale.Attempt) &&
				!reflect.DeepEqual(out, []Effect{Discard{stale.Attempt}}) {
				t.Fatalf("a stale session was not discarded: %v", out)
			}
		}
	})
}

// TestWayBack: from every state the first screen can be reached, by Back, by
// touch and by waiting, with the world answering failures; save a running exam,
// whose end does it.
func TestWayBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(0, 60).Draw(t, "length") {
			w.anything(t)
		}
		for range 40 {
			if w.s.screen == ScreenEmail && !w.s.help.on && !w.s.trouble.on && !w.s.forgotten {
				return
			}
			switch {
			case w.s.pending.op == opSeal:
				w.step(t, Sealed{Ref: w.s.pending.ref})
				w.sealed[w.s.conn.attempt] = true
			case w.s.pending.op == opHandOff:
				w.step(t, HandedOff{w.s.pending.ref})
			case w.s.pending.op != opNone:
				w.step(t, Failed{w.s.pending.ref, Failure{Kind: identity.SessionExpired, Remaining: -1}})
			case w.s.pre.running:
				w.step(t, Checked{Ref: w.s.pre.ref, Done: true})
			case w.s.conn.handedOff:
				w.step(t, PlayerExited{0})
			}
			w.step(t, Back{})
			w.step(t, NotMe{})
			w.tick(t, 61*time.Second)
		}
		t.Fatalf("no way back from %s", brief(Look(w.s)))
	})
}

// TestTypedSurvives: no failure but a wrong secret, and no answer at all, empties
// a field or changes the address.
func TestTypedSurvives(t *testing.T) {
	for _, sc := range []Screen{ScreenEmail, ScreenPassword, ScreenCode} {
		for _, k := range identity.Kinds() {
			s := at(t, sc)
			before := s
			s, _ = Step(s, Failed{s.pending.ref, Failure{Kind: k, Remaining: -1}})
			wrongCode := sc == ScreenCode && (k == identity.WrongCode || k == identity.CodeUsed ||
				k == identity.CodeSuperseded || k == identity.TooManyAttempts)
			wrongPassword := sc == ScreenPassword && k == identity.WrongPassword
			if s.email != before.email {
				t.Errorf("%s on %s: the address changed", k, sc)
			}
			if (s.passwordEpoch != before.passwordEpoch) != wrongPassword {
				t.Errorf("%s on %s: password emptied: %v", k, sc, !wrongPassword)
			}
			if (s.codeEpoch != before.codeEpoch) != wrongCode {
				t.Errorf("%s on %s: code emptied: %v", k, sc, !wrongCode)
			}
		}
	}
}

// at is a machine that waits for the answer to what screen sc submits.
func at(t *testing.T, sc Screen) State {
	set := testSettings()
	set.RememberOffered = false
	s, out := Start(set, Instant{Boot: time.Hour, Wall: testWall})
	do := func(e Event) { s, out = Step(s, e) }
	tick := func(d time.Duration) { do(Tick{Instant{s.now.Boot + d, s.now.Wall.Add(d)}}) }
	secret := func() *identity.Secret {
		x, err := identity.NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(x.Close)
		for i := range 6 {
			if err := x.Insert(i, '1'); err != nil {
				t.Fatal(err)
			}
		}
		return x
	}
	do(Checked{Ref: s.pre.ref, Done: true})
	tick(2 * time.Second)
	do(Insert{"marie@univ-uness.fr"})
	do(SubmitEmail{})
	if sc == ScreenEmail {
		return s
	}
	do(Challenged{s.pending.ref, identity.Challenge{Password: true, EmailCode: true}})
	do(Typed{FieldPassword, 6})
	if sc == ScreenPassword {
		do(SubmitPassword{secret()})
		return s
	}
	do(RequestCode{})
	do(Challenged{s.pending.ref, identity.Challenge{Sent: &identity.SentCode{Length: 6, ValidFor: 3 * time.Minute}}})
	do(Typed{FieldCode, 6})
	do(SubmitCode{secret()})
	if len(out) != 1 || s.screen != sc {
		t.Fatalf("not waiting on %s", sc)
	}
	return s
}

// TestHelpLosesNothing: whatever is opened, answered and left in the help, the screen
// below, its fields and its address are as they were.
func TestHelpLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(0, 60).Draw(t, "length") {
			w.anything(t)
		}
		if w.s.help.on {
			w.step(t, CloseHelp{procedure.GoalScreen})
		}
		before := w.s
		w.step(t, OpenHelp{})
		if !w.s.help.on {
			t.Fatalf("the help does not open on %s", before.screen)
		}
		for range rapid.IntRange(0, 20).Draw(t, "pages") {
			w.step(t, HelpTo{rapid.SampledFrom(procedure.Pages()).Draw(t, "page").ID})
			if rapid.Bool().Draw(t, "back") && len(w.s.help.trail) > 0 {
				w.step(t, Back{})
			}
		}
		for n := 0; w.s.help.on; n++ {
			if n > len(procedure.Pages()) {
				t.Fatal("«Retour» does not lead out of the help")
			}
			w.step(t, Back{})
		}
		after := w.s
		// What the time out of sight moves is not lost.
		after.addSince, after.conn.denyUntil, after.endedAt = before.addSince, before.conn.denyUntil, before.endedAt
		after.touched, after.records = before.touched, before.records // «Rapport» tells of the help too
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}
