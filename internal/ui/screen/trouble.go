package screen

import (
	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Trouble is network and service trouble, one sentence for each kind.
type Trouble struct {
	env         Env
	card        *kit.Card
	title       *kit.Text
	what        *kit.Text
	who         *kit.Notice
	next        *kit.Notice
	code        *kit.Text
	correlation *kit.Text
	retry, back *kit.Button
}

// NewTrouble builds it.
func NewTrouble(env Env) *Trouble {
	t := &Trouble{env: env,
		title:       kit.NewTitle(env.Look, ""),
		what:        kit.NewBody(env.Look, ""),
		who:         kit.NewNotice(env.Look, look.IconHelp, kit.InkText, look.SizeBody),
		next:        kit.NewNotice(env.Look, look.IconClock, kit.InkAccent, look.SizeBody),
		code:        kit.NewText(env.Look, look.SizeBody, kit.InkText).Bold(),
		correlation: kit.NewText(env.Look, look.SizeSmall, kit.InkMuted),
		retry:       env.button(kit.Primary, "action.retry.now", login.RetryNow{}),
	}
	t.back = env.button(kit.Secondary, "action.back", login.Back{}).Iconic(look.IconBack)
	icon := kit.NewIcon(env.Look, look.IconWarning, kit.InkWarning, 36)
	t.card = env.card(kit.Parts{Main: []kit.Part{
		{Block: kit.NewRow(12, []kit.Natural{icon, kit.NewFill(env.Look, t.title, 200)}, 1), Role: kit.Essential},
		{Block: t.what, Gap: 16, Role: kit.Essential},
		{Block: t.who, Gap: 12},
		{Block: t.next, Gap: 16},
		{Block: kit.NewRow(look.Grid*2, []kit.Natural{t.retry, t.back}, 0, 1), Gap: 20, Role: kit.Action},
		{Block: t.code, Gap: 24},
		{Block: t.correlation, Gap: 4},
		{Block: roomLine(env), Gap: 12},
	}})
	return t
}

// roomLine is whom to call when it is not this tablet alone.
func roomLine(env Env) *kit.Notice {
	n := kit.NewNotice(env.Look, look.IconPhone, kit.InkText, look.SizeBody)
	phone := env.Frame.LocalPhone
	if phone == "" {
		phone = env.Frame.SupportPhone
	}
	if phone != "" {
		n.Set(env.say("trouble.room", 0, "phone", phone))
	}
	return n
}

// Card implements Screen.
func (t *Trouble) Card() *kit.Card { return t.card }

// Update implements Screen.
func (t *Trouble) Update(v login.View) {
	s := v.Trouble
	title, stem := troubleStem(s.Kind)
	who := ""
	if t.env.Words.Has(stem + ".who") {
		who = t.env.t(stem + ".who")
	}
	next, label := "", t.env.t("action.field")
	switch {
	case s.Resends:
		label = t.env.t("action.retry.now")
		next = t.env.say("trouble.retry.resends", s.RetryIn)
	default:
		next = t.env.say("trouble.retry.back", s.RetryIn)
	}
	if !s.Resends && !s.Final {
		who = t.env.t("trouble.kept") // whatever the kind: a secret is not sent again by itself
	}
	if s.RetryIn <= 0 {
		next = ""
	}
	code := ""
	if s.Code != "" {
		code = t.env.say("trouble.code", 0, "code", s.Code)
	}
	id := ""
	if s.Correlation != "" {
		id = t.env.say("trouble.correlation", 0, "id", s.Correlation)
	}
	t.retry.SetEnabled(!v.Busy)
	t.card.Updated(t.title.Set(t.env.t(title)), t.what.Set(t.env.t(stem)), t.who.Set(who),
		t.next.Tick(next), t.code.Set(code), t.correlation.Set(id),
		t.retry.SetLabel(label), kit.Show(t.retry, !s.Final),
		kit.Show(t.back, s.Resends || s.Final))
}
