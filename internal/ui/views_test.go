package ui_test

import (
	"slices"
	"strings"
	"time"

	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/procedure"
)

// scene is a screen in one meaningful state.
type scene struct {
	name string
	view login.View
}

const (
	anEmail   = "prenom.nom@etu.univ-uness.fr"
	longEmail = "marie-antoinette.de-la-rochefoucauld_durand@etu.univ-uness.fr"
)

// checks is the preflight's list, of which some failed.
func checks(failed ...string) []login.Check {
	var out []login.Check
	for _, e := range preflight.Entries() {
		c := login.Check{ID: e.ID, Grade: e.Grade, Status: login.CheckOK}
		if slices.Contains(failed, e.ID) {
			c.Status, c.Code = login.CheckFailed, e.Code
		}
		out = append(out, c)
	}
	return out
}

// unknown are those of list that nothing is known of.
func unknown(list []login.Check, ids ...string) []login.Check {
	for i := range list {
		if slices.Contains(ids, list[i].ID) {
			list[i].Status = login.CheckUnknown
		}
	}
	return list
}

func running() []login.Check {
	all := checks()
	for i := range all {
		if all[i].ID == preflight.IDSignature || i > 11 {
			all[i].Status = login.CheckRunning
		}
	}
	return all
}

// checkScenes has every failure there is once.
func checkScenes() []scene {
	var out []scene
	for _, e := range preflight.Entries() {
		s, view := login.ScreenPreflight, login.PreflightView{Checks: checks(e.ID)}
		switch e.Grade {
		case login.GradeBlocking:
			s = login.ScreenNoncompliant
		case login.GradeWaiting:
			view.Waiting = true
		case login.GradeWarning:
			view.GoingOn = true
		}
		out = append(out, other("fails-"+e.ID, s, func(v *login.View) { v.Preflight = &view }))
	}
	return out
}

func countdown(seconds int, stage login.Stage) login.Countdown {
	return login.Countdown{Seconds: seconds, Total: 180, Stage: stage}
}

func say(key string, count int) *login.Text { return &login.Text{Key: key, Count: count} }

func emailScene(name string, e login.EmailView, change func(*login.View)) scene {
	v := login.View{Screen: login.ScreenEmail, Field: login.FieldEmail, TextPercent: 100, Email: &e}
	if change != nil {
		change(&v)
	}
	return scene{"email-" + name, v}
}

func passwordScene(name string, change func(*login.View, *login.PasswordView)) scene {
	p := login.PasswordView{Email: anEmail, RememberOffered: true, PasswordOffered: true, CodeOffered: true, CodeMinutes: 3}
	v := login.View{Screen: login.ScreenPassword, Field: login.FieldPassword, TextPercent: 100}
	if change != nil {
		change(&v, &p)
	}
	v.Password = &p
	return scene{"password-" + name, v}
}

func codeScene(name string, left login.Countdown, change func(*login.View, *login.CodeView)) scene {
	c := login.CodeView{Length: 6, Minutes: 3, Left: left, Target: "p•••••.n••@etu.univ-uness.fr", AskedHour: 9, AskedMinute: 42}
	v := login.View{Screen: login.ScreenCode, Field: login.FieldCode, TextPercent: 100}
	if change != nil {
		change(&v, &c)
	}
	v.Code = &c
	return scene{"code-" + name, v}
}

func other(name string, s login.Screen, fill func(*login.View)) scene {
	v := login.View{Screen: s, TextPercent: 100}
	fill(&v)
	return scene{string(s) + "-" + name, v}
}

// scenes is every screen in every state that looks different.
func scenes() []scene {
	out := append(emailScenes(), passwordScenes()...)
	out = append(out, codeScenes()...)
	out = append(out, checkScenes()...)
	return append(out, otherScenes()...)
}

func emailScenes() []scene {
	return []scene{
		emailScene("empty", login.EmailView{}, nil),
		emailScene("typed", login.EmailView{Text: anEmail, Caret: 28}, nil),
		emailScene("long", login.EmailView{Text: longEmail, Caret: 60}, nil),
		emailScene("busy", login.EmailView{Text: anEmail, Caret: 28}, func(v *login.View) { v.Busy = true }),
		emailScene("nothing", login.EmailView{}, func(v *login.View) { v.Error = say("error.email.empty", 0) }),
		emailScene("malformed", login.EmailView{Text: "prenom.nom@", Caret: 11}, func(v *login.View) { v.Error = say("error.email.malformed", 0) }),
		emailScene("suggest", login.EmailView{Text: "prenom.nom@etu-univ.uness.fr", Caret: 28, Suggestion: anEmail}, nil),
		emailScene("unknown", login.EmailView{Text: anEmail, Caret: 28, Unknown: true}, func(v *login.View) { v.Error = say("error.email.unknown", 0) }),
		emailScene("wait", login.EmailView{Text: anEmail, Caret: 28}, func(v *login.View) { v.Error = say("error.attempts.wait", 14) }),
		emailScene("expired", login.EmailView{Text: anEmail, Caret: 28}, func(v *login.View) { v.Error = say("error.session.expired", 0) }),
		emailScene("idle", login.EmailView{Text: anEmail, Caret: 28}, func(v *login.View) { v.Idle = 12 }),
	}
}

func passwordScenes() []scene {
	return []scene{
		passwordScene("empty", nil),
		passwordScene("long", func(v *login.View, p *login.PasswordView) { p.Email = longEmail }),
		passwordScene("nothing", func(v *login.View, p *login.PasswordView) { v.Error = say("error.password.empty", 0) }),
		passwordScene("wrong", func(v *login.View, p *login.PasswordView) {
			v.Error, p.CodeProminent, p.Remember = say("error.password.wrong.remaining", 3), true, true
		}),
		passwordScene("blocked", func(v *login.View, p *login.PasswordView) {
			v.Error, p.CodeProminent = say("error.password.blocked.code", 0), true
		}),
		passwordScene("busy", func(v *login.View, p *login.PasswordView) { v.Busy = true }),
		passwordScene("running", func(v *login.View, p *login.PasswordView) {
			c := countdown(131, login.StageCalm)
			v.Clock, p.CodeRunning = &c, &c
		}),
		passwordScene("resend", func(v *login.View, p *login.PasswordView) { p.ResendIn = 24 }),
		passwordScene("forgotten", func(v *login.View, p *login.PasswordView) { v.Field, p.Forgotten = login.FieldNone, true }),
		passwordScene("only", func(v *login.View, p *login.PasswordView) { p.CodeOffered, p.RememberOffered = false, false }),
		passwordScene("codeonly", func(v *login.View, p *login.PasswordView) {
			v.Field, p.PasswordOffered, p.CodeProminent = login.FieldNone, false, true
		}),
		passwordScene("minutes", func(v *login.View, p *login.PasswordView) { p.CodeMinutes = 0 }),
	}
}

func codeScenes() []scene {
	return []scene{
		codeScene("fresh", countdown(179, login.StageCalm), func(_ *login.View, c *login.CodeView) { c.ResendIn = 29 }),
		codeScene("amber", countdown(58, login.StageAmber), nil),
		codeScene("red", countdown(17, login.StageRed), nil),
		codeScene("expired", countdown(0, login.StageExpired), func(v *login.View, c *login.CodeView) {
			v.Error, c.ResendPrimary = say("error.code.expired", 0), true
		}),
		codeScene("wrong", countdown(92, login.StageCalm), func(v *login.View, _ *login.CodeView) {
			v.Error = say("error.code.wrong.remaining", 4)
		}),
		codeScene("superseded", countdown(92, login.StageCalm), func(v *login.View, _ *login.CodeView) {
			v.Error = say("error.code.superseded", 0)
		}),
		codeScene("procedures", countdown(0, login.StageExpired), func(v *login.View, c *login.CodeView) {
			v.Error, c.ResendPrimary, c.OfferProcedures = say("error.code.expired", 0), true, true
		}),
		codeScene("busy", countdown(140, login.StageCalm), func(v *login.View, _ *login.CodeView) { v.Busy = true }),
	}
}

// asideScenes are what stands in the place of a page of the help.
func asideScenes() []scene {
	inHelp := func(name string, fill func(*login.HelpView)) scene {
		return other(name, login.ScreenHelp, func(v *login.View) {
			v.Help = &login.HelpView{Step: procedure.Tablet, MayPower: true}
			fill(v.Help)
		})
	}
	var out []scene
	for name, p := range map[string]login.PowerView{"power": {}, "power-off": {Action: login.PowerOff}, "power-restart": {Action: login.PowerRestart},
		"power-asked": {Action: login.PowerOff, Asked: true}, "power-refused": {Action: login.PowerRestart, Refused: true}} {
		out = append(out, inHelp(name, func(h *login.HelpView) { h.Power = &p }))
	}
	slices.SortFunc(out, func(a, b scene) int { return strings.Compare(a.name, b.name) })
	var records []login.Record
	at := time.Date(2026, 10, 19, 9, 30, 12, 0, time.UTC)
	kinds := login.Codes()
	for _, k := range identity.Kinds() {
		kinds = append(kinds, k.String())
	}
	for i := range 30 {
		r := login.Record{At: at.Add(time.Duration(i) * 17 * time.Second), Screen: login.Screens()[i%len(login.Screens())]}
		if i%3 > 0 {
			r.Kind = kinds[i%len(kinds)]
		}
		records = append(records, r)
	}
	return append(out, inHelp("report", func(h *login.HelpView) { h.Report = &login.ReportView{Records: records} }),
		inHelp("report-short", func(h *login.HelpView) { h.Report = &login.ReportView{Records: records[:4]} }),
		inHelp("tablet-may-power", func(*login.HelpView) {}))
}

// helpScenes is every page of the help, and those that have two faces.
func helpScenes() []scene {
	page := func(name string, id procedure.ID, change func(*login.View)) scene {
		return other(name, login.ScreenHelp, func(v *login.View) {
			v.Help = &login.HelpView{Step: id, Email: "marie-anne.le_goff12@etu.univ-uness.fr", SetupURI: "https://portail.uness.fr"}
			if id == procedure.Add {
				v.Help.NextSlot = &login.Countdown{Seconds: 432, Total: 900, Stage: login.StageCalm}
				v.Help.SlotHour, v.Help.SlotMinute = 9, 45
			}
			if change != nil {
				change(v)
			}
		})
	}
	var out []scene
	for _, p := range procedure.Pages() {
		out = append(out, page(string(p.ID), p.ID, nil))
	}
	return append(out,
		page("address-none", procedure.Address, func(v *login.View) { v.Help.Email = "" }),
		page("address-long", procedure.Address, func(v *login.View) { v.Help.Email = longEmail }),
		page("add-passed", procedure.Add, func(v *login.View) {
			v.Help.Passed, v.Help.PassedHour, v.Help.PassedMinute = true, 9, 30
		}),
		page("code-running", procedure.Code, func(v *login.View) {
			c := countdown(131, login.StageCalm)
			v.Clock = &c
		}))
}

func otherScenes() []scene {
	out := []scene{
		other("running", login.ScreenPreflight, func(v *login.View) { v.Preflight = &login.PreflightView{Checks: running()} }),
		other("ready", login.ScreenPreflight, func(v *login.View) { v.Preflight = &login.PreflightView{Checks: checks("battery"), GoingOn: true} }),
		other("waiting", login.ScreenPreflight, func(v *login.View) {
			v.Preflight = &login.PreflightView{Checks: unknown(checks("network"), "names", "server", "pin", "clock"), Waiting: true}
		}),
		other("many", login.ScreenNoncompliant, func(v *login.View) {
			v.Preflight = &login.PreflightView{Checks: checks("lockdown", "execute", "connect", "files", "isolation", "packages", "sysrq", "signature", "network")}
		}),
		other("warnings", login.ScreenPreflight, func(v *login.View) {
			v.Preflight = &login.PreflightView{Checks: checks("battery", "keyring", "expiry"), GoingOn: true}
		}),
		other("blocked", login.ScreenNoncompliant, func(v *login.View) {
			v.Preflight = &login.PreflightView{Checks: checks("lockdown", "display")}
		}),
		other("shown", login.ScreenSetup, func(v *login.View) {
			v.Setup = &login.SetupView{Email: anEmail, URI: "https://portail.uness.fr"}
		}),
		other("still", login.ScreenSetup, func(v *login.View) {
			v.Setup, v.Error = &login.SetupView{Email: anEmail, URI: "https://portail.uness.fr"}, say("error.setup.still", 0)
		}),
		other("opening", login.ScreenConnected, func(v *login.View) {
			v.Connected = &login.ConnectedView{Name: "Agathe FEELING", Seconds: 4, CanDeny: true}
		}),
		other("nameless", login.ScreenConnected, func(v *login.View) { v.Connected = &login.ConnectedView{Opening: true} }),
		other("interrupted", login.ScreenConnected, func(v *login.View) {
			v.Connected = &login.ConnectedView{Name: "Agathe FEELING", Interrupted: true}
		}),
		other("shown", login.ScreenEnded, func(v *login.View) { v.Ended = &login.EndedView{Seconds: 48} }),
	}
	out = append(out, helpScenes()...)
	out = append(out, asideScenes()...)
	for _, kind := range []identity.Kind{identity.NoNetwork, identity.Busy, identity.CaptivePortal, identity.BadCertificate, identity.ServiceUnavailable, identity.Misconfigured} {
		out = append(out, other(kind.String(), login.ScreenTrouble, func(v *login.View) {
			v.Trouble = &login.TroubleView{Kind: kind, Code: "N1", RetryIn: 12, Resends: true}
			if kind == identity.ServiceUnavailable {
				v.Trouble.Resends, v.Trouble.Correlation = false, "01J9ZK3P-7QF2"
			}
			if kind == identity.Misconfigured {
				v.Trouble.Final, v.Trouble.RetryIn = true, 0
			}
		}))
	}
	return out
}
