//go:build realidp

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/realidp"
)

// The tablet's program against servers that nobody here wrote. A server that cannot be had
// is said by internal/realidp's own tests, which run first.

const realCodeLife = 30 * time.Second

var pupil = person{"zoe.martin@univ-uness.fr", "Mot-2-passe", "Zoé Martin"}

// server is a real one, as these tests use it.
type server struct {
	lines       string // of [identity], and of its own table
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
	own := "[identity]\n" + strings.ReplaceAll(s.lines, "CA", r.path("real.pem"))
	exam := "[exam]\ncommand = [\"" + r.path("casplayer") + "\", \"" + s.url + "\", \"" + r.path("real.pem") + "\"]\nhosts = [\"evaluation.example:443\"]\n"
	r.must(os.WriteFile(r.path("portillon.toml"), []byte(before+own+"\n[login]"+after+exam), 0o644))
	r.switchOn()
	r.on("email")
	return r
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
		r.write("personne@univ-uness.fr")
		r.press(hands.Return)
		r.outcome("account_unknown")
		for range len("personne@univ-uness.fr") {
			r.press(hands.BackSpace)
		}
	}
	r.write(pupil.address)
	r.press(hands.Return)
	r.on("password")

	// The server starts anew between the two screens.
	r.must(s.stop())
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

func realCAS(t *testing.T) *realidp.CAS {
	t.Helper()
	program, err := realidp.BuildCAS(t.Context(), os.Stderr)
	if err != nil {
		if os.Getenv("REQUIRE_REAL_IDP") == "1" {
			t.Fatal(err)
		}
		t.Log("NOT RUN: ", err)
		return nil
	}
	c, err := realidp.StartCAS(t.Context(), program, t.TempDir(), realidp.CASOptions{CodeLife: realCodeLife})
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

func casServer(c *realidp.CAS, mode string) server {
	return server{
		url: c.URL, caFile: c.CAFile, codes: c.Codes, stop: c.Stop, start: c.Start,
		lines: "provider = \"cas\"\nissuer = \"" + c.URL + "\"\nclient_id = \"" + realidp.CASClient + "\"\nscope = \"openid profile\"\npins = [\"" + c.Pin +
			"\"]\nca_file = \"CA\"\ncode_valid = \"30s\"\n[identity.cas]\nmode = \"" + mode + "\"\nredirect_uri = \"" + realidp.CASCallback +
			"\"\nservice = \"" + realidp.CASService + "\"\n",
	}
}

func TestRealCASService(t *testing.T) {
	if c := realCAS(t); c != nil {
		everything(t, casServer(c, "service"), true, true, "ticket of "+pupil.address)
	}
}

// By password alone, in the other mode.
func TestRealCASOAuth(t *testing.T) {
	c := realCAS(t)
	if c == nil {
		return
	}
	r := at(t, casServer(c, "oauth"))
	r.write(pupil.address)
	r.press(hands.Return)
	r.on("password")
	before, err := c.Attempts()
	r.must(err)
	r.write("Faux-2-passe")
	r.press(hands.Return)
	r.outcome("wrong_password")
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
		url: k.URL, caFile: k.CAFile, codes: k.Codes, stop: k.Stop, start: k.Start,
		lines: "provider = \"kratos\"\nissuer = \"" + k.URL + "\"\nclient_id = \"portillon\"\nscope = \"openid profile\"\npins = [\"" + k.Pin +
			"\"]\nca_file = \"CA\"\ncode_valid = \"30s\"\n",
	}, true, true, "token for "+pupil.name)
}
