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
