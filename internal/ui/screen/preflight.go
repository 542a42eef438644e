package screen

import (
	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// maxChecks is how many lines a preflight may have.
const maxChecks = 16

// Preflight is screen 0: a line per check.
type Preflight struct {
	env   Env
	card  *kit.Card
	lead  *kit.Notice
	lines []*kit.Line
	room  *kit.Notice
}

// NewPreflight builds it.
func NewPreflight(env Env) *Preflight {
	p := &Preflight{env: env, room: roomLine(env),
		lead: kit.NewNotice(env.Look, look.IconClock, kit.InkMuted, look.SizeBody)}
	parts := []kit.Part{
		{Block: env.title("preflight.title"), Role: kit.Essential},
		{Block: p.lead, Gap: 8, Role: kit.Essential},
	}
	for i := range maxChecks {
		line := kit.NewLine(env.Look)
		p.lines = append(p.lines, line)
		gap := float32(12)
		if i == 0 {
			gap = 20
		}
		parts = append(parts, kit.Part{Block: line, Gap: gap})
	}
	parts = append(parts, kit.Part{Block: p.room, Gap: 20})
	p.card = env.card(kit.Parts{Main: parts})
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
	for i, line := range p.lines {
		on := i < len(s.Checks)
		moved = append(moved, kit.Show(line, on))
		if on {
			moved = append(moved, p.line(line, s.Checks[i]))
		}
	}
	p.card.Updated(moved...)
}

// line says one check: an icon, a name and a word, so that no colour is alone.
func (p *Preflight) line(l *kit.Line, c login.Check) bool {
	icon, ink, result := grade(c)
	remedy := ""
	if c.Status == login.CheckFailed {
		remedy = p.env.remedy(c.ID)
	}
	return l.Set(icon, ink, p.env.checkName(c.ID), p.env.t(result), remedy)
}

func grade(c login.Check) (look.Icon, kit.Ink, string) {
	switch c.Status {
	case login.CheckRunning:
		return look.IconClock, kit.InkMuted, "preflight.result.running"
	case login.CheckOK:
		return look.IconCheck, kit.InkOK, "preflight.result.ok"
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

// Noncompliant is «Tablette non conforme».
type Noncompliant struct {
	env   Env
	card  *kit.Card
	lines []*kit.Line
	retry *kit.Button
}

// NewNoncompliant builds it.
func NewNoncompliant(env Env) *Noncompliant {
	n := &Noncompliant{env: env, retry: env.button(kit.Primary, "action.retry", login.RetryNow{})}
	icon := kit.NewIcon(env.Look, look.IconError, kit.InkError, 36)
	parts := []kit.Part{
		{Block: kit.NewRow(12, []kit.Natural{icon, kit.NewFill(env.Look, env.title("noncompliant.title"), 200)}, 1), Role: kit.Essential},
		{Block: env.body("noncompliant.spare").Bold(), Gap: 12, Role: kit.Essential},
	}
	for i := range maxChecks {
		line := kit.NewLine(env.Look)
		n.lines = append(n.lines, line)
		gap := float32(12)
		if i == 0 {
			gap = 24
		}
		parts = append(parts, kit.Part{Block: line, Gap: gap})
	}
	parts = append(parts, kit.Part{Block: n.retry, Gap: 28, Role: kit.Action})
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
	n.card.Updated(moved...)
}
