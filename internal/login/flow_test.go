package login

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"portillon/internal/identity"
	"portillon/internal/procedure"
)

var update = flag.Bool("update", false, "rewrite the flows' traces")

// TestFlows plays each testdata/flows/*.txtar: the file "events" holds one event
// a line, the file "trace" what came of each: its effects, and the view where it
// changed.
func TestFlows(t *testing.T) {
	files, err := filepath.Glob("testdata/flows/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("flows: %d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, part(a, "events"))
			if *update {
				setPart(a, "trace", got)
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := part(a, "trace"); got != want {
				t.Errorf("trace differs (run with -update and read the diff)\n--- got\n%s\n--- want\n%s", got, want)
			}
		})
	}
}

func part(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setPart(a *txtar.Archive, name, data string) {
	for i := range a.Files {
		if a.Files[i].Name == name {
			a.Files[i].Data = []byte(data)
			return
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(data)})
}

// player plays events and remembers the Refs asked for.
type player struct {
	t     *testing.T
	s     State
	set   Settings
	last  Ref // of the newest effect that awaits an answer
	older Ref // of the one before
	pre   Ref // of the newest preflight
	out   strings.Builder
	seen  View
}

var testWall = time.Date(2026, 10, 19, 9, 42, 0, 0, time.UTC)

func testSettings() Settings {
	return Settings{
		Domains:         []string{"univ-uness.fr", "etu.univ-uness.fr"},
		RememberOffered: true,
		IdleReset:       2 * time.Minute,
		SetupURI:        "https://portail.uness.fr",
	}
}

func play(t *testing.T, events string) string {
	p := &player{t: t, set: testSettings()}
	lines := strings.Split(strings.TrimSpace(events), "\n")
	if strings.HasPrefix(lines[0], "settings ") {
		p.settings(lines[0])
		lines = lines[1:]
	}
	var out []Effect
	p.s, out = Start(p.set, Instant{Boot: time.Hour, Wall: testWall})
	p.record("start", out)
	for _, l := range lines {
		if l = strings.TrimSpace(l); l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		p.line(l)
	}
	return p.out.String()
}

func (p *player) settings(l string) {
	for _, w := range strings.Fields(l)[1:] {
		switch w {
		case "demonstration":
			p.set.Demonstration = true
		case "remember=hidden":
			p.set.RememberOffered = false
		default:
			p.t.Fatalf("setting %q", w)
		}
	}
}

func (p *player) line(l string) {
	verb, rest, _ := strings.Cut(l, " ")
	var out []Effect
	step := func(e Event) {
		var o []Effect
		p.s, o = Step(p.s, e)
		out = append(out, o...)
	}
	switch verb {
	case "type":
		for _, r := range rest {
			step(Key{r})
		}
	case "wait": // a second at a time, as the kiosk does
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.t.Fatal(err)
		}
		for ; d > 0; d -= time.Second {
			now := p.s.now
			step(Tick{Instant{now.Boot + time.Second, now.Wall.Add(time.Second)}})
		}
	default:
		step(p.event(verb, strings.Fields(rest)))
	}
	p.record(l, out)
}

var plain = map[string]Event{
	"submit-email": SubmitEmail{}, "backspace": Backspace{}, "delete": Delete{}, "accept": AcceptSuggestion{},
	"refuse": RefuseSuggestion{}, "request-code": RequestCode{}, "enter-code": EnterCode{}, "show": ToggleShown{},
	"remember": ToggleRemember{}, "forgotten": OpenForgotten{}, "setup": OpenSetup{}, "setup-done": SetupDone{},
	"not-me": NotMe{}, "retry": RetryNow{}, "help": OpenHelp{}, "back": Back{}, "aa": StepText{}, "touch": Touched{},
	"confirm-power": ConfirmPower{}, "power-refused": PowerRefused{}, "player-running": PlayerRunning{}, "remembered": Remembered{},
}

func (p *player) event(verb string, args []string) Event {
	ref := p.last
	if len(args) > 0 && args[0] == "stale" {
		ref, args = p.older, args[1:]
	}
	arg := func(name, otherwise string) string {
		for _, a := range args {
			if v, ok := strings.CutPrefix(a, name+"="); ok {
				return v
			}
		}
		return otherwise
	}
	dur := func(name string) time.Duration {
		d, err := time.ParseDuration(arg(name, "0s"))
		if err != nil {
			p.t.Fatal(err)
		}
		return d
	}
	num := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			p.t.Fatal(err)
		}
		return n
	}
	switch verb {
	case "domain":
		return Domain{args[0]}
	case "insert":
		return Insert{args[0]}
	case "caret":
		return CaretTo{num(args[0])}
	case "close-help":
		return CloseHelp{procedure.Goal(strings.Join(args, ""))}
	case "help-to":
		return HelpTo{procedure.ID(args[0])}
	case "password":
		return SubmitPassword{p.secret(args)}
	case "code":
		return SubmitCode{p.secret(args)}
	case "aside":
		return OpenAside{Aside(args[0])}
	case "power":
		return ChoosePower{PowerAction(args[0])}
	case "typed":
		return Typed{Field(args[0]), num(args[1])}
	case "checked":
		return Checked{Ref: p.pre, Checks: checks(args), Done: true}
	case "challenged":
		return Challenged{ref, challenge(args, dur)}
	case "failed":
		return Failed{ref, Failure{Kind: kind(p.t, args[0]), Remaining: num(arg("remaining", "-1")), RetryAfter: dur("retry"),
			SetupURI: arg("setup", ""), Correlation: arg("correlation", ""), Backoff: dur("backoff")}}
	case "granted":
		return Granted{ref, strings.Join(args, " ")}
	case "not-remembered":
		return NotRemembered{ref}
	case "sealed":
		return Sealed{Ref: ref, Kept: true}
	case "handed-off":
		return HandedOff{ref}
	case "exit":
		return PlayerExited{num(args[0])}
	}
	e, ok := plain[verb]
	if !ok {
		p.t.Fatalf("unknown event %q", verb)
	}
	return e
}

func (p *player) secret(args []string) *identity.Secret {
	s, err := identity.NewSecret()
	if err != nil {
		p.t.Fatal(err)
	}
	for i, r := range strings.Join(args, " ") {
		if err := s.Insert(i, r); err != nil {
			p.t.Fatal(err)
		}
	}
	return s
}

func kind(t *testing.T, name string) identity.Kind {
	for _, k := range identity.Kinds() {
		if k.String() == name {
			return k
		}
	}
	t.Fatalf("no kind %q", name)
	return 0
}

func challenge(args []string, dur func(string) time.Duration) identity.Challenge {
	c := identity.Challenge{CodeValid: dur("valid")}
	for _, a := range args {
		switch a {
		case "password":
			c.Password = true
		case "email_code":
			c.EmailCode = true
		case "sent":
			c.Sent = &identity.SentCode{Length: 6, ValidFor: dur("for"), ResendAfter: dur("resend"), Target: "m•••@univ-uness.fr"}
		}
	}
	return c
}

// checks reads "network:waiting:failed" and the like.
func checks(args []string) []Check {
	var out []Check
	for _, a := range args {
		f := strings.Split(a, ":")
		if len(f) == 3 {
			out = append(out, Check{ID: f[0], Grade: Grade(f[1]), Status: CheckStatus(f[2])})
		}
	}
	return out
}

func (p *player) record(line string, out []Effect) {
	fmt.Fprintf(&p.out, "> %s\n", line)
	for _, e := range out {
		if ref, ok := refOf(e); ok {
			if _, isPre := e.(Preflight); isPre {
				p.pre = ref
			} else {
				p.older, p.last = p.last, ref
			}
		}
		fmt.Fprintf(&p.out, "  %s\n", strings.TrimPrefix(fmt.Sprintf("%T%+v", e, e), "login."))
	}
	if v := Look(p.s); !reflect.DeepEqual(v, p.seen) {
		fmt.Fprintf(&p.out, "  = %s\n", brief(v))
		p.seen = v
	}
}

func refOf(e Effect) (Ref, bool) {
	f := reflect.ValueOf(e).FieldByName("Ref")
	if !f.IsValid() {
		return Ref{}, false
	}
	return f.Interface().(Ref), true
}

// brief is a view on one line.
func brief(v View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", v.Screen)
	if v.Busy {
		b.WriteString(" busy")
	}
	if v.Error != nil {
		fmt.Fprintf(&b, " error=%s", v.Error.Key)
		if v.Error.Count != 0 {
			fmt.Fprintf(&b, "(%d)", v.Error.Count)
		}
	}
	if v.Clock != nil {
		fmt.Fprintf(&b, " clock=%d/%s", v.Clock.Seconds, v.Clock.Stage)
	}
	if v.Idle > 0 {
		fmt.Fprintf(&b, " idle=%d", v.Idle)
	}
	if v.TextPercent != 100 || v.HighContrast {
		fmt.Fprintf(&b, " text=%d/%v", v.TextPercent, v.HighContrast)
	}
	if v.Password != nil { // its running code is v.Clock, printed above
		p := *v.Password
		p.CodeRunning = nil
		v.Password = &p
	}
	if v.Help != nil && v.Help.NextSlot != nil {
		fmt.Fprintf(&b, " slot=%d:%02d in %d", v.Help.SlotHour, v.Help.SlotMinute, v.Help.NextSlot.Seconds)
		h := *v.Help
		h.NextSlot = nil
		v.Help = &h
	}
	if v.Help != nil {
		h := *v.Help
		if h.Power != nil {
			fmt.Fprintf(&b, " power=%+v", *h.Power)
			h.Power = nil
		}
		if h.Report != nil {
			b.WriteString(" report=")
			for _, r := range h.Report.Records {
				fmt.Fprintf(&b, "%s/%s/%s ", r.At.Format("15:04:05"), r.Screen, r.Kind)
			}
			h.Report = nil
		}
		v.Help = &h
	}
	for _, part := range []any{v.Preflight, v.Email, v.Password, v.Code, v.Setup, v.Help, v.Trouble, v.Connected, v.Ended} {
		if r := reflect.ValueOf(part); !r.IsNil() {
			fmt.Fprintf(&b, " %+v", r.Elem().Interface())
		}
	}
	return b.String()
}
