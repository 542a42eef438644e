// Package screen holds the screens of the login, one file each. internal/ui
// builds every screen once and hands it a login.View; Update changes only what
// differs, so that a countdown's second repaints its digits and nothing else.
//
// A screen shows what the view says and posts events; it decides nothing,
// remembers nothing and sees no secret: the fields are internal/ui's, and a
// submit goes through Env.Submit. Values that came from a server or a keyboard
// are drawn by kit.Plain, never as markup, and nothing here is a link.
package screen

import (
	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// Frame is what the centre's configuration and the tablet say of themselves.
type Frame struct {
	Exam, Centre, Room, Tablet string
	Version, ConfigSerial      string
	// LocalPhone is the centre's own help, shown before UNESS; may be empty.
	LocalPhone, SupportPhone, SupportURI string
	Domains                              []string
	// Demonstration says so on every screen.
	Demonstration bool
}

// Env is what every screen is built from.
type Env struct {
	Look  *look.Look
	Words *words.Words
	Frame Frame
	Post  func(login.Event)
	// Submit sends what the field of the screen holds: «SE CONNECTER» and Return.
	Submit func(login.Field)
}

// Screen is one screen.
type Screen interface {
	// Card is what the window shows.
	Card() *kit.Card
	// Update shows v; only called while the screen is the one v names.
	Update(v login.View)
}

func (e Env) t(key string) string { return e.Words.T(key) }

func (e Env) say(key string, count int, args ...string) string {
	m := make(map[string]string, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		m[args[i]] = kit.Plain(args[i+1])
	}
	return e.Words.Say(key, count, m)
}

// text is a sentence of the machine.
func (e Env) text(t *login.Text) string {
	if t == nil {
		return ""
	}
	args := make([]string, 0, 2*len(t.Args))
	for k, v := range t.Args {
		args = append(args, k, v)
	}
	return e.say(t.Key, t.Count, args...)
}

func (e Env) card(parts kit.Parts) *kit.Card { return e.cardPaged("action.more", "action.back", parts) }

// cardPaged is a card whose way to further pages, or back to the first, has a name of its own.
func (e Env) cardPaged(more, back string, parts kit.Parts) *kit.Card {
	return kit.NewCard(e.Look, e.t(more), e.t(back), parts)
}

// button posts an event.
func (e Env) button(rank kit.Rank, key string, event login.Event) *kit.Button {
	return e.action(rank, key, func() { e.Post(event) })
}

func (e Env) action(rank kit.Rank, key string, act func()) *kit.Button {
	return kit.NewButton(e.Look, rank, e.t(key), act).Leaving(func() { e.Post(login.Back{}) })
}

func (e Env) title(key string) *kit.Text { return kit.NewTitle(e.Look, e.t(key)) }
func (e Env) body(key string) *kit.Text  { return kit.NewBody(e.Look, e.t(key)) }
func (e Env) small(key string) *kit.Text { return kit.NewSmall(e.Look, e.t(key)) }

// label is the name of a field, and at the end of its line what the star means.
func (e Env) label(key string) *kit.Row {
	return kit.NewRow(look.Grid, []kit.Natural{e.body(key).Bold(), kit.NewSpace(), e.small("field.required")}, 1)
}

// advice is a sentence with an icon, in ordinary ink.
func (e Env) advice(icon look.Icon, key string) *kit.Notice {
	return kit.NewNotice(e.Look, icon, kit.InkText, look.SizeBody).Say(e.t(key))
}

// fault says what is wrong beside the field; while a request is under way it says so.
func (e Env) fault(n *kit.Notice, v login.View) bool {
	switch {
	case v.Error != nil:
		n.SetIcon(look.IconError, kit.InkError)
		return n.Set(e.text(v.Error))
	case v.Busy:
		n.SetIcon(look.IconClock, kit.InkMuted)
		return n.Set(e.t("busy"))
	}
	return n.Set("")
}

// stageInk is the colour of a countdown; a sentence always goes with it.
func stageInk(s login.Stage) kit.Ink {
	switch s {
	case login.StageAmber:
		return kit.InkWarning
	case login.StageRed, login.StageExpired:
		return kit.InkError
	case login.StageCalm:
	}
	return kit.InkAccent
}

// rank is Primary or Secondary.
func rank(primary bool) kit.Rank {
	if primary {
		return kit.Primary
	}
	return kit.Secondary
}

// troubleStem is the stem of the sentences about a failure, and the title above.
func troubleStem(k identity.Kind) (title, stem string) {
	switch k {
	case identity.NoNetwork, identity.NoRoute, identity.NameNotFound, identity.Refused, identity.TimedOut,
		identity.ConnectionLost, identity.CaptivePortal, identity.BadCertificate:
		return "trouble.title.network", "trouble." + k.String()
	case identity.WebRequired, identity.ServiceUnavailable, identity.Busy, identity.UnexpectedAnswer:
		return "trouble.title.service", "trouble." + k.String()
	case identity.Misconfigured, identity.ClockWrong:
		return "trouble.title.tablet", "trouble." + k.String()
	case identity.TooManyAttempts:
		return "trouble.title.service", "error.attempts"
	case identity.SessionExpired:
		return "trouble.title.service", "error.session.expired"
	case identity.KindUnknown, identity.Canceled, identity.WrongPassword, identity.WrongCode,
		identity.CodeExpired, identity.CodeUsed, identity.CodeSuperseded,
		identity.AccountUnknown, identity.AccountNotConfigured, identity.AccountBlocked:
	}
	return "trouble.title.service", "trouble.unknown"
}
