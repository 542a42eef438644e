package e2e

import (
	"path/filepath"
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
	r.write(own)
	r.press(hands.Return)
	r.outcome("account_unknown")
	unknown := emailScreen(own, func(v *login.View) { v.Email.Unknown = true }, fault("error.email.unknown", 0))
	r.see(unknown)
	r.tap("Aide surveillant")
	r.on("help")
	r.see(helpScreen(procedure.Address, own))

	desk.Open(r.service.Cockpit)
	desk.Type("#login", "scolarite")
	desk.Type("#password", "Scolarite-2026!")
	desk.Submit("button.main")
	desk.Type("#q", "camille dur 22100418")
	desk.Until(`document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("camille.durand@")`)
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
