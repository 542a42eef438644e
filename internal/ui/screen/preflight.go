package screen

import (
	"strings"

	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// maxChecks is how many lines a column of the preflight may have.
const maxChecks = 12

// Preflight is screen 0: a line per check, the lockdown's in the first column and the rest in the
// second.
type Preflight struct {
	env   Env
	card  *kit.Card
	lead  *kit.Notice
	lines [2][]*kit.Line
	room  *kit.Notice
}

// NewPreflight builds it.
func NewPreflight(env Env) *Preflight {
	p := &Preflight{env: env, room: roomLine(env),
		lead: kit.NewNotice(env.Look, look.IconClock, kit.InkMuted, look.SizeBody)}
	var parts kit.Parts
	parts.Head = []kit.Part{
		{Block: env.title("preflight.title"), Role: kit.Essential},
		{Block: p.lead, Gap: 8, Role: kit.Essential},
	}
	column := func(i int, into *[]kit.Part) {
		for n := range maxChecks {
			line := kit.NewLine(env.Look)
			p.lines[i] = append(p.lines[i], line)
			gap := float32(12)
			if n == 0 {
				gap = 20
			}
			*into = append(*into, kit.Part{Block: line, Gap: gap})
		}
	}
	column(0, &parts.Main)
	column(1, &parts.Aside)
	parts.Aside = append(parts.Aside, kit.Part{Block: p.room, Gap: 20})
	p.card = env.card(parts)
	return p
}

// Card implements Screen.
func (p *Preflight) Card() *kit.Card { return p.card }

// Update implements Screen.
func (p *Preflight) Update(v login.View) {
	s := v.Preflight
	icon, ink, lead := look.IconClock, kit.Ink(kit.InkMuted), p.env.t("preflight.running")
	switch {
	case s.Waiting:
		icon, ink, lead = look.IconNoWifi, kit.InkWarning, p.env.t("preflight.waiting")
	case s.GoingOn:
		icon, ink, lead = look.IconCheck, kit.InkOK, p.env.t("preflight.going")
	}
	p.lead.SetIcon(icon, ink)
	moved := []bool{p.lead.Set(lead), kit.Show(p.room, s.Waiting)}
	prominent := 2 // of those that failed: in view on the first page whatever the text size
	for i, checks := range split(s.Checks) {
		for n, line := range p.lines[i] {
			on := n < len(checks)
			moved = append(moved, kit.Show(line, on))
			if !on {
				continue
			}
			role := kit.Detail
			if checks[n].Status == login.CheckFailed && prominent > 0 {
				prominent--
				role = kit.Essential
			}
			moved = append(moved, p.card.SetRole(line, role), p.line(line, checks[n]))
		}
	}
	p.card.Updated(moved...)
}

// split deals checks onto two columns of about the same length, in their order.
func split(checks []login.Check) [2][]login.Check {
	n := min((len(checks)+1)/2, maxChecks)
	return [2][]login.Check{checks[:n], checks[n:min(len(checks), n+maxChecks)]}
}

// line says one check: an icon, a name and a word, so that no colour is alone.
func (p *Preflight) line(l *kit.Line, c login.Check) bool {
	icon, ink, key := grade(c)
	result, remedy := p.env.t(key), ""
	if c.Status == login.CheckFailed {
		remedy = p.env.remedy(c.ID)
		if c.Code != "" {
			result = p.env.say("check.result.code", 0, "result", result, "code", c.Code)
		}
	}
	return l.Set(icon, ink, p.env.checkName(c.ID), result, remedy)
}

func grade(c login.Check) (look.Icon, kit.Ink, string) {
	switch c.Status {
	case login.CheckRunning:
		return look.IconClock, kit.InkMuted, "preflight.result.running"
	case login.CheckOK:
		return look.IconCheck, kit.InkOK, "preflight.result.ok"
	case login.CheckUnknown:
		return look.IconClock, kit.InkMuted, "preflight.result.unknown"
	case login.CheckFailed:
	}
	switch c.Grade {
	case login.GradeWaiting:
		return look.IconClock, kit.InkWarning, "preflight.result.waiting"
	case login.GradeWarning:
		return look.IconWarning, kit.InkWarning, "preflight.result.warning"
	case login.GradeBlocking:
	}
	return look.IconError, kit.InkError, "preflight.result.blocking"
}

func (e Env) checkName(id string) string {
	if key := "check." + id; e.Words.Has(key) {
		return e.t(key)
	}
	return e.say("check.other", 0, "id", id)
}

func (e Env) remedy(id string) string {
	if key := "check." + id + ".remedy"; e.Words.Has(key) {
		return e.t(key)
	}
	return ""
}

// maxFaults is how many faults «Tablette non conforme» explains; of the rest it says the codes.
const maxFaults = 4

// Noncompliant is «Tablette non conforme».
type Noncompliant struct {
	env    Env
	card   *kit.Card
	lines  []*kit.Line
	others *kit.Text
	retry  *kit.Button
}

// NewNoncompliant builds it.
func NewNoncompliant(env Env) *Noncompliant {
	n := &Noncompliant{env: env, retry: env.button(kit.Primary, "action.retry", login.RetryNow{}),
		others: kit.NewText(env.Look, look.SizeBody, kit.InkText).Bold()}
	icon := kit.NewIcon(env.Look, look.IconError, kit.InkError, 36)
	parts := []kit.Part{
		{Block: kit.NewRow(12, []kit.Natural{icon, kit.NewFill(env.Look, env.title("noncompliant.title"), 200)}, 1), Role: kit.Essential},
		{Block: env.body("noncompliant.spare").Bold(), Gap: 12, Role: kit.Essential},
	}
	for i := range maxFaults {
		line := kit.NewLine(env.Look)
		n.lines = append(n.lines, line)
		gap := float32(12)
		if i == 0 {
			gap = 24
		}
		parts = append(parts, kit.Part{Block: line, Gap: gap})
	}
	parts = append(parts, kit.Part{Block: n.others, Gap: 16}, kit.Part{Block: n.retry, Gap: 28, Role: kit.Action})
	n.card = env.card(kit.Parts{Main: parts})
	return n
}

// Card implements Screen.
func (n *Noncompliant) Card() *kit.Card { return n.card }

// Update implements Screen. Only what blocks is listed, each with its short code.
func (n *Noncompliant) Update(v login.View) {
	n.retry.SetEnabled(!v.Busy)
	var blocking []login.Check
	for _, c := range v.Preflight.Checks {
		if c.Grade == login.GradeBlocking && c.Status == login.CheckFailed {
			blocking = append(blocking, c)
		}
	}
	moved := []bool{}
	for i, line := range n.lines {
		on := i < len(blocking)
		moved = append(moved, kit.Show(line, on))
		if on {
			c := blocking[i]
			moved = append(moved, line.Set(look.IconError, kit.InkError, n.env.checkName(c.ID),
				n.env.say("noncompliant.code", 0, "code", c.Code), n.env.remedy(c.ID)))
		}
	}
	var codes []string
	for _, c := range blocking[min(len(blocking), maxFaults):] {
		codes = append(codes, c.Code)
	}
	moved = append(moved, kit.Show(n.others, len(codes) > 0))
	if len(codes) > 0 {
		moved = append(moved, n.others.Set(n.env.say("noncompliant.others", 0, "codes", strings.Join(codes, ", "))))
	}
	n.card.Updated(moved...)
}
