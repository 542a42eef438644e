package kit

import (
	"fyne.io/fyne/v2"

	"portillon/internal/ui/look"
)

// Sign is a piece of a spelled text: letters, or a sign with its name.
type Sign struct {
	Text, Name string
	Break      bool // where the rest fits on a line of its own, it starts one here
}

// Spelled is a text in large letters in which what is easily mistaken stands apart,
// with its name below: an address as it is compared letter by letter.
type Spelled struct {
	panel
	look   *look.Look
	signs  []Sign
	pieces []*piece
}

// piece is a sign as drawn, on one line.
type piece struct{ text, name *Text }

// apart is the room on both sides of a sign.
const apart = 5

// NewSpelled is empty.
func NewSpelled(l *look.Look) *Spelled {
	s := &Spelled{look: l}
	s.place = func(size fyne.Size) { s.flow(size.Width, true) }
	s.panel.style = func() { s.flow(s.Size().Width, true) }
	s.ExtendBaseWidget(s)
	return s
}

// Set changes what is spelled, and reports whether it changed.
func (s *Spelled) Set(signs []Sign) bool {
	if len(signs) == len(s.signs) {
		same := true
		for i := range signs {
			same = same && signs[i] == s.signs[i]
		}
		if same {
			return false
		}
	}
	s.signs = signs
	s.Relayout()
	return true
}

// HeightFor is the height of the lines it takes.
func (s *Spelled) HeightFor(width float32) float32 {
	if len(s.signs) == 0 {
		return 0
	}
	return s.flow(width, false)
}

// flow puts one sign after the other, on as many lines as it takes, and returns
// their height.
func (s *Spelled) flow(width float32, draw bool) float32 {
	if width <= 0 {
		return 0
	}
	measure := s.piece(0)
	high, low := measure.text.LineHeight(), measure.name.LineHeight()
	var x, y float32
	n := 0
	for i, sign := range s.signs {
		if rest := measure.widths(s.signs[i:]); sign.Break && x > 0 && x+rest > width && rest <= width {
			x, y = 0, y+high+low
		}
		for _, part := range s.cut(measure.text, sign, width) {
			w := measure.width(part)
			if x > 0 && x+w > width {
				x, y = 0, y+high+low
			}
			if draw {
				p := s.piece(n + 1)
				p.say(part)
				put(p.text, x, y, w, high)
				put(p.name, x, y+high-2, w, low)
			}
			n++
			x += w
		}
	}
	if draw {
		s.objects = nil
		for _, p := range s.pieces[1 : n+1] {
			s.objects = append(s.objects, p.text, p.name)
		}
	}
	return y + high + low
}

// piece is the n-th, made where there is none yet; the first is only measured with.
func (s *Spelled) piece(n int) *piece {
	for len(s.pieces) <= n {
		s.pieces = append(s.pieces, &piece{
			text: NewText(s.look, look.SizeTitle, InkText).Bold().Centered(),
			name: NewText(s.look, look.SizeSmall, InkAccent).Centered()})
	}
	return s.pieces[n]
}

func (p *piece) say(s Sign) {
	ink := Ink(InkText)
	if s.Name != "" {
		ink = InkAccent
	}
	p.text.SetInk(ink)
	p.text.Set(s.Text)
	p.name.Set(s.Name)
}

// width is that of a sign with its name, measured with p.
func (p *piece) width(s Sign) float32 {
	w := ceil(p.text.measure(s.Text)) + 1
	if s.Name == "" {
		return w
	}
	return max(w, ceil(p.name.measure(s.Name))+1) + 2*apart
}

func (p *piece) widths(signs []Sign) float32 {
	var w float32
	for _, s := range signs {
		w += p.width(s)
	}
	return w
}

// cut parts letters that are longer than a line.
func (s *Spelled) cut(measure *Text, sign Sign, width float32) []Sign {
	var out []Sign
	for rest := []rune(sign.Text); len(rest) > 0; {
		n := len(rest)
		if measure.measure(string(rest)) > width-2*apart {
			n = measure.cut(rest, width-2*apart)
		}
		out = append(out, Sign{Text: string(rest[:n]), Name: sign.Name})
		rest = rest[n:]
	}
	return out
}
