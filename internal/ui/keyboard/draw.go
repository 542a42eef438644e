package keyboard

import (
	"image/color"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// Text sizes in dp, at 100 %.
const (
	sizeCap   = 22
	sizeSign  = 28 // @ . - _ of an address, digits of the pad
	sizeHint  = 13
	sizeWords = look.SizeBody // keys that say more than one character
)

// renderer holds a flat pool of drawn things, in drawing order; a layout takes what
// it needs and hides the rest. Hidden ones cost nothing to paint.
type renderer struct {
	k       *Keyboard
	ground  *canvas.Line
	faces   []*canvas.Rectangle
	caps    []*canvas.Text
	hints   []*canvas.Text
	icons   []*canvas.Image
	sheet   *canvas.Rectangle // the popup's
	chosen  *canvas.Rectangle
	offers  []*canvas.Text
	objects []fyne.CanvasObject
}

// CreateRenderer implements fyne.Widget.
func (k *Keyboard) CreateRenderer() fyne.WidgetRenderer {
	k.draw = &renderer{k: k, ground: look.NewArea(color.Transparent),
		sheet: canvas.NewRectangle(color.Transparent), chosen: canvas.NewRectangle(color.Transparent)}
	k.draw.Refresh()
	return k.draw
}

func (r *renderer) MinSize() fyne.Size           { return r.k.MinSize() }
func (r *renderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *renderer) Destroy()                     {}
func (r *renderer) Layout(fyne.Size)             { r.place() }

// Refresh takes everything anew: keys, places, words and colours.
func (r *renderer) Refresh() {
	k := r.k
	r.grow(len(k.keys))
	r.ground.StrokeColor = k.look.Palette.KeyboardGround
	r.ground.Hidden = len(k.keys) == 0
	r.place()
	for i := range r.faces {
		used := i < len(k.keys)
		r.faces[i].Hidden = !used
		r.caps[i].Hidden, r.hints[i].Hidden, r.icons[i].Hidden = true, true, true
		if used {
			r.face(i)
			r.label(i)
		}
	}
	r.popup()
	canvas.Refresh(k)
}

// grow makes the pool large enough for n keys.
func (r *renderer) grow(n int) {
	for len(r.faces) < n {
		face := canvas.NewRectangle(color.Transparent)
		face.CornerRadius = look.Grid
		cap, hint := canvas.NewText("", color.Black), canvas.NewText("", color.Black)
		cap.Alignment, hint.Alignment = fyne.TextAlignCenter, fyne.TextAlignTrailing
		icon := canvas.NewImageFromResource(nil)
		icon.FillMode = canvas.ImageFillContain
		r.faces, r.caps = append(r.faces, face), append(r.caps, cap)
		r.hints, r.icons = append(r.hints, hint), append(r.icons, icon)
	}
	for len(r.offers) < popupMost {
		t := canvas.NewText("", color.Black)
		t.Alignment, t.TextStyle, t.Hidden = fyne.TextAlignCenter, look.Strong(), true
		r.offers = append(r.offers, t)
	}
	r.objects = append(r.objects[:0], r.ground)
	r.objects = appendAll(r.objects, r.faces)
	r.objects = appendAll(r.objects, r.caps)
	r.objects = appendAll(r.objects, r.hints)
	r.objects = appendAll(r.objects, r.icons)
	r.objects = append(r.objects, r.sheet, r.chosen)
	r.objects = appendAll(r.objects, r.offers)
}

// popupMost is the longest row of accents in layouts.go.
const popupMost = 12

func appendAll[T fyne.CanvasObject](to []fyne.CanvasObject, from []T) []fyne.CanvasObject {
	for _, o := range from {
		to = append(to, o)
	}
	return to
}

func (r *renderer) place() {
	look.PlaceArea(r.ground, fyne.NewPos(0, 0), r.k.Size())
	for i := range min(len(r.k.keys), len(r.faces)) {
		at := r.k.keys[i].rect
		r.faces[i].Move(at.pos())
		r.faces[i].Resize(at.size())
		r.caps[i].Move(at.pos())
		r.caps[i].Resize(at.size())
		r.hints[i].Move(fyne.NewPos(at.x, at.y+2))
		r.hints[i].Resize(fyne.NewSize(at.w-7, sizeHint*1.3))
		side := min(r.k.look.Text(30), at.h*0.6, at.w*0.6)
		r.icons[i].Resize(fyne.NewSquareSize(side))
		r.icons[i].Move(at.center().SubtractXY(side/2, side/2))
	}
}

// face gives the i-th key's rectangle its colours.
func (r *renderer) face(i int) {
	p, f := &r.k.look.Palette, r.faces[i]
	f.FillColor, f.StrokeColor, f.StrokeWidth = p.Key, p.Line, look.LineWidth
	switch act := r.k.keys[i].act; {
	case r.k.pressed(i):
		f.FillColor, f.StrokeColor, f.StrokeWidth = p.KeyPress, p.Accent, look.FocusWidth
	case act == actShift && r.k.shift != shiftOff:
		f.FillColor = p.Key
	case act == actSubmit:
		f.FillColor, f.StrokeColor = p.Accent, p.Accent
	case act != actRune:
		f.FillColor = p.KeyAccentual
	}
}

// label gives the i-th key its cap, its hint and its icon.
func (r *renderer) label(i int) {
	key, p := &r.k.keys[i], &r.k.look.Palette
	cap, hint, icon := r.caps[i], r.hints[i], r.icons[i]
	cap.Color, hint.Color = p.KeyInk, p.Muted
	if key.icon != "" {
		icon.Resource = r.icon(&key.key)
		icon.Hidden = false
		icon.Refresh()
		return
	}
	cap.Text, cap.TextStyle, cap.Hidden = r.k.says(&key.key), fyne.TextStyle{}, false
	switch {
	case key.act != actRune:
		cap.TextStyle = look.Strong()
		cap.TextSize = r.fit(cap, key.w-2*look.Grid)
	case r.k.layout == LayoutDigits || r.k.layout == LayoutEmail && !unicode.In(key.lower, unicode.L, unicode.N):
		cap.TextStyle = look.Strong()
		cap.TextSize = min(r.k.look.Text(sizeSign), key.h*0.62)
	default:
		cap.TextSize = min(r.k.look.Text(sizeCap), key.h*0.62)
	}
	cap.FontSource = look.Source(cap.Text, cap.TextStyle)
	cap.Refresh()
	if len(key.more) == 0 {
		return
	}
	hint.Text, hint.TextSize = string(r.k.moreOf(&key.key)[:1]), sizeHint
	hint.FontSource = look.Source(hint.Text, hint.TextStyle)
	hint.Hidden = hint.Text == cap.Text // Shift makes some keys their own hint
	hint.Refresh()
}

// fit is the largest size, from small print's up to 18 dp scaled, at which t is no
// wider than w.
func (r *renderer) fit(t *canvas.Text, w float32) float32 {
	size := min(r.k.look.Text(sizeWords), 28)
	for size > 10 && look.Measure(t.Text, size, t.TextStyle).Width > w {
		size--
	}
	return size
}

func (r *renderer) icon(key *key) fyne.Resource {
	p := &r.k.look.Palette
	switch {
	case key.act == actSubmit:
		return key.icon.Draw(p.OnAccent)
	case key.act == actShift && r.k.shift == shiftOnce:
		return look.IconShiftOn.Draw(p.KeyInk)
	case key.act == actShift && r.k.shift == shiftLocked:
		return look.IconShiftLock.Draw(p.KeyInk)
	}
	return key.icon.Draw(p.KeyInk)
}

// popup places and paints the row of accents, or hides it.
func (r *renderer) popup() {
	pop, p := r.k.popup, &r.k.look.Palette
	r.sheet.Hidden, r.chosen.Hidden = pop == nil, pop == nil || pop.chosen < 0
	for i, t := range r.offers {
		t.Hidden = pop == nil || i >= len(pop.offers)
	}
	if pop == nil {
		return
	}
	r.sheet.FillColor, r.sheet.StrokeColor = p.Card, p.Accent
	r.sheet.StrokeWidth, r.sheet.CornerRadius = 2, look.Corner
	r.sheet.Move(pop.pos())
	r.sheet.Resize(pop.size())
	for i, offer := range pop.offers {
		at, t := pop.cell(i), r.offers[i]
		t.Text, t.Color = string(offer), p.KeyInk
		t.FontSource = look.Source(t.Text, t.TextStyle)
		t.TextSize = min(r.k.look.Text(sizeCap+4), at.h*0.7)
		if i == pop.chosen {
			t.Color = p.OnAccent
			r.chosen.FillColor, r.chosen.CornerRadius = p.Accent, look.Grid
			r.chosen.Move(at.pos())
			r.chosen.Resize(at.size())
		}
		t.Move(at.pos())
		t.Resize(at.size())
		t.Refresh()
	}
}

// paint refreshes the i-th key's rectangle, and nothing else.
func (k *Keyboard) paint(i int) {
	if k.draw == nil || i < 0 || i >= len(k.keys) || i >= len(k.draw.faces) {
		return
	}
	k.draw.face(i)
	k.draw.faces[i].Refresh()
}

// relabel refreshes the keys that Shift changes.
func (k *Keyboard) relabel() {
	if k.draw == nil {
		return
	}
	for i := range min(len(k.keys), len(k.draw.faces)) {
		key := &k.keys[i]
		if key.act == actShift {
			k.draw.face(i)
			k.draw.faces[i].Refresh()
		}
		if key.act == actShift || key.lower != key.upper {
			k.draw.label(i)
		}
	}
}

// paintPopup refreshes the popup alone.
func (k *Keyboard) paintPopup() {
	if k.draw == nil {
		return
	}
	k.draw.popup()
	canvas.Refresh(k) // not the sheet: Fyne repaints nothing for an object never seen yet
}
