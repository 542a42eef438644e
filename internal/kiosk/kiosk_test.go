package kiosk

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/login"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
)

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
