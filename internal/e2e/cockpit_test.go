package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/e2e/browser"
	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/procedure"
)

// TestProcedure3Whole is the guide's procedure 3 from end to end: a student who cannot read
// the mailbox of the faculty, an invigilator who adds another address in the cockpit, the
// wait for the update, and the code in the student's own mailbox. Updates come every
// ten seconds here, not every quarter of an hour.
func TestProcedure3Whole(t *testing.T) {
	const own = "camille@courriel.example"
	pictures, err := filepath.Abs("../../out/web")
	if err != nil {
		t.Fatal(err)
	}
	r := enter(t, func(s *settings) { s.serve = []string{"--every", "10s"} })
	desk := browser.Start(t, browser.Desk(), r.service.CAPin, pictures)
	if desk == nil {
		return
	}
	unknown := r.asksAbout(own)

	r.signsIn(desk, "scolarite", "Scolarite-2026!")
	desk.Type("#q", "camille dur 22100418")
	desk.Until(`document.forms.search.dataset.state == "answered" && document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("camille.durand@")`)
	desk.Submit("td.edit a")
	desk.Type("#address", own)
	desk.Submit(".adder button")
	if desk.Text(".notice.ok") == "" {
		t.Error("the cockpit does not say that the address was added")
	}

	r.press(hands.Escape)
	r.on("email")
	r.see(unknown)
	// The student tries until the update has come, as the page says.
	arrived := func(e event) bool { return e.Screen == "password" }
	eventually(t, patience, "the address at the service", func() bool {
		r.press(hands.Return) // nothing, while the tablet still asks
		_, err := r.tablet.Wait(r.mark, time.Second, arrived)
		return err == nil
	})
	camilles := person{address: own, name: camille.name, password: camille.password}
	r.see(passwordScreen(camilles))
	r.askCode()
	r.see(codeScreen(camilles))
	r.write(r.code(own, 1))
	r.press(hands.Return)
	r.on("connected")
	r.see(connectedScreen(camille))
	r.outcome("connected")
}

// TestProcedures1And2Whole goes the guide's way down with one student: an address with a slip,
// which the invigilator compares with the cockpit (procedure 1); a forgotten password, for
// which there is a code (1, continued) in a mailbox that cannot be opened; and the address
// that the cockpit holds beside the main one, with a code to the student's own mailbox (2).
func TestProcedures1And2Whole(t *testing.T) {
	const slip = "yanis.benaly@etu.univ-uness.fr"
	pictures, err := filepath.Abs("../../out/web")
	if err != nil {
		t.Fatal(err)
	}
	r := enter(t)
	desk := browser.Start(t, browser.Desk(), r.service.CAPin, pictures)
	if desk == nil {
		return
	}
	unknown := r.asksAbout(slip)

	// The invigilator may look, and change nothing.
	r.signsIn(desk, "surveillant", "Surveillant-2026!")
	desk.Type("#q", "benali yanis 22100733")
	desk.Until(`document.forms.search.dataset.state == "answered" && document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("22100733")`)
	read := func(from browser.CSS) string { t.Helper(); return strings.Join(strings.Fields(desk.Text(from)), "") }
	right := read("#rows td.email")
	if right == slip || !strings.HasPrefix(right, "yanis.benali@") {
		t.Fatalf("the cockpit has %q", right)
	}

	r.tap("Non, elle est différente")
	r.see(helpScreen(procedure.Correct, slip))
	r.tap("Corriger l’adresse")
	r.on("email")
	r.see(unknown)
	for range slip {
		r.press(hands.BackSpace)
	}
	r.see(emailScreen(""))
	r.write(right)
	r.press(hands.Return)
	r.on("password")
	first := person{right, yanis.password, yanis.name}
	r.see(passwordScreen(first))
	for _, remaining := range []int{9, 8} {
		r.write("Yanis-1999!")
		r.press(hands.Return)
		r.outcome("wrong_password")
		// The log is ahead of the screen: what is typed before that shows it is not sent.
		r.see(passwordScreen(first, fault("error.password.wrong.remaining", remaining), func(v *login.View) { v.Password.CodeProminent = remaining == 8 }))
	}
	r.tap("Aide surveillant")
	r.on("help")
	r.see(helpScreen(procedure.Code, right))
	r.tap("Pas d’accès à la messagerie, ou code non reçu")
	r.see(helpScreen(procedure.Secondary, right))

	desk.Submit("td.edit a")
	own := read("#secondary .addresses li > span")
	if own != yanis.address {
		t.Fatalf("the cockpit has the secondary address %q", own)
	}

	r.tap("Oui, il en a une")
	r.see(helpScreen(procedure.Use, right))
	r.tap("Le mot de passe ne fonctionne pas")
	r.see(helpScreen(procedure.UseCode, right))
	r.tap("Saisir l’adresse secondaire")
	r.on("email")
	r.see(emailScreen(right))
	for range right {
		r.press(hands.BackSpace)
	}
	r.see(emailScreen(""))
	r.write(own)
	r.press(hands.Return)
	r.on("password")
	r.see(passwordScreen(yanis))
	r.askCode()
	r.see(codeScreen(yanis))
	r.write(r.code(own, 1))
	r.press(hands.Return)
	r.on("connected")
	r.see(connectedScreen(yanis))
	r.outcome("connected")
}

// signsIn opens the cockpit on a desk.
func (r *room) signsIn(desk *browser.Browser, login, password string) {
	r.t.Helper()
	desk.Open(r.service.Cockpit)
	desk.Type("#login", login)
	desk.Type("#password", password)
	desk.Submit("button.main")
}
