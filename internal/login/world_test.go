package login

import (
	"reflect"
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
