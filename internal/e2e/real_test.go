//go:build realidp

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"portillon/internal/e2e/hands"
	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/realidp"
)

// The tablet's program against servers that nobody here wrote. A server that cannot be had
// is said by internal/realidp's own tests, which run first.

const realCodeLife = 30 * time.Second

var pupil = person{"zoe.martin@univ-uness.fr", "Mot-2-passe", "Zoé Martin"}

// server is a real one, as these tests use it.
type server struct {
	lines       string // of [identity], and of its own table
	survey      string // how doctor's line about it begins
	url, caFile string
	codes       func(to string) []string
	stop        func() error
	start       func(context.Context) error
}

// at makes a room whose tablet is configured for s.
func at(t *testing.T, s server) *room {
	t.Helper()
	player := filepath.Join(t.TempDir(), "casplayer")
	if out, err := exec.Command("go", "build", "-o", player, "./casplayer").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := prepare(t)
	ca, err := os.ReadFile(s.caFile)
	r.must(err)
	r.must(os.WriteFile(r.path("real.pem"), ca, 0o644))
	program, err := os.ReadFile(player)
	r.must(err)
	r.must(os.WriteFile(r.path("casplayer"), program, 0o755))
	text, err := os.ReadFile(r.path("portillon.toml"))
	r.must(err)
	before, rest, _ := strings.Cut(string(text), "[identity]")
	_, after, _ := strings.Cut(rest, "[login]")
	after, _, _ = strings.Cut(after, "[exam]")
	// A server in Java may take minutes to be back, and a screen that nobody touches empties itself.
	after = regexp.MustCompile(`(?m)^idle_reset = .*$`).ReplaceAllString(after, `idle_reset = "30m"`)
	own := "[identity]\n" + strings.ReplaceAll(s.lines, "CA", r.path("real.pem"))
	exam := "[exam]\ncommand = [\"" + r.path("casplayer") + "\", \"" + s.url + "\", \"" + r.path("real.pem") + "\"]\nhosts = [\"evaluation.example:443\"]\n"
	r.must(os.WriteFile(r.path("portillon.toml"), []byte(before+own+"\n[login]"+after+exam), 0o644))
	out, err := r.asUser(shared.portillonctl, "config", "check", r.path("portillon.toml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), ": valid\n") {
		t.Fatalf("config check: %v\n%s", err, out)
	}
	if c := r.examined(); !c.OK || !strings.HasPrefix(c.Detail, s.survey) {
		t.Errorf("doctor says of the server: %+v", c)
	}
	r.slow = 3 // a server in Java beside the tablet
	r.switchOn()
	r.on("email")
	r.see(emailScreen("")) // before it is drawn it takes no keys
	return r
}

// says types an address, sees it there, and sends it.
func (r *room) says(address string) {
	r.t.Helper()
	r.write(address)
	r.see(emailScreen(address))
	r.press(hands.Return)
}

// proves types a password on a screen that is drawn.
func (r *room) proves(who person, password string, change ...func(*login.View)) {
	r.t.Helper()
	r.on("password")
	r.see(passwordScreen(who, change...))
	r.write(password)
	r.press(hands.Return)
}

// examined is what doctor says of the server. What else it finds is the machine's.
func (r *room) examined() (server struct {
	ID, Detail string
	OK         bool
}) {
	r.t.Helper()
	out, err := r.asUser(shared.portillonctl, "doctor", "--json", "--config", r.path("portillon.toml"),
		"--state", r.path("state"), "--root", r.path("run/machine")).Output()
	if _, blocked := errors.AsType[*exec.ExitError](err); err != nil && !blocked {
		r.t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		c := server
		r.must(json.Unmarshal(line, &c))
		if c.ID == preflight.IDServer {
			return c
		}
	}
	r.t.Fatalf("doctor says nothing of the server: %s", out)
	return server
}

// shortLived: codes whose life is less than a minute.
func shortLived(v *login.View) {
	switch {
	case v.Code != nil:
		v.Code.Minutes, v.Code.Target = 0, ""
		v.Code.Left = login.Countdown{Seconds: 0, Total: int(realCodeLife / time.Second), Stage: login.StageExpired}
		v.Code.ResendIn, v.Code.ResendPrimary = 0, true
	case v.Password != nil:
		v.Password.CodeMinutes = 0
	}
}

// newest waits for the n-th mail to the pupil and gives its code.
func (s server) newest(r *room, n int) string {
	r.t.Helper()
	eventually(r.t, patience, "a mail", func() bool { return len(s.codes(pupil.address)) >= n })
	return s.codes(pupil.address)[n-1]
}

// everything goes through what a student may meet, on one tablet.
func everything(t *testing.T, s server, unknown, wrongPassword bool, seen string) {
	r := at(t, s)
	if unknown {
		r.says("personne@univ-uness.fr")
		r.outcome("account_unknown")
		for range len("personne@univ-uness.fr") {
			r.press(hands.BackSpace)
		}
	}
	r.says(pupil.address)
	r.on("password")
	r.see(passwordScreen(pupil, shortLived))

	// The server starts anew between the two screens.
	r.must(s.stop())
	if c := r.examined(); c.OK {
		t.Errorf("doctor says of a server that is gone: %+v", c)
	}
	r.must(s.start(t.Context()))
	if wrongPassword {
		r.write("Faux-2-passe")
		r.press(hands.Return)
		r.outcome("wrong_password")
		r.see(passwordScreen(pupil, shortLived, fault("error.password.wrong", 0)))
	} else {
		r.see(passwordScreen(pupil, shortLived))
	}

	r.askCode()
	first := s.newest(r, 1)
	r.write(notCode(first))
	r.press(hands.Return)
	r.outcome("wrong_code")
	r.outcome("code_expired") // the tablet's own countdown
	r.see(codeScreen(pupil, shortLived, fault("error.code.expired", 0)))
	r.tap("Recevoir un nouveau code")
	r.outcome("code_sent")
	r.write(s.newest(r, 2))
	r.press(hands.Return)
	r.connect()
	r.on("ended")
	r.left(seen)

	// The next candidate, by password.
	r.press(hands.Return)
	r.on("email")
	r.see(emailScreen(""))
	r.says(pupil.address)
	r.proves(pupil, pupil.password, shortLived)
	r.connect()
	r.on("ended")

	for _, secret := range []string{pupil.address, pupil.password, first, "ST-", "TGT-", "TGC-", "OC-", "AT-", "execution=", "ory_st_"} {
		if strings.Contains(r.logs(), secret) {
			t.Errorf("the tablet's log holds %q", secret)
		}
	}
}

// left waits for what the player leaves behind in its own directory.
func (r *room) left(want string) {
	r.t.Helper()
	eventually(r.t, patience, "the player's word: "+want, func() bool {
		found := false
		err := filepath.WalkDir(r.dir, func(path string, _ os.DirEntry, err error) error {
			if err == nil && filepath.Base(path) == "seen" {
				text, err := os.ReadFile(path)
				found = found || err == nil && string(text) == want
			}
			return nil // what is gone meanwhile is not it
		})
		return err == nil && found
	})
}

func realCAS(t *testing.T, codeLife time.Duration) *realidp.CAS {
	t.Helper()
	program, err := realidp.BuildCAS(t.Context(), os.Stderr)
	if err != nil {
		if os.Getenv("REQUIRE_REAL_IDP") == "1" {
			t.Fatal(err)
		}
		t.Log("NOT RUN: ", err)
		return nil
	}
	c, err := realidp.StartCAS(t.Context(), program, t.TempDir(), realidp.CASOptions{CodeLife: codeLife})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := c.Add(realidp.Person{Email: pupil.address, Name: pupil.name, Password: pupil.password}); err != nil {
		t.Fatal(err)
	}
	return c
}

func casServer(c *realidp.CAS, mode string, codeLife time.Duration) server {
	return server{
		survey: "Apereo CAS " + realidp.CASVersion + "; methods told per account; mode " + mode + ", ",
		url:    c.URL, caFile: c.CAFile, codes: c.Codes, stop: c.Stop, start: c.Start,
		lines: "provider = \"cas\"\nissuer = \"" + c.URL + "\"\nclient_id = \"" + realidp.CASClient + "\"\nscope = \"openid profile\"\npins = [\"" + c.Pin +
			"\"]\nca_file = \"CA\"\ncode_valid = \"" + codeLife.String() + "\"\n[identity.cas]\nmode = \"" + mode + "\"\nredirect_uri = \"" + realidp.CASCallback +
			"\"\nservice = \"" + realidp.CASService + "\"\n",
	}
}

func TestRealCASService(t *testing.T) {
	if c := realCAS(t, realCodeLife); c != nil {
		everything(t, casServer(c, "service", realCodeLife), true, true, "ticket of "+pupil.address)
	}
}

// The other mode: by password, and by code where the password is too old; and a page of CAS's
// that this tablet has no screen for.
func TestRealCASOAuth(t *testing.T) {
	const codeLife = 3 * time.Minute
	c := realCAS(t, codeLife)
	if c == nil {
		return
	}
	r := at(t, casServer(c, "oauth", codeLife))
	before, err := c.Attempts()
	r.must(err)
	r.says(pupil.address)
	r.proves(pupil, "Faux-2-passe")
	r.outcome("wrong_password")
	r.see(passwordScreen(pupil, fault("error.password.wrong", 0)))
	r.write(pupil.password)
	r.press(hands.Return)
	r.connect()
	r.on("ended")
	r.left("token for " + pupil.name)
	after, err := c.Attempts()
	r.must(err)
	if after != before+2 {
		t.Errorf("CAS judged %d passwords, want 2", after-before)
	}
	late := person{"lea.tard@univ-uness.fr", "Mot-2-passe", "Léa Tard"}
	stopped := person{"ida.stop@univ-uness.fr", "Mot-2-passe", "Ida Stop"}
	r.must(c.Add(realidp.Person{Email: late.address, Name: late.name, Password: late.password, State: "expired"}))
	r.must(c.Add(realidp.Person{Email: stopped.address, Name: stopped.name, Password: stopped.password, State: "interrupt"}))
	t.Run("further steps", func(t *testing.T) { furtherSteps(t, casServer(c, "oauth", codeLife), late, stopped) })
}

// furtherSteps: what CAS says after the right password, and what is on the screen then.
func furtherSteps(t *testing.T, s server, late, stopped person) {
	r := at(t, s)
	r.says(stopped.address)
	r.proves(stopped, stopped.password)
	r.outcome("web_required")
	r.see(login.View{Screen: login.ScreenTrouble, Trouble: &login.TroubleView{Kind: identity.WebRequired, Code: "S5", Final: true}})
	r.press(hands.Escape)
	r.on("password")
	r.press(hands.Escape)
	r.on("email")
	r.see(emailScreen(stopped.address))
	for range len(stopped.address) {
		r.press(hands.BackSpace)
	}
	r.says(late.address)
	r.proves(late, late.password)
	r.outcome("account_blocked")
	prominent := func(v *login.View) { v.Password.CodeProminent = true }
	r.see(passwordScreen(late, prominent, fault("error.password.blocked.code", 0)))
	r.askCode()
	eventually(t, patience, "a mail", func() bool { return len(s.codes(late.address)) == 1 })
	r.settle()
	r.write(s.codes(late.address)[0])
	r.press(hands.Return)
	r.connect()
	r.on("ended")
	r.left("token for ") // this CAS looks a name up for passwords alone (internal/realidp/cas/wiring.groovy)
}

func TestRealKratos(t *testing.T) {
	binary, err := realidp.BuildKratos(t.Context(), os.Stderr)
	if err != nil {
		if os.Getenv("REQUIRE_REAL_IDP") == "1" {
			t.Fatal(err)
		}
		t.Log("NOT RUN: ", err)
		return
	}
	k, err := realidp.StartKratos(t.Context(), binary, t.TempDir(), realidp.KratosOptions{CodeLife: realCodeLife})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := k.Add(t.Context(), realidp.Person{Email: pupil.address, Name: pupil.name, Password: pupil.password}); err != nil {
		t.Fatal(err)
	}
	everything(t, server{
		survey: "Ory Kratos; methods: identifier first; flows live 1h0m0s, TLS 1.3, ", // its version it keeps to itself
		url:    k.URL, caFile: k.CAFile, codes: k.Codes, stop: k.Stop, start: k.Start,
		lines: "provider = \"kratos\"\nissuer = \"" + k.URL + "\"\nclient_id = \"portillon\"\nscope = \"openid profile\"\npins = [\"" + k.Pin +
			"\"]\nca_file = \"CA\"\ncode_valid = \"30s\"\n",
	}, true, true, "token for "+pupil.name)
}
