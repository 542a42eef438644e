package login

import "time"

// Aside is what stands in the help beside the decision tree.
type Aside string

// The asides.
const (
	AsideNone   Aside = ""
	AsideReport Aside = "report" // «Rapport»
	AsidePower  Aside = "power"  // «Éteindre» and «Redémarrer»
)

// PowerAction is what is to become of the tablet.
type PowerAction string

// The actions. None: nobody has chosen yet.
const (
	PowerNone    PowerAction = ""
	PowerOff     PowerAction = "off"
	PowerRestart PowerAction = "restart"
)

// powerPatience is how long a tablet may take to end what runs once it was asked to; one that
// is still there then has not heard.
const powerPatience = 20 * time.Second

// Record is one line of «Rapport»: a screen came, or something came of what was done there. It
// names nobody.
type Record struct {
	At     time.Time // Wall
	Screen Screen
	Kind   string // an Outcome's; empty: the screen came
}

// maxRecords is how many «Rapport» holds.
const maxRecords = 30

// asideState is what is open beside the help's tree.
type asideState struct {
	open    Aside
	action  PowerAction
	askedAt time.Duration // Boot; 0: not asked
	refused bool
}

func (e OpenAside) step(t *turn) {
	t.touch()
	if !t.help.on || e.Aside == AsidePower && !t.mayPower() {
		return
	}
	t.help.aside = asideState{open: e.Aside}
}

// mayPower: on screens 0 and 1, with nobody's login under way.
func (s State) mayPower() bool {
	return (s.screen == ScreenPreflight || s.screen == ScreenNoncompliant || s.screen == ScreenEmail) &&
		!s.flow.open && !s.trouble.on && s.pending.op == opNone
}

// ChoosePower asks for confirmation; ConfirmPower gives it.
func (e ChoosePower) step(t *turn) {
	t.touch()
	if a := &t.help.aside; a.open == AsidePower && a.askedAt == 0 {
		a.action, a.refused = e.Action, false
	}
}

func (ConfirmPower) step(t *turn) {
	t.touch()
	a := &t.help.aside
	if a.open != AsidePower || a.action == PowerNone || a.askedAt != 0 || !t.mayPower() {
		return
	}
	a.askedAt, a.refused = t.now.Boot, false
	t.do(Outcome{Kind: "power_" + string(a.action)})
	t.do(Power{Action: a.action})
}

// PowerRefused: nobody here ends what runs.
func (PowerRefused) step(t *turn) { t.powerRefused() }

func (t *turn) powerRefused() {
	if a := &t.help.aside; a.askedAt != 0 {
		a.askedAt, a.refused = 0, true
		t.do(Outcome{Kind: "power_refused"})
	}
}

func (t *turn) asideTick() {
	if a := t.help.aside; a.askedAt != 0 && t.now.Boot-a.askedAt >= powerPatience {
		t.powerRefused()
	}
}

// asideBack goes one step back; false: nothing is open beside the tree.
func (t *turn) asideBack() bool {
	a := &t.help.aside
	switch {
	case a.open == AsideNone:
		return false
	case a.askedAt != 0: // it ends, or says that it does not
	case a.action != PowerNone:
		a.action, a.refused = PowerNone, false
	default:
		*a = asideState{}
	}
	return true
}

// inView is the screen in view.
func (s State) inView() Screen {
	switch {
	case s.help.on:
		return ScreenHelp
	case s.trouble.on:
		return ScreenTrouble
	}
	return s.screen
}

// record adds to «Rapport» what one event brought. States share the list: it is replaced, never
// written to.
func (t *turn) record(before Screen) {
	var added []Record
	for _, e := range t.out {
		if o, ok := e.(Outcome); ok {
			added = append(added, Record{t.now.Wall, before, o.Kind})
		}
	}
	if now := t.inView(); now != before {
		added = append(added, Record{t.now.Wall, now, ""})
	}
	if len(added) > 0 {
		t.records = lastRecords(t.records, added)
	}
}

func lastRecords(old, added []Record) []Record {
	all := append(append(make([]Record, 0, len(old)+len(added)), old...), added...)
	return all[max(0, len(all)-maxRecords):]
}

// Records are «Rapport»'s lines, the oldest first: the kiosk keeps them for the next process.
// They are not to be written to.
func Records(s State) []Record { return s.records }

func (s State) lookAside(v *HelpView) {
	v.MayPower = s.mayPower()
	switch a := s.help.aside; a.open {
	case AsideReport:
		v.Report = &ReportView{Records: s.records}
	case AsidePower:
		v.Power = &PowerView{Action: a.action, Asked: a.askedAt != 0, Refused: a.refused}
	case AsideNone:
	}
}
