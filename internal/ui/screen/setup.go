package screen

import (
	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Setup is «Compte non configuré»: what is to be done on the phone.
type Setup struct {
	env  Env
	card *kit.Card
	qr   *kit.QR
	uri  *kit.Text
	done *kit.Button
	// fault: «J’ai terminé», and the account still has no password.
	fault *kit.Notice
}

// NewSetup builds it.
func NewSetup(env Env) *Setup {
	s := &Setup{env: env,
		qr:    kit.NewQR(env.Look, 232),
		uri:   kit.NewText(env.Look, look.SizeBody, kit.InkText).Bold(),
		fault: kit.NewError(env.Look),
		done:  env.button(kit.Primary, "setup.done", login.SetupDone{}),
	}
	step := func(n, key string) *kit.Step { return kit.NewStep(env.Look, n, env.t(key)) }
	back := env.button(kit.Secondary, "action.back", login.Back{}).Iconic(look.IconBack)
	s.card = env.card(kit.Parts{
		Head: []kit.Part{{Block: env.title("setup.title")}, {Block: env.body("setup.text"), Gap: 16}},
		Main: []kit.Part{
			{Block: step("1", "setup.step1"), Gap: 20},
			{Block: step("2", "setup.step2"), Gap: 12},
			{Block: step("3", "setup.step3"), Gap: 12},
			{Block: s.fault, Gap: 16, Role: kit.Essential},
			{Block: kit.NewRow(look.Grid*2, []kit.Natural{s.done, back}, 0), Gap: 12, Role: kit.Action},
		},
		Aside: []kit.Part{
			{Block: s.qr, Gap: 16},
			{Block: kit.NewColumn(look.Grid/2, env.small("setup.address"), s.uri), Gap: 16},
		},
		AsideFirst: true, // what to scan follows the words that say so
	})
	return s
}

// Card implements Screen.
func (s *Setup) Card() *kit.Card { return s.card }

// Update implements Screen.
func (s *Setup) Update(v login.View) {
	s.done.SetEnabled(!v.Busy)
	s.card.Updated(s.env.fault(s.fault, v), s.qr.Set(v.Setup.URI), s.uri.Set(kit.Plain(v.Setup.URI)))
}
