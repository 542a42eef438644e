package screen

import (
	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Connected is screen 4.
type Connected struct {
	env     Env
	card    *kit.Card
	icon    *kit.Icon
	title   *kit.Text
	name    *kit.Text
	phone   *kit.Notice
	opening *kit.Notice
	notMe   *kit.Button
	left    *kit.Text
	retry   *kit.Button
}

// NewConnected builds it.
func NewConnected(env Env) *Connected {
	c := &Connected{env: env,
		icon:    kit.NewIcon(env.Look, look.IconCheck, kit.InkOK, 36),
		title:   env.title("connected.title"),
		name:    kit.NewText(env.Look, look.SizeDigits, kit.InkText).Bold(),
		phone:   env.advice(look.IconPhone, "connected.phone"),
		opening: env.advice(look.IconClock, "connected.opening"),
		notMe:   env.button(kit.Secondary, "connected.notme", login.NotMe{}),
		left:    kit.NewText(env.Look, look.SizeSmall, kit.InkMuted),
		retry:   env.button(kit.Primary, "action.retry", login.RetryNow{}),
	}
	c.card = env.card(kit.Parts{Main: []kit.Part{
		{Block: kit.NewRow(12, []kit.Natural{c.icon, kit.NewFill(env.Look, c.title, 200)}, 1), Role: kit.Essential},
		{Block: c.name, Gap: 8, Role: kit.Essential},
		{Block: c.phone, Gap: 20},
		{Block: c.opening, Gap: 8},
		{Block: c.notMe, Gap: 28, Role: kit.Action},
		{Block: c.retry, Gap: 28, Role: kit.Action},
		{Block: c.left, Gap: 8},
	}})
	return c
}

// Card implements Screen.
func (c *Connected) Card() *kit.Card { return c.card }

// Update implements Screen.
func (c *Connected) Update(v login.View) {
	s := v.Connected
	icon, ink, title := look.IconCheck, kit.Ink(kit.InkOK), "connected.title"
	if s.Interrupted {
		icon, ink, title = look.IconWarning, kit.InkWarning, "connected.interrupted"
	}
	c.icon.Set(icon, ink)
	c.retry.SetEnabled(!v.Busy)
	c.card.Updated(
		c.name.Set(kit.Plain(s.Name)),
		c.title.Set(c.env.t(title)),
		c.left.Tick(c.env.say("connected.notme.left", s.Seconds)),
		kit.Show(c.phone, !s.Interrupted),
		kit.Show(c.opening, !s.Interrupted),
		kit.Show(c.notMe, s.CanDeny),
		kit.Show(c.left, s.CanDeny),
		kit.Show(c.retry, s.Interrupted),
	)
}

// Ended is «Épreuve terminée».
type Ended struct {
	env  Env
	card *kit.Card
	left *kit.Text
}

// NewEnded builds it.
func NewEnded(env Env) *Ended {
	e := &Ended{env: env, left: kit.NewText(env.Look, look.SizeSmall, kit.InkMuted)}
	icon := kit.NewIcon(env.Look, look.IconCheck, kit.InkOK, 36)
	e.card = env.card(kit.Parts{Main: []kit.Part{
		{Block: kit.NewRow(12, []kit.Natural{icon, kit.NewFill(env.Look, env.title("ended.title"), 200)}, 1), Role: kit.Essential},
		{Block: env.body("ended.wiped"), Gap: 16},
		{Block: env.body("ended.text"), Gap: 8},
		{Block: env.button(kit.Primary, "ended.continue", login.Touched{}), Gap: 28, Role: kit.Action},
		{Block: e.left, Gap: 8},
	}})
	return e
}

// Card implements Screen.
func (e *Ended) Card() *kit.Card { return e.card }

// Update implements Screen.
func (e *Ended) Update(v login.View) {
	e.card.Updated(e.left.Tick(e.env.say("ended.left", v.Ended.Seconds)))
}
