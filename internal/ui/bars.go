package ui

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/login"
	"portillon/internal/ui/kit"
	"portillon/internal/ui/look"
	"portillon/internal/words"
)

// Status is what the tablet says of itself in the footer.
type Status struct {
	Battery  int // percent; -1: no battery, nothing is said
	Charging bool
	Network  bool
	Clock    string // as people read it; empty: not shown
}

// bar is a strip of the window with a line at one of its edges.
type bar struct {
	content *fyne.Container
	row     *kit.Row
	fit     func(width float32)
	below   bool // the line is below
	face    *canvas.Line
	line    *canvas.Rectangle
	look    *look.Look
}

const barPad = 2 * look.Grid

func newBar(l *look.Look, row *kit.Row, below bool, fit func(float32)) *bar {
	b := &bar{look: l, row: row, fit: fit, below: below,
		face: look.NewArea(l.Palette.Card), line: canvas.NewRectangle(l.Palette.Line)}
	b.content = &fyne.Container{}
	b.content.Layout = b
	b.content.Objects = []fyne.CanvasObject{b.face, b.line, row}
	return b
}

// MinSize implements fyne.Layout.
func (b *bar) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// Layout implements fyne.Layout.
func (b *bar) Layout(_ []fyne.CanvasObject, s fyne.Size) {
	if s.Width <= 0 {
		return
	}
	b.face.StrokeColor = b.look.Palette.Card
	b.line.FillColor = kit.Soft(b.look.Palette)
	look.PlaceArea(b.face, fyne.NewPos(0, 0), s)
	edge := float32(0)
	if b.below {
		edge = s.Height - look.LineWidth
	}
	region{0, edge, s.Width, look.LineWidth}.place(b.line)
	inner := s.Width - 2*barPad
	b.fit(inner)
	h := b.row.HeightFor(inner)
	region{barPad, (s.Height - h) / 2, inner, h}.place(b.row)
	b.row.Relayout()
}

// header names the exam, the room and the tablet.
type header struct {
	*bar
	words   *words.Words
	frame   Frame
	exam    *kit.Text
	version *kit.Text
	demo    *kit.Pill
	clock   *kit.Pill
	room    *kit.Text
	tablet  *kit.Text
	screen  login.Screen
}

// version tells image and configuration; one without a serial was signed by nobody.
func version(w *words.Words, f Frame) string {
	args := map[string]string{"version": f.Version, "serial": f.ConfigSerial}
	if f.ConfigSerial == "" {
		return w.Say("header.version.unsigned", 0, args)
	}
	return w.Say("header.version", 0, args)
}

func newHeader(l *look.Look, w *words.Words, f Frame) *header {
	h := &header{words: w, frame: f,
		exam:    kit.NewText(l, look.SizeBody, kit.InkText).Bold().Say(kit.Plain(f.Exam)),
		version: kit.NewText(l, look.SizeSmall, kit.InkMuted).Say(version(w, f)),
		demo:    kit.NewPill(l, look.IconWarning, kit.InkWarning, nil).Say(w.T("demonstration")),
		clock:   kit.NewPill(l, look.IconClock, kit.InkAccent, nil),
		room:    kit.NewText(l, look.SizeBody, kit.InkMuted),
		tablet:  kit.NewText(l, look.SizeBody, kit.InkText).Bold(),
	}
	if f.Room != "" {
		h.room.Set(w.Say("header.room", 0, map[string]string{"room": kit.Plain(f.Room)}))
	}
	if f.Tablet != "" {
		h.tablet.Set(w.Say("header.tablet", 0, map[string]string{"tablet": kit.Plain(f.Tablet)}))
	}
	kit.Show(h.demo, f.Demonstration)
	h.clock.Hide()
	row := kit.NewRow(2*look.Grid, []kit.Natural{
		kit.NewIcon(l, look.IconGate, kit.InkAccent, 32),
		kit.NewPair(h.exam, h.version), h.demo, h.clock, kit.NewSpace(), h.room, h.tablet}, 4)
	h.bar = newBar(l, row, true, h.fitTo)
	return h
}

// fitTo sets room and tablet as large as there is room for; on the first screens
// they start at a size that is read from three metres.
func (h *header) fitTo(width float32) {
	kit.Show(h.version, naming(h.screen))
	type sizes struct{ exam, room, tablet float32 }
	all := []sizes{{1, look.SizeBody, look.SizeBody}, {1, look.SizeSmall, look.SizeSmall}}
	if naming(h.screen) {
		// The tablet's own name is the last to shrink, and everything else grows no more before it does.
		grown := float32(h.look.Percent) / 100
		all = append([]sizes{{1, 36, 36}, {1, look.SizeTitle, look.SizeTitle}, {1, look.SizeBody, look.SizeTitle},
			{1 / grown, look.SizeBody / grown, 36 / grown}, {1 / grown, look.SizeBody / grown, look.SizeTitle / grown}, {1, 22, 22}}, all...)
	}
	for _, hide := range []*kit.Text{nil, h.version, h.exam} {
		if hide != nil {
			hide.Hide()
		} else {
			h.exam.Show()
		}
		for _, size := range all {
			h.exam.SetBase(look.SizeBody * size.exam)
			h.version.SetBase(look.SizeSmall * size.exam)
			h.room.SetBase(size.room)
			h.tablet.SetBase(size.tablet)
			if h.row.Width() <= width {
				return
			}
		}
	}
}

// update reports whether the bar must be laid out again.
func (h *header) update(v login.View) bool {
	moved := h.screen != v.Screen
	h.screen = v.Screen
	on := v.Clock != nil
	if on {
		left := map[string]string{"left": kit.Clock(v.Clock.Seconds)}
		moved = h.clock.Set(h.words.Say("clock.running", 0, left)) || moved
	}
	return kit.Show(h.clock, on) || moved
}

// footer holds battery, network, clock, text size and the help.
type footer struct {
	*bar
	words   *words.Words
	status  Status
	battery *kit.Notice
	network *kit.Notice
	clock   *kit.Text
	size    *kit.Button
}

func newFooter(l *look.Look, w *words.Words, post func(login.Event)) *footer {
	f := &footer{words: w, status: Status{Battery: -1},
		battery: kit.NewNotice(l, look.IconBattery, kit.InkMuted, look.SizeSmall),
		network: kit.NewNotice(l, look.IconWifi, kit.InkMuted, look.SizeSmall),
		clock:   kit.NewText(l, look.SizeSmall, kit.InkMuted),
	}
	leave := func() { post(login.Back{}) }
	f.size = kit.NewButton(l, kit.Tool, w.T("action.text"), func() { post(login.StepText{}) }).Leaving(leave)
	help := kit.NewButton(l, kit.Tool, w.T("action.help"), func() { post(login.OpenHelp{}) }).Iconic(look.IconHelp).Leaving(leave)
	row := kit.NewRow(2*look.Grid, []kit.Natural{f.battery, f.network, f.clock, kit.NewSpace(), f.size, help}, 3)
	f.bar = newBar(l, row, false, f.fitTo)
	f.battery.Hide()
	return f
}

func (f *footer) set(s Status) bool {
	if s == f.status {
		return false
	}
	f.status = s
	kit.Show(f.battery, s.Battery >= 0)
	icon := look.IconWifi
	ink := kit.Ink(kit.InkMuted)
	if !s.Network {
		icon, ink = look.IconNoWifi, kit.InkWarning
	}
	f.network.SetIcon(icon, ink)
	f.clock.Set(s.Clock)
	return true
}

// fitTo says it in words where there is room, in numbers and icons where not.
func (f *footer) fitTo(width float32) {
	percent := map[string]string{"percent": strconv.Itoa(f.status.Battery)}
	battery, network := "status.battery", "status.network.ok"
	if f.status.Charging {
		battery = "status.charging"
	}
	if !f.status.Network {
		network = "status.network.none"
	}
	f.battery.Set(f.words.Say(battery, 0, percent))
	f.network.Set(f.words.T(network))
	f.network.Short(false)
	if f.row.Width() > width {
		f.battery.Set(f.words.Say("status.battery.short", 0, percent))
		f.network.Short(true)
	}
}
