package screen

import (
	"portillon/internal/login"
	"portillon/internal/ui/field"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Password is screen 2: the password on one side, the code on the other.
type Password struct {
	env  Env
	card *kit.Card

	email     *kit.Text
	label     *kit.Row
	field     *kit.Fixed
	none      *kit.Text
	fault     *kit.Notice
	remember  *kit.Check
	ways      *kit.Row // submit and forgotten
	submit    *kit.Button
	forgotten *kit.Button
	explain   *kit.Notice
	close     *kit.Button

	intro   *kit.Text
	once    *kit.Text
	running *kit.Notice
	phone   *kit.Notice
	request *kit.Button
	enter   *kit.Button
	wait    *kit.Text
}

// NewPassword is screen 2 around the window's password field; a nil field means
// that the tablet grants no safe page; the view's error says so.
func NewPassword(env Env, f *field.Secret) *Password {
	back := func() { env.Post(login.Back{}) }
	p := &Password{env: env,
		email:     kit.NewText(env.Look, look.SizeBody, kit.InkMuted),
		label:     env.label("password.label"),
		none:      env.body("password.none"),
		fault:     kit.NewError(env.Look),
		remember:  kit.NewCheck(env.Look, env.t("password.remember"), env.t("password.remember.hint"), func() { env.Post(login.ToggleRemember{}) }, back),
		submit:    env.action(kit.Primary, "action.login", func() { env.Submit(login.FieldPassword) }),
		forgotten: env.button(kit.Quiet, "password.forgotten", login.OpenForgotten{}),
		explain:   kit.NewNotice(env.Look, look.IconHelp, kit.InkText, look.SizeBody),
		close:     env.button(kit.Secondary, "action.back", login.Back{}).Iconic(look.IconBack),
		intro:     env.body("password.code.intro"),
		once:      kit.NewText(env.Look, look.SizeBody, kit.InkText),
		running:   kit.NewNotice(env.Look, look.IconClock, kit.InkText, look.SizeBody),
		phone:     env.advice(look.IconPhone, "password.code.phone"),
		request:   env.button(kit.Secondary, "action.code.request", login.RequestCode{}),
		enter:     env.button(kit.Primary, "action.code.enter", login.EnterCode{}),
		wait:      kit.NewText(env.Look, look.SizeSmall, kit.InkMuted),
	}
	p.field = inField(env, secretObject(f))
	p.ways = kit.NewRow(look.Grid*3, []kit.Natural{p.submit, p.forgotten}, 0)
	change := env.button(kit.Quiet, "password.change", login.Back{})
	who := kit.NewRow(look.Grid*2, []kit.Natural{p.email, change})
	p.card = env.cardPaged("password.more", "action.back", kit.Parts{
		Head: []kit.Part{{Block: kit.NewRow(look.Grid*2, []kit.Natural{env.title("password.title"), kit.NewSpace(), who}, 1)}},
		Main: []kit.Part{
			{Block: p.none, Gap: 16},
			{Block: p.label, Gap: 16, Role: kit.Essential},
			{Block: p.field, Gap: 6, Role: kit.Essential},
			{Block: p.explain, Gap: 16},
			{Block: p.fault, Gap: 8, Role: kit.Essential},
			{Block: p.remember, Gap: 8},
			{Block: p.ways, Gap: 16, Role: kit.Action},
			{Block: p.close, Gap: 16},
		},
		Aside: []kit.Part{
			{Block: p.intro, Gap: 24},
			{Block: p.once, Gap: 8},
			{Block: p.running, Gap: 8},
			{Block: p.phone, Gap: 8},
			{Block: p.request, Gap: 16},
			{Block: p.enter, Gap: 16},
			{Block: p.wait, Gap: 8},
		},
	})
	return p
}

// Card implements Screen.
func (p *Password) Card() *kit.Card { return p.card }

// Update implements Screen.
func (p *Password) Update(v login.View) {
	s := v.Password
	p.remember.Set(s.Remember)
	for _, b := range []*kit.Button{p.submit, p.forgotten, p.enter} {
		b.SetEnabled(!v.Busy)
	}
	p.request.SetEnabled(!v.Busy && s.ResendIn == 0)
	p.request.SetRank(rank(s.CodeProminent || s.Forgotten))
	explain := ""
	if s.Forgotten {
		explain = p.env.t("password.forgotten.text")
		if !s.CodeOffered {
			explain = p.env.t("password.forgotten.nocode")
		}
	}
	role, more := kit.Detail, "password.more"
	if v.Field == login.FieldNone { // the code is the way, and in view
		role, more = kit.Action, "action.more"
	}
	p.card.Updated(p.card.SetRole(p.request, role), p.card.SetMore(p.env.t(more)),
		p.email.Set(kit.Plain(s.Email)),
		p.env.fault(p.fault, v),
		kit.Show(p.none, !s.PasswordOffered),
		kit.Show(p.label, s.PasswordOffered && !s.Forgotten),
		kit.Show(p.field, s.PasswordOffered && !s.Forgotten),
		kit.Show(p.ways, s.PasswordOffered && !s.Forgotten),
		kit.Show(p.remember, s.RememberOffered && !s.Forgotten),
		p.explain.Set(explain),
		kit.Show(p.close, s.Forgotten),
		p.updateCode(s),
	)
}

// updateCode is the right-hand column; it reports whether anything moved.
func (p *Password) updateCode(s *login.PasswordView) bool {
	running := s.CodeRunning != nil
	moved := kit.Show(p.running, running && s.CodeOffered)
	if running {
		moved = p.running.Tick(p.env.say("password.code.running", 0, "left", kit.Clock(s.CodeRunning.Seconds))) || moved
	}
	once := p.env.t("password.code.once")
	if s.CodeMinutes > 0 {
		once = p.env.say("password.code.minutes", s.CodeMinutes)
	}
	moved = p.once.Set(once) || moved
	if s.ResendIn > 0 {
		moved = p.wait.Tick(p.env.say("password.code.wait", s.ResendIn)) || moved
	}
	for _, part := range []struct {
		block kit.Block
		on    bool
	}{
		{p.intro, !running}, {p.once, !running}, {p.phone, true},
		{p.request, !running}, {p.enter, running}, {p.wait, s.ResendIn > 0 && !running},
	} {
		moved = kit.Show(part.block, part.on && s.CodeOffered) || moved
	}
	return moved
}
