package screen

import (
	"fmt"

	"portillon/internal/login"
	"portillon/internal/procedure"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Help is «Aide surveillant»: the decision tree of internal/procedure, one question
// or one list of things to do a page. The card is built once, for any page: what
// to do on the left, what came of it on the right, or below one another where there is
// room for one column.
type Help struct {
	env  Env
	card *kit.Card
	page procedure.ID

	name, title, lead, where *kit.Text
	typedLabel, typedNone    *kit.Text
	typed                    *kit.Spelled
	steps                    []*kit.Step
	slot                     *kit.Row
	ring                     *kit.Ring
	next                     *kit.Text
	passed                   *kit.Notice
	contacts                 []kit.Part
	portal                   *kit.Row
	portalQR                 *kit.QR
	portalURI                *kit.Text
	choices                  []*kit.Button // of the page that only asks, in the first column
	ways                     []*kit.Button // the answers of any other
	others                   *kit.Button
	report, power            *kit.Button
}

// Most of everything on one page; a test holds the tree to it.
const (
	maxSteps   = 4
	maxWays    = 3
	maxChoices = 4 // in each column
	slotAfter  = 1 // the step that says to wait
)

// NewHelp builds it.
func NewHelp(env Env) *Help {
	h := &Help{env: env,
		name:       kit.NewSmall(env.Look, ""),
		title:      kit.NewTitle(env.Look, ""),
		lead:       env.body("help.call.lead"),
		where:      kit.NewSmall(env.Look, whereText(env)),
		typedLabel: env.small("help.typed"),
		typedNone:  env.body("help.typed.none"),
		typed:      kit.NewSpelled(env.Look),
		ring:       kit.NewRing(env.Look),
		next:       kit.NewBody(env.Look, "").Bold(),
		passed:     kit.NewNotice(env.Look, look.IconCheck, kit.InkOK, look.SizeBody),
		contacts:   contacts(env),
		portalQR:   kit.NewQR(env.Look, 150),
		portalURI:  kit.NewBody(env.Look, "").Bold(),
		others:     env.button(kit.Tool, "help.others", login.HelpTo{Step: procedure.Choose}),
		report:     env.button(kit.Tool, "help.report", login.OpenAside{Aside: login.AsideReport}),
		power:      env.button(kit.Tool, "help.power", login.OpenAside{Aside: login.AsidePower}).Iconic(look.IconPower),
	}
	h.slot = kit.NewRow(look.Grid*2, []kit.Natural{h.ring, kit.NewFill(env.Look, kit.NewColumn(look.Grid/2, h.next, h.passed), 240)}, 1)
	h.portal = kit.NewRow(look.Grid*2, []kit.Natural{kit.NewFill(env.Look, h.portalQR, 150), kit.NewFill(env.Look, h.portalURI, 200)}, 1)
	h.card = env.cardPaged("action.more", "action.first", h.parts()) // «Retour» is a step back
	return h
}

func (h *Help) parts() kit.Parts {
	leave := func() { h.env.Post(login.Back{}) }
	button := func(rank kit.Rank) *kit.Button { return kit.NewButton(h.env.Look, rank, "", nil).Leaving(leave) }
	parts := kit.Parts{
		Head: []kit.Part{
			{Block: h.name},
			{Block: h.title, Gap: 4, Role: kit.Essential},
			{Block: h.typedLabel, Gap: 12},
			{Block: h.typed},
			{Block: h.typedNone},
		},
	}
	for i := range maxSteps {
		s := kit.NewStep(h.env.Look, fmt.Sprint(i+1), "")
		h.steps = append(h.steps, s)
		part := kit.Part{Block: s, Gap: 16}
		if i == 0 {
			part.Block = kit.NewColumn(look.Grid*3/2, h.lead, s) // never parted
		}
		parts.Main = append(parts.Main, part)
		if i == slotAfter {
			parts.Main = append(parts.Main, kit.Part{Block: h.slot, Gap: 12})
		}
	}
	parts.Main = append(parts.Main, kit.Part{Block: h.where, Gap: 16}, kit.Part{Block: h.report, Gap: 24}, kit.Part{Block: h.power, Gap: 12})
	for range maxChoices {
		b := button(kit.Secondary)
		h.choices = append(h.choices, b)
		parts.Main = append(parts.Main, kit.Part{Block: b, Gap: 16})
	}
	parts.Aside = append(append(parts.Aside, h.contacts...), kit.Part{Block: h.portal, Gap: 20})
	for i := range maxWays {
		b, role := button(kit.Secondary), kit.Detail
		if i == 0 {
			role = kit.Action
		}
		h.ways = append(h.ways, b)
		parts.Aside = append(parts.Aside, kit.Part{Block: b, Gap: 16, Role: role})
	}
	back := h.env.button(kit.Tool, "action.back", login.Back{}).Iconic(look.IconBack)
	out := h.env.button(kit.Tool, "help.close", login.CloseHelp{Goal: procedure.GoalScreen})
	ways := kit.NewRow(look.Grid*2, []kit.Natural{back, h.others, out}, 0, 1, 2)
	parts.Aside = append(parts.Aside, kit.Part{Block: ways, Gap: 28})
	return parts
}

// whereText says where the cockpit is: not on this tablet.
func whereText(env Env) string {
	if phone := env.Frame.LocalPhone; phone != "" {
		return env.say("help.where.phone", 0, "phone", phone)
	}
	return env.t("help.where")
}

// contacts is whom to call, the centre first, in figures that are read at a glance;
// in large text too they stay in view beside the title.
func contacts(env Env) []kit.Part {
	f := env.Frame
	var parts []kit.Part
	number := func(key, phone string) {
		if phone != "" {
			block := kit.NewColumn(0, env.small(key), kit.NewText(env.Look, look.SizeDigits, kit.InkText).Bold().Say(kit.Plain(phone)))
			parts = append(parts, kit.Part{Block: block, Gap: 16, Role: kit.Essential})
		}
	}
	support := "help.call.support"
	if f.LocalPhone == "" {
		support = "help.call.only"
	}
	number("help.call.local", f.LocalPhone)
	number(support, f.SupportPhone)
	if f.SupportURI != "" {
		qr := kit.NewQR(env.Look, 150)
		qr.Set(f.SupportURI)
		uri := kit.NewBody(env.Look, env.say("help.call.uri", 0, "uri", f.SupportURI))
		parts = append(parts, kit.Part{Block: uri, Gap: 16}, kit.Part{Block: qr, Gap: 8})
	}
	return parts
}

// FirstWay is what Return does on a page of the help: its first answer, where the
// answers are not all alike.
func FirstWay(v login.View) login.Event {
	if v.Help == nil {
		return login.Touched{}
	}
	p, _ := procedure.Find(v.Help.Step)
	if !leadsOn(p) {
		return login.Touched{}
	}
	return leads(p.Answers[0])
}

// leadsOn: the first answer is the likeliest way on. Where there is but one, it is
// for what did not help; where a page only asks, none is likelier.
func leadsOn(p procedure.Page) bool { return len(p.Steps) > 0 && len(p.Answers) > 1 }

// leads is the event of an answer.
func leads(a procedure.Answer) login.Event {
	if a.To != "" {
		return login.HelpTo{Step: a.To}
	}
	return login.CloseHelp{Goal: a.Goal}
}

// Card implements Screen.
func (h *Help) Card() *kit.Card { return h.card }

// Update implements Screen.
func (h *Help) Update(v login.View) {
	s := v.Help
	p, ok := procedure.Find(s.Step)
	if !ok {
		p, _ = procedure.Find(procedure.Call) // a page this build does not know: who may
	}
	moved := []bool{h.setWords(p), h.setAnswers(p), h.setTyped(p, s.Email), h.setSlot(s),
		h.portalQR.Set(s.SetupURI), h.portalURI.Set(kit.Plain(s.SetupURI)),
		kit.Show(h.report, p.ID == procedure.Call || p.ID == procedure.Tablet),
		kit.Show(h.power, s.MayPower && (p.ID == procedure.Call || p.ID == procedure.Tablet)),
		kit.Show(h.portal, p.Shows == procedure.ThingPortal && s.SetupURI != "")}
	for _, c := range h.contacts {
		moved = append(moved, kit.Show(c.Block, p.Shows == procedure.ThingContacts))
	}
	if h.page != p.ID {
		h.page = p.ID
		h.card.Rewind()
	}
	h.card.Updated(moved...)
}

func (h *Help) setWords(p procedure.Page) bool {
	name := p.Name
	if name == "" {
		name = "help.name.none"
	}
	moved := h.name.Set(h.env.t(name))
	moved = h.title.Set(h.env.t(p.Title)) || moved
	moved = kit.Show(h.lead, p.Lead != "") || moved
	if p.Lead != "" {
		moved = h.lead.Set(h.env.t(p.Lead)) || moved
	}
	for i, step := range h.steps {
		if i < len(p.Steps) {
			moved = step.Set(h.env.t(p.Steps[i])) || moved
		}
		moved = kit.Show(step, i < len(p.Steps)) || moved
	}
	return kit.Show(h.where, p.Cockpit) || moved
}

// setAnswers gives the page's answers their buttons: those of a page that only asks
// fill both columns, any other's stand in the second, the first of them primary.
func (h *Help) setAnswers(p procedure.Page) bool {
	main, side := h.choices, p.Answers
	if len(p.Steps) == 0 {
		side = p.Answers[min(maxChoices, len(p.Answers)):]
	} else {
		main = nil
	}
	h.ways[0].SetRank(rank(leadsOn(p)))
	moved := false
	for i, b := range h.choices {
		if i >= len(main) || i >= len(p.Answers) {
			moved = kit.Show(b, false) || moved
			continue
		}
		moved = h.answer(b, p.Answers[i]) || moved
	}
	for i, b := range h.ways {
		if i >= len(side) {
			moved = kit.Show(b, false) || moved
			continue
		}
		moved = h.answer(b, side[i]) || moved
	}
	return kit.Show(h.others, p.ID != procedure.Choose) || moved
}

// answer makes a button an answer's.
func (h *Help) answer(b *kit.Button, a procedure.Answer) bool {
	b.Do(func() { h.env.Post(leads(a)) })
	shown := kit.Show(b, true)
	return b.SetLabel(h.env.t(a.Label)) || shown
}

func (h *Help) setTyped(p procedure.Page, address string) bool {
	on := p.Shows == procedure.ThingAddress
	moved := h.typed.Set(h.signs(address))
	for _, changed := range []bool{kit.Show(h.typedLabel, on), kit.Show(h.typed, on && address != ""), kit.Show(h.typedNone, on && address == "")} {
		moved = moved || changed
	}
	return moved
}

// signs is an address with its signs and digits named.
func (h *Help) signs(address string) []kit.Sign {
	var out []kit.Sign
	for _, p := range procedure.SpellAddress(kit.Plain(address)) {
		name := ""
		switch {
		case p.Key == procedure.KeyDigit && len([]rune(p.Text)) > 1:
			name = h.env.t(procedure.KeyDigits)
		case p.Key != "":
			name = h.env.t(p.Key)
		}
		out = append(out, kit.Sign{Text: p.Text, Name: name, Break: p.Key == procedure.KeyAt})
	}
	return out
}

// setSlot counts down to the next update, beside a word on one that came.
func (h *Help) setSlot(s *login.HelpView) bool {
	if s.NextSlot == nil {
		return kit.Show(h.slot, false)
	}
	h.ring.Set(s.NextSlot.Seconds, s.NextSlot.Total, kit.InkAccent)
	moved := h.next.Set(h.env.say("help.add.next", 0, "hour", fmt.Sprint(s.SlotHour), "minute", twoDigits(s.SlotMinute)))
	passed := ""
	if s.Passed {
		passed = h.env.say("help.add.passed", 0, "hour", fmt.Sprint(s.PassedHour), "minute", twoDigits(s.PassedMinute))
	}
	moved = h.passed.Set(passed) || moved
	return kit.Show(h.slot, true) || moved
}

func twoDigits(n int) string { return fmt.Sprintf("%02d", n) }
