package screen

import (
	"fmt"

	"portillon/internal/login"
	"portillon/internal/ui/field"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Code is screen 3.
type Code struct {
	env        Env
	card       *kit.Card
	ring       *kit.Ring
	target     *kit.Text
	minutes    *kit.Text
	stage      *kit.Notice
	fault      *kit.Notice
	submit     *kit.Button
	again      *kit.Button
	wait       *kit.Text
	asked      *kit.Notice
	phone      *kit.Notice
	procedures *kit.Button
}

// NewCode is screen 3 around the window's code field; nil as in NewPassword.
func NewCode(env Env, f *field.Code) *Code {
	c := &Code{env: env,
		ring:       kit.NewRing(env.Look),
		target:     kit.NewText(env.Look, look.SizeSmall, kit.InkMuted),
		minutes:    kit.NewText(env.Look, look.SizeBody, kit.InkText),
		stage:      kit.NewNotice(env.Look, look.IconClock, kit.InkAccent, look.SizeBody).Reserved(),
		fault:      kit.NewError(env.Look),
		submit:     env.action(kit.Primary, "action.login", func() { env.Submit(login.FieldCode) }),
		again:      env.button(kit.Secondary, "action.code.again", login.RequestCode{}),
		wait:       kit.NewText(env.Look, look.SizeSmall, kit.InkMuted),
		asked:      kit.NewNotice(env.Look, look.IconClock, kit.InkText, look.SizeBody),
		phone:      env.advice(look.IconPhone, "code.phone"),
		procedures: env.button(kit.Quiet, "code.procedures", login.OpenHelp{}),
	}
	cancel := env.button(kit.Secondary, "action.cancel", login.Back{})
	sent := env.body("code.sent")
	told := kit.NewColumn(look.Grid/2, sent, c.target, c.minutes, c.stage)
	c.card = env.card(kit.Parts{Main: []kit.Part{
		{Block: env.title("code.title")},
		{Block: kit.NewRow(look.Grid*3, []kit.Natural{kit.NewFill(env.Look, told, 240), c.ring}, 0), Gap: 8,
			// The time left stays in view where all of it does not fit.
			Pieces: []kit.Part{
				{Block: kit.NewColumn(look.Grid/2, sent, c.target, c.minutes), Gap: 12},
				{Block: kit.NewRow(look.Grid*3, []kit.Natural{kit.NewFill(env.Look, c.stage, 200), c.ring}, 0), Gap: 12, Role: kit.Essential},
			}},
		{Block: env.label("code.label"), Gap: 16, Role: kit.Essential},
		{Block: inField(env, codeObject(f)), Gap: 6, Role: kit.Essential},
		{Block: c.fault, Gap: 8, Role: kit.Essential},
		{Block: kit.NewRow(look.Grid*2, []kit.Natural{c.submit, cancel}, 0), Gap: 12, Role: kit.Action},
		{Block: c.asked, Gap: 20},
		{Block: c.phone, Gap: 8},
		{Block: c.again, Gap: 16},
		{Block: c.wait, Gap: 8},
		{Block: c.procedures, Gap: 4},
	}})
	return c
}

// Card implements Screen.
func (c *Code) Card() *kit.Card { return c.card }

// Update implements Screen.
func (c *Code) Update(v login.View) {
	s := v.Code
	ink := stageInk(s.Left.Stage)
	c.ring.Set(s.Left.Seconds, s.Left.Total, ink)
	c.submit.SetEnabled(!v.Busy)
	c.submit.SetRank(rank(!s.ResendPrimary))
	c.again.SetEnabled(!v.Busy && s.ResendIn == 0)
	c.again.SetRank(rank(s.ResendPrimary))

	target := ""
	if s.Target != "" {
		target = c.env.say("code.target", 0, "target", s.Target)
	}
	// The primary button stays where it is, and in view.
	role := kit.Detail
	if s.ResendPrimary {
		role = kit.Essential
	}
	minutes := c.env.t("code.once")
	if s.Minutes > 0 {
		minutes = c.env.say("code.minutes", s.Minutes)
	}
	moved := false
	if s.ResendIn > 0 {
		moved = c.wait.Tick(c.env.say("code.again.wait", s.ResendIn))
	}
	c.card.Updated(moved, c.card.SetRole(c.again, role),
		c.target.Set(target), c.minutes.Set(minutes),
		c.setStage(s.Left.Stage, v.Error),
		c.env.fault(c.fault, v),
		c.asked.Set(c.env.say("code.asked", 0, "hour", fmt.Sprint(s.AskedHour), "minute", fmt.Sprintf("%02d", s.AskedMinute))),
		kit.Show(c.asked, !s.ResendPrimary),
		kit.Show(c.wait, s.ResendIn > 0),
		kit.Show(c.procedures, s.OfferProcedures),
	)
}

// setStage says beside the ring what its colour says.
func (c *Code) setStage(s login.Stage, fault *login.Text) bool {
	icon := look.IconWarning
	if s == login.StageCalm {
		icon = look.IconClock
	}
	c.stage.SetIcon(icon, stageInk(s))
	if s == login.StageExpired && fault != nil && fault.Key == "error.code.expired" {
		return c.stage.Set("") // said once, beside the field
	}
	return c.stage.Set(c.env.t("code.stage." + string(s)))
}
