package e2e

import (
	"testing"
	"time"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/rehearsal/password"

	"database/sql"

	_ "modernc.org/sqlite" // the driver the service uses
)

// TestSecondaryAddress: an address that the cockpit holds beside the main one logs in
// the same person, and gets the code.
func TestSecondaryAddress(t *testing.T) {
	r := enter(t)
	r.identify(yanis)
	r.askCode()
	code := r.code(yanis.address, 1)
	r.see(codeScreen(yanis))
	r.touch(code)
	r.tap("SE CONNECTER")
	r.on("connected")
	r.see(connectedScreen(yanis))
	r.outcome("connected")
}

func connectedScreen(p person) login.View {
	return login.View{Screen: login.ScreenConnected,
		Connected: &login.ConnectedView{Name: p.name, Seconds: 4, CanDeny: true}}
}

func setupScreen(change ...func(*login.View)) login.View {
	return with(login.View{Screen: login.ScreenSetup, Setup: &login.SetupView{URI: "https://portail.uness.fr"}}, change)
}

// TestNotConfigured: the account has no password yet. «J’ai terminé» says so
// until it has one.
func TestNotConfigured(t *testing.T) {
	r := enter(t)
	r.write(lea.address)
	r.press(hands.Return)
	r.on("setup")
	r.outcome("account_not_configured")
	r.see(setupScreen())
	r.tap("J’ai terminé")
	r.outcome("account_not_configured")
	r.see(setupScreen(fault("error.setup.still", 0)))

	const created = "Lea-2026!"
	r.createPassword(lea.address, created)
	r.tap("J’ai terminé")
	r.on("password")
	r.see(passwordScreen(lea))
	r.write(created)
	r.press(hands.Return)
	r.connect()
}

// createPassword does what the portal does once the student has followed its mail.
func (r *room) createPassword(address, secret string) {
	r.t.Helper()
	db, err := sql.Open("sqlite", "file:"+r.path("data/rehearsal.db")+"?_pragma=busy_timeout(10000)")
	r.must(err)
	res, err := db.ExecContext(r.t.Context(), `UPDATE accounts SET password = ? WHERE id =
		(SELECT account_id FROM addresses WHERE address = ?)`, password.Hash(secret), address)
	r.must(err)
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		r.t.Fatalf("%d accounts changed, %v", n, err)
	}
	r.must(db.Close())
}

// TestCancelAndReturn: «Annuler» keeps the code valid; the way back to it sends no mail.
func TestCancelAndReturn(t *testing.T) {
	r := enter(t)
	r.identify(camille)
	r.askCode()
	code := r.code(camille.address, 1)
	r.see(codeScreen(camille))
	r.tap("Annuler")
	r.on("password")
	running := func(v *login.View) {
		v.Clock = &login.Countdown{Seconds: 170, Total: 180, Stage: login.StageCalm}
		v.Password.CodeRunning = v.Clock
	}
	r.see(passwordScreen(camille, running))
	r.tap("SAISIR LE CODE REÇU")
	r.on("code")
	r.see(codeScreen(camille))
	r.touch(code)
	r.tap("SE CONNECTER")
	r.connect()
	if n := len(r.mails(camille.address)); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
}

// TestNotMe: the name is somebody else's. Everything is wiped, nothing is handed over,
// and the next person starts from nothing.
func TestNotMe(t *testing.T) {
	r := enter(t)
	r.identify(hugo)
	r.touch(hugo.password)
	r.tap("SE CONNECTER")
	r.on("connected")
	r.see(connectedScreen(hugo))
	r.tap("Ce n’est pas moi")
	r.outcome("not_me")
	r.on("email")
	r.see(emailScreen(""))
	if n := r.count(isOutcome("connected")); n != 0 {
		t.Error("the exam was handed over")
	}
	eventually(t, patience, "the session revoked", func() bool { return len(r.requests("/revoke")) > 0 })
}

// TestIdle: a screen that nobody touches warns, and empties itself.
func TestIdle(t *testing.T) {
	r := enter(t, func(s *settings) { s.centre.IdleReset = "30s" })
	r.identify(claire)
	r.write("half of it")
	r.await(35*time.Second, "idle_reset", isOutcome("idle_reset"))
	r.on("email")
	r.see(emailScreen(""))
}
