package screen

import (
	"fmt"
	"strings"

	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
)

// Help is «Aide surveillant»: the "Urgence examen" guide, one question a page.
// Every page is built once; the view's step says which is in view.
type Help struct {
	env   Env
	card  *kit.Card
	title *kit.Text
	pages map[string][]kit.Block

	typed *kit.Text
	signs *kit.Text
	slot  *kit.Notice
	back  *kit.Button
	next  *kit.Button
	other *kit.Button
}

// helpWay is a page's title and where its two buttons lead ("" leaves the help).
type helpWay struct{ title, yes, yesTo, no, noTo string }

func helpWays() map[string]helpWay {
	return map[string]helpWay{
		login.HelpAddress: {"help.address.title", "help.address.same", login.HelpCode, "help.address.other", login.HelpOther},
		login.HelpCode:    {"help.code.title", "help.code.fails", login.HelpOther, "", ""},
		login.HelpOther:   {"help.other.title", "help.other.fails", login.HelpCall, "", ""},
		login.HelpCall:    {"help.call.title", "", "", "", ""},
	}
}

// NewHelp builds all pages.
func NewHelp(env Env) *Help {
	h := &Help{env: env, pages: map[string][]kit.Block{},
		title: kit.NewTitle(env.Look, ""),
		typed: kit.NewText(env.Look, look.SizeTitle, kit.InkText).Bold(),
		signs: kit.NewSmall(env.Look, ""),
		slot:  kit.NewNotice(env.Look, look.IconClock, kit.InkAccent, look.SizeBody),
		back:  env.button(kit.Secondary, "action.back", login.Back{}).Iconic(look.IconBack),
	}
	h.next = kit.NewButton(env.Look, kit.Primary, "", nil).Leaving(func() { env.Post(login.Back{}) })
	h.other = kit.NewButton(env.Look, kit.Secondary, "", nil).Leaving(func() { env.Post(login.Back{}) })
	parts := kit.Parts{Head: []kit.Part{{Block: h.title, Role: kit.Essential}}}
	main := func(step string, gap float32, b kit.Block) {
		h.pages[step] = append(h.pages[step], b)
		parts.Main = append(parts.Main, kit.Part{Block: b, Gap: gap})
	}
	h.addressPage(main)
	h.otherPages(main)
	parts.Main = append(parts.Main,
		kit.Part{Block: h.next, Gap: 24, Role: kit.Action},
		kit.Part{Block: h.other, Gap: 12},
		kit.Part{Block: h.back, Gap: 12})
	parts.Aside = h.contacts()
	h.card = env.card(parts)
	return h
}

func (h *Help) addressPage(main func(string, float32, kit.Block)) {
	where := h.env.t("help.where")
	if phone := h.env.Frame.LocalPhone; phone != "" {
		where = h.env.say("help.where.phone", 0, "phone", phone)
	}
	main(login.HelpAddress, 16, h.env.small("help.typed"))
	main(login.HelpAddress, 4, h.typed)
	main(login.HelpAddress, 4, h.signs)
	main(login.HelpAddress, 20, h.env.body("help.compare"))
	main(login.HelpAddress, 8, kit.NewSmall(h.env.Look, where))
}

func (h *Help) otherPages(main func(string, float32, kit.Block)) {
	main(login.HelpCode, 16, h.env.body("help.code.text"))
	main(login.HelpCode, 12, h.env.advice(look.IconPhone, "help.code.phone"))
	main(login.HelpCode, 12, h.env.body("help.code.nophone"))
	main(login.HelpOther, 16, kit.NewStep(h.env.Look, "2", h.env.t("help.other.has")))
	main(login.HelpOther, 16, kit.NewStep(h.env.Look, "3", h.env.t("help.other.add")))
	main(login.HelpOther, 12, h.slot)
	main(login.HelpCall, 16, h.env.body("help.call.before"))
	main(login.HelpCall, 12, h.env.body("help.call.tablet"))
}

// contacts is the second column: whom to call, the centre first.
func (h *Help) contacts() []kit.Part {
	f := h.env.Frame
	blocks := []kit.Block{h.env.body("help.call.show").Bold()}
	number := func(key, phone string) {
		if phone != "" {
			blocks = append(blocks, kit.NewNotice(h.env.Look, look.IconPhone, kit.InkText, look.SizeBody).
				Say(h.env.say(key, 0, "phone", phone)))
		}
	}
	number("help.local", f.LocalPhone)
	number("help.support", f.SupportPhone)
	if f.SupportURI != "" {
		qr := kit.NewQR(168)
		qr.Set(f.SupportURI)
		blocks = append(blocks, kit.NewBody(h.env.Look, h.env.say("help.support.uri", 0, "uri", f.SupportURI)), qr)
	}
	return []kit.Part{{Block: kit.NewColumn(look.Grid, blocks...), Gap: 24}}
}

// Card implements Screen.
func (h *Help) Card() *kit.Card { return h.card }

// Update implements Screen.
func (h *Help) Update(v login.View) {
	s := v.Help
	way, ok := helpWays()[s.Step]
	if !ok {
		way = helpWays()[login.HelpCall]
	}
	typed, signs := kit.Plain(s.Email), h.signsOf(s.Email)
	if typed == "" {
		typed = h.env.t("help.typed.none")
	}
	moved := []bool{h.title.Set(h.env.t(way.title)), h.typed.Set(typed), h.signs.Set(signs)}
	slot := ""
	if s.NextSlot != nil {
		slot = h.env.say("help.other.slot", 0, "hour", fmt.Sprint(s.SlotHour),
			"minute", fmt.Sprintf("%02d", s.SlotMinute), "left", kit.Clock(s.NextSlot.Seconds))
	}
	moved = append(moved, h.slot.Tick(slot))
	for step, blocks := range h.pages {
		for _, b := range blocks {
			moved = append(moved, kit.Show(b, step == s.Step))
		}
	}
	moved = append(moved, h.lead(h.next, way.yes, way.yesTo), h.lead(h.other, way.no, way.noTo))
	h.card.Updated(moved...)
}

// lead points a button at another page, or hides it.
func (h *Help) lead(b *kit.Button, key, to string) bool {
	shown := kit.Show(b, key != "")
	if key == "" {
		return shown
	}
	b.Do(func() { h.env.Post(login.HelpTo{Step: to}) })
	return b.SetLabel(h.env.t(key)) || shown
}

// signsOf names the signs of an address that are mistaken for one another, in
// their order: «point», «tiret», «tiret bas».
func (h *Help) signsOf(address string) string {
	var names []string
	for _, r := range address {
		switch r {
		case '.':
			names = append(names, h.env.t("help.sign.dot"))
		case '-':
			names = append(names, h.env.t("help.sign.dash"))
		case '_':
			names = append(names, h.env.t("help.sign.underscore"))
		case '@':
			names = append(names, h.env.t("help.sign.at"))
		case '+':
			names = append(names, h.env.t("help.sign.plus"))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return h.env.say("help.separators", 0, "list", strings.Join(names, ", "))
}
