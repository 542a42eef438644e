package screen

import (
	"portillon/internal/login"
	"portillon/internal/ui/field"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Email is screen 1.
type Email struct {
	env     Env
	card    *kit.Card
	intro   *kit.Text
	fault   *kit.Notice
	suggest *kit.Notice
	submit  *kit.Button
	choice  *kit.Row
	ways    *kit.Row
	accept  *kit.Button
	refuse  *kit.Button
	setup   *kit.Button
}

// NewEmail is screen 1 around the window's e-mail field.
func NewEmail(env Env, f *field.Email) *Email {
	e := &Email{env: env,
		intro:   env.body("email.intro"),
		fault:   kit.NewError(env.Look),
		suggest: kit.NewNotice(env.Look, look.IconHelp, kit.InkText, look.SizeBody),
		submit:  env.action(kit.Primary, "action.login", func() { env.Submit(login.FieldEmail) }),
		accept:  env.button(kit.Primary, "email.suggest.accept", login.AcceptSuggestion{}),
		refuse:  env.button(kit.Secondary, "email.suggest.refuse", login.RefuseSuggestion{}),
		setup:   env.button(kit.Tool, "email.unknown.setup", login.OpenSetup{}).Iconic(look.IconPhone),
	}
	help := env.button(kit.Tool, "action.help", login.OpenHelp{}).Iconic(look.IconHelp)
	e.choice = kit.NewRow(look.Grid*2, []kit.Natural{e.accept, e.refuse}, 0, 1)
	e.ways = kit.NewRow(look.Grid*2, []kit.Natural{help, e.setup}, 0, 1)
	e.card = env.card(kit.Parts{Main: []kit.Part{
		{Block: env.title("email.title")},
		{Block: e.intro, Gap: 8},
		{Block: env.label("email.label"), Gap: 20, Role: kit.Essential},
		{Block: inField(env, f), Gap: 6, Role: kit.Essential},
		{Block: e.fault, Gap: 8, Role: kit.Essential},
		{Block: e.suggest, Gap: 8, Role: kit.Essential},
		{Block: e.choice, Gap: 16, Role: kit.Action},
		{Block: e.submit, Gap: 12, Role: kit.Action},
		{Block: e.ways, Gap: 16},
	}})
	return e
}

// Card implements Screen.
func (e *Email) Card() *kit.Card { return e.card }

// Update implements Screen.
func (e *Email) Update(v login.View) {
	asks := v.Email.Suggestion != ""
	said := ""
	if asks {
		said = e.env.say("email.suggest", 0, "email", v.Email.Suggestion)
	}
	for _, b := range []*kit.Button{e.submit, e.accept, e.refuse, e.setup} {
		b.SetEnabled(!v.Busy)
	}
	e.card.Updated(
		e.env.fault(e.fault, v),
		kit.Show(e.fault, !asks),
		e.suggest.Set(said),
		// The question takes the place of the introduction: one question a screen.
		kit.Show(e.intro, !asks && !v.Email.Unknown),
		kit.Show(e.choice, asks),
		kit.Show(e.submit, !asks),
		kit.Show(e.ways, v.Email.Unknown && !asks),
	)
}
