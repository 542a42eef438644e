package field

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/identity"
	"portillon/internal/ui/look"
)

// MaxCells is how many digits a code may have (identity.SentCode.Length).
const MaxCells = 12

// Code keeps a one-time code in a locked page, one digit a cell. It never sends by
// itself.
type Code struct {
	box
	page page
}

var (
	_ fyne.Focusable = (*Code)(nil)
	_ fyne.Tappable  = (*Code)(nil)
)

// NewCode fails where the kernel grants no locked page.
func NewCode(l *look.Look, ev Events, cells int) (*Code, error) {
	p, err := newPage(0)
	if err != nil {
		return nil, err
	}
	c := &Code{box: box{look: l, ev: ev}, page: p}
	c.ExtendBaseWidget(c)
	c.SetCells(cells)
	return c, nil
}

// SetCells changes the number of cells (1 to 12; anything else is the nearest of
// them). Digits that no longer have a cell are deleted.
func (c *Code) SetCells(n int) {
	n = min(max(n, 1), MaxCells)
	if n == c.page.most {
		return
	}
	c.page.most = n
	for c.Count() > n {
		c.page.secret.Delete(n)
	}
	c.page.move(c.page.caret)
	c.Refresh()
}

// Rune types a digit; spaces, as mails put them between, are ignored, anything else
// is Refused.
func (c *Code) Rune(r rune) {
	switch {
	case r == ' ':
	case r < '0' || r > '9' || !c.page.insert(r):
		tell(c.ev.Refused, r)
	default:
		c.changed()
	}
}

// Replace implements keyboard.Output; the pad has nothing to replace.
func (c *Code) Replace(_, _ rune) {}

// Backspace deletes before the caret.
func (c *Code) Backspace() {
	if c.page.delete(-1) {
		c.changed()
	}
}

func (c *Code) changed() {
	c.Refresh()
	tell(c.ev.Typed, c.Count())
}

// Wipe empties the field and zeroes its page.
func (c *Code) Wipe() {
	c.page.wipe()
	c.Refresh()
}

// Close wipes, and gives the page back; the field takes nothing any more.
func (c *Code) Close() {
	c.Wipe()
	c.page.secret.Close()
}

// Count is the number of digits held.
func (c *Code) Count() int { return c.page.secret.Runes() }

// Secret is a copy in a page of its own, for the caller to wipe. It fails where the
// kernel grants no locked page.
func (c *Code) Secret() (*identity.Secret, error) { return c.page.secret.Clone() }

// SetError draws the cells' borders as an error.
func (c *Code) SetError(on bool) { c.setError(c, on) }

// FocusGained implements fyne.Focusable.
func (c *Code) FocusGained() { c.gained(c, true) }

// FocusLost implements fyne.Focusable.
func (c *Code) FocusLost() { c.gained(c, false) }

// TypedRune implements fyne.Focusable: a hardware key.
func (c *Code) TypedRune(r rune) { c.Rune(r) }

// TypedKey implements fyne.Focusable: a hardware key.
func (c *Code) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		call(c.ev.Submit)
	case fyne.KeyEscape:
		call(c.ev.Back)
	default:
		if changed, ok := c.page.edit(k.Name); changed {
			c.changed()
		} else if ok {
			c.Refresh()
		}
	}
}

// Tapped implements fyne.Tappable: the caret goes to the touched cell.
func (c *Code) Tapped(p *fyne.PointEvent) {
	focus(c)
	w, gap := c.cell(c.Size().Width)
	c.page.move(int(p.Position.X / (w + gap)))
	c.Refresh()
}

func (c *Code) size() float32 { return c.look.Text(look.SizeDigits) }

// cell is the width of one cell in a field this wide, and the gap after it.
func (c *Code) cell(width float32) (w, gap float32) {
	n := float32(c.page.most)
	gap = float32(look.Grid) / 2
	return min((width-gap*(n-1))/n, c.size()*1.6), gap
}

type codeRenderer struct {
	c       *Code
	frames  []frame
	digits  []*canvas.Text
	objects []fyne.CanvasObject
}

// CreateRenderer implements fyne.Widget.
func (c *Code) CreateRenderer() fyne.WidgetRenderer {
	r := &codeRenderer{c: c}
	for range MaxCells {
		f, d := newFrame(), canvas.NewText("", color.Black)
		d.Alignment, d.TextStyle = fyne.TextAlignCenter, look.Digits()
		d.FontSource = look.Source("", d.TextStyle) // digits are never anything else
		r.frames, r.digits = append(r.frames, f), append(r.digits, d)
		r.objects = append(r.objects, f.ring, f.border, d)
	}
	r.Refresh()
	return r
}

func (r *codeRenderer) Destroy()                     {}
func (r *codeRenderer) Objects() []fyne.CanvasObject { return r.objects }

func (r *codeRenderer) MinSize() fyne.Size {
	n, size := float32(r.c.page.most), r.c.size()
	return fyne.NewSize(n*(0.8*size+2*ringWidth)+(n-1)*look.Grid/2, max(look.ButtonHeight, size*1.25+2*look.Grid))
}

func (r *codeRenderer) Layout(size fyne.Size) {
	w, gap := r.c.cell(size.Width)
	for i, f := range r.frames {
		at := fyne.NewPos(float32(i)*(w+gap), 0)
		f.place(at, fyne.NewSize(w, size.Height))
		r.digits[i].Move(at)
		r.digits[i].Resize(fyne.NewSize(w, size.Height))
	}
}

func (r *codeRenderer) Refresh() {
	c := r.c
	p := &c.look.Palette
	r.Layout(c.Size())
	caret := min(c.page.caret, c.page.most-1) // behind the last digit there is no cell
	for i, f := range r.frames {
		digit := r.digits[i]
		used := i < c.page.most
		f.border.Hidden, digit.Hidden = !used, !used
		f.paint(p, used && c.focused && i == caret, c.failed)
		digit.Text = ""
		if used && i < c.Count() {
			digit.Text = one(c.page.secret.Rune(i))
		}
		digit.TextSize, digit.Color = c.size(), p.Ink
		digit.Refresh()
	}
	canvas.Refresh(c)
}
