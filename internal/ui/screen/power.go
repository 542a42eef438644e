package screen

import (
	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Power is «Éteindre» and «Redémarrer», in the place of a page of the help: first which, then
// whether it is meant.
type Power struct {
	env          Env
	card         *kit.Card
	title, text  *kit.Text
	said         *kit.Notice
	off, restart *kit.Button
	confirm      *kit.Button
	back         *kit.Button
}

// NewPower builds it.
func NewPower(env Env) *Power {
	p := &Power{env: env,
		title:   kit.NewTitle(env.Look, ""),
		text:    kit.NewBody(env.Look, ""),
		said:    kit.NewNotice(env.Look, look.IconClock, kit.InkAccent, look.SizeBody),
		off:     env.button(kit.Secondary, "power.off", login.ChoosePower{Action: login.PowerOff}).Iconic(look.IconPower),
		restart: env.button(kit.Secondary, "power.restart", login.ChoosePower{Action: login.PowerRestart}).Iconic(look.IconRestart),
		confirm: env.button(kit.Primary, "power.off.yes", login.ConfirmPower{}),
		back:    env.button(kit.Tool, "action.back", login.Back{}).Iconic(look.IconBack),
	}
	p.card = env.card(kit.Parts{Main: []kit.Part{
		{Block: p.title, Role: kit.Essential},
		{Block: p.text, Gap: 12, Role: kit.Essential},
		{Block: p.said, Gap: 16, Role: kit.Essential},
		{Block: p.off, Gap: 24},
		{Block: p.restart, Gap: 16},
		{Block: p.confirm, Gap: 24, Role: kit.Action},
		{Block: p.back, Gap: 16},
	}})
	return p
}

// Card implements Screen.
func (p *Power) Card() *kit.Card { return p.card }

// Update implements Screen.
func (p *Power) Update(v login.View) {
	s := v.Help.Power
	title, yes, asked := "power.title", "", ""
	switch s.Action {
	case login.PowerOff:
		title, yes, asked = "power.off.title", "power.off.yes", "power.off.asked"
	case login.PowerRestart:
		title, yes, asked = "power.restart.title", "power.restart.yes", "power.restart.asked"
	case login.PowerNone:
	}
	chosen := s.Action != login.PowerNone
	said := ""
	switch {
	case s.Asked:
		p.said.SetIcon(look.IconClock, kit.InkAccent)
		said = p.env.t(asked)
	case s.Refused:
		p.said.SetIcon(look.IconError, kit.InkError)
		said = p.env.t("power.refused")
	}
	p.confirm.SetEnabled(!s.Asked)
	p.back.SetEnabled(!s.Asked)
	moved := []bool{p.title.Set(p.env.t(title)), p.text.Set(p.env.t("power.text")), p.said.Set(said),
		kit.Show(p.off, !chosen), kit.Show(p.restart, !chosen), kit.Show(p.confirm, chosen)}
	if chosen {
		moved = append(moved, p.confirm.SetLabel(p.env.t(yes)))
	}
	p.card.Updated(moved...)
}
