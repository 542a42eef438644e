package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/procedure"
	"portillon/internal/supervisor"
)

func helpPage(step procedure.ID, change ...func(*login.View)) login.View {
	return with(login.View{Screen: login.ScreenHelp, Help: &login.HelpView{Step: step, MayPower: true,
		SetupURI: "https://portail.uness.fr"}}, change)
}

func powerPage(p login.PowerView) func(*login.View) {
	return func(v *login.View) { v.Help.Power = &p }
}

// toPower goes from screen 1 to «Éteindre ou redémarrer».
func (r *room) toPower() {
	r.t.Helper()
	r.tap("Aide surveillant")
	r.on("help")
	r.see(helpPage(procedure.Choose))
	r.tap(french("help.choose.tablet"))
	r.see(helpPage(procedure.Tablet))
	r.tap("Éteindre ou redémarrer")
	r.see(helpPage(procedure.Tablet, powerPage(login.PowerView{})))
}

// TestPowerOff: chosen and confirmed on the tablet, the request is where the service manager
// looks for it.
func TestPowerOff(t *testing.T) {
	r := prepare(t)
	dir := filepath.Join(r.path("run"), supervisor.PowerDir)
	r.must(os.Mkdir(dir, 0o700))
	if r.uid != 0 {
		r.must(os.Chown(dir, int(r.uid), int(r.uid)))
	}
	r.switchOn()
	r.on("email")
	r.see(emailScreen(""))
	r.toPower()
	r.tap("Éteindre")
	off := login.PowerView{Action: login.PowerOff}
	r.see(helpPage(procedure.Tablet, powerPage(off)))
	r.tap("Oui, éteindre")
	r.outcome("power_off")
	eventually(t, patience, "a request to switch off", func() bool {
		_, err := os.Stat(filepath.Join(dir, string(supervisor.PowerOff)))
		return err == nil
	})
	off.Asked = true
	r.see(helpPage(procedure.Tablet, powerPage(off)))
}

// TestPowerRefused: where nobody listens the tablet says so, and what to do instead; the way back
// is there, and «Rapport» tells of it.
func TestPowerRefused(t *testing.T) {
	r := enter(t)
	r.toPower()
	r.tap("Redémarrer")
	again := login.PowerView{Action: login.PowerRestart}
	r.see(helpPage(procedure.Tablet, powerPage(again)))
	r.tap("Oui, redémarrer")
	r.outcome("power_refused")
	again.Refused = true
	r.see(helpPage(procedure.Tablet, powerPage(again)))
	r.press(hands.Escape)
	r.see(helpPage(procedure.Tablet, powerPage(login.PowerView{})))
	r.press(hands.Escape)
	r.see(helpPage(procedure.Tablet))
	r.tap("Rapport")
	r.settle()
	r.photograph("report")
	r.press(hands.Escape)
	r.see(helpPage(procedure.Tablet))
	if !strings.Contains(r.tablet.Log(), "nobody here switches the machine off") {
		t.Error("the log does not say why")
	}
}
