package e2e

import (
	"os"
	"testing"

	"portillon/internal/config"
	"portillon/internal/e2e/hands"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/preflight/preflighttest"
	"portillon/internal/procedure"
)

// TestTourTablet shows what an invigilator sees of a tablet that is not in order: refused, its
// report, its power, and one that waits for the network with a low battery.
func TestTourTablet(t *testing.T) {
	if !landlocked(t) {
		return
	}
	v := newTour(t, prepare(t, required), "tablet-")
	v.refused()
	v.waiting()
	v.check()
}

func (v *tour) machine(file, content string) {
	v.t.Helper()
	v.must(preflighttest.Write(v.path("run/machine"), file, content))
}

func (v *tour) refused() {
	v.must(os.Remove(v.path("portillon.toml" + config.SignatureSuffix)))
	v.machine("proc/sys/kernel/sysrq", "438\n")
	v.switchOn()
	v.on("noncompliant")
	refused := noncompliantScreen(preflight.IDSysrq, preflight.IDSignature)
	v.see(refused)
	v.take("noncompliant")
	v.tap("Aide surveillant")
	v.on("help")
	v.see(helpPage(procedure.Tablet))
	v.take("help")
	v.tap("Rapport")
	v.take("report")
	v.press(hands.Escape)
	v.see(helpPage(procedure.Tablet))
	v.tap("Éteindre ou redémarrer")
	v.see(helpPage(procedure.Tablet, powerPage(login.PowerView{})))
	v.take("power")
	v.tap("Éteindre")
	v.see(helpPage(procedure.Tablet, powerPage(login.PowerView{Action: login.PowerOff})))
	v.take("power-confirm")
	v.tap("Oui, éteindre")
	v.outcome("power_refused")
	v.see(helpPage(procedure.Tablet, powerPage(login.PowerView{Action: login.PowerOff, Refused: true})))
	v.take("power-refused")
	v.must(v.tablet.Stop())
}

func (v *tour) waiting() {
	v.sign(v.set.required + 1)
	v.machine("proc/sys/kernel/sysrq", "0\n")
	v.machine("sys/class/power_supply/BAT0/capacity", "12\n")
	at := v.stopService()
	v.switchOn()
	v.on("preflight")
	v.see(preflightScreen([]string{preflight.IDServer, preflight.IDBattery, preflight.IDKeyring}, preflight.IDPin, preflight.IDClock))
	v.take("waiting")
	v.serve(at)
	v.on("email") // by itself
}

// preflightScreen is screen 0 while it waits: some checks failed, of others nothing is known.
func preflightScreen(failed []string, unknown ...string) login.View {
	v := noncompliantScreen(failed...)
	v.Screen, v.Preflight.Waiting = login.ScreenPreflight, true
	for i := range v.Preflight.Checks {
		for _, id := range unknown {
			if v.Preflight.Checks[i].ID == id {
				v.Preflight.Checks[i].Status = login.CheckUnknown
			}
		}
	}
	return v
}
