package kit

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/look"
)

// Line heights, as multiples of the text size: titles are set closer.
const (
	bodyLeading  = 1.4
	titleLeading = 1.25
)

// Text is a paragraph, wrapped at spaces, and within a word only where the
// word is longer than the line. It draws plain text, never markup.
type Text struct {
	panel
	look  *look.Look
	text  string
	base  float32
	style fyne.TextStyle
	align fyne.TextAlign
	ink   Ink

	wrapped wrap // of the last HeightFor or layout
}

// wrap is a cached result.
type wrap struct {
	text  string
	size  float32
	width float32
	lines []string
}

// NewText is an empty paragraph at a base size of the look.
func NewText(l *look.Look, base float32, ink Ink) *Text {
	t := &Text{look: l, base: base, ink: ink}
	t.place = t.layout
	t.ExtendBaseWidget(t)
	return t
}

// NewBody is a paragraph of ordinary text that says s.
func NewBody(l *look.Look, s string) *Text { return NewText(l, look.SizeBody, InkText).Say(s) }

// NewSmall is small print that says s.
func NewSmall(l *look.Look, s string) *Text { return NewText(l, look.SizeSmall, InkMuted).Say(s) }

// NewTitle is a title that says s.
func NewTitle(l *look.Look, s string) *Text {
	return NewText(l, look.SizeTitle, InkText).Bold().Say(s)
}

// Say is Set, for building.
func (t *Text) Say(s string) *Text { t.Set(s); return t }

// Bold sets the text in bold, for building.
func (t *Text) Bold() *Text { t.style = look.Strong(); return t }

// Centered sets the lines in the middle, for building.
func (t *Text) Centered() *Text { t.align = fyne.TextAlignCenter; return t }

// Set changes what is said, and reports whether it changed.
func (t *Text) Set(s string) bool {
	if s == t.text {
		return false
	}
	t.text = s
	t.Relayout()
	return true
}

// Tick is Set for what changes every second: it reports a change only where the
// number of lines did, so that a second moves nothing else.
func (t *Text) Tick(s string) bool {
	before := t.HeightFor(t.Size().Width)
	return t.Set(s) && t.HeightFor(t.Size().Width) != before
}

// SetInk changes the colour.
func (t *Text) SetInk(ink Ink) {
	t.ink = ink
	for _, o := range t.objects {
		line := o.(*canvas.Text)
		if line.Color != ink(t.look.Palette) {
			line.Color = ink(t.look.Palette)
			line.Refresh()
		}
	}
}

// SetBase changes the base size.
func (t *Text) SetBase(base float32) {
	if t.base != base {
		t.base = base
		t.Refresh()
	}
}

// Text is what is said.
func (t *Text) Text() string { return t.text }

func (t *Text) size() float32 { return round(t.look.Text(t.base)) }

func (t *Text) leading() float32 {
	if t.base >= look.SizeTitle {
		return round(t.size() * titleLeading)
	}
	return round(t.size() * bodyLeading)
}

func (t *Text) measure(s string) float32 { return look.Measure(s, t.size(), t.style).Width }

// Width is the width of the text on one line.
func (t *Text) Width() float32 { return ceil(t.measure(t.text)) + 1 }

// HeightFor is the height of the wrapped text.
func (t *Text) HeightFor(width float32) float32 {
	if t.text == "" {
		return 0
	}
	return float32(len(t.lines(width))) * t.leading()
}

// LineHeight is the height of one line.
func (t *Text) LineHeight() float32 { return t.leading() }

func (t *Text) lines(width float32) []string {
	w := wrap{text: t.text, size: t.size(), width: width}
	if c := t.wrapped; c.lines != nil && c.text == w.text && c.size == w.size && c.width == w.width {
		return c.lines
	}
	line := ""
	for _, word := range unbroken(t.text) {
		next := word
		if line != "" {
			next = line + " " + word
		}
		if t.measure(next) <= width {
			line = next
			continue
		}
		if line != "" {
			w.lines = append(w.lines, line)
		}
		line = word
		for t.measure(line) > width && len([]rune(line)) > 1 {
			cut := t.cut([]rune(line), width)
			w.lines = append(w.lines, string([]rune(line)[:cut]))
			line = string([]rune(line)[cut:])
		}
	}
	w.lines = append(w.lines, line)
	t.wrapped = w
	return w.lines
}

// unbroken parts a text at the spaces where a line may end: not after a number,
// which keeps its unit («3 minutes») and the rest of itself («01 23 45»).
func unbroken(text string) []string {
	var out []string
	for i, word := range strings.Split(text, " ") {
		if i > 0 {
			before, _ := utf8.DecodeLastRuneInString(out[len(out)-1])
			after, _ := utf8.DecodeRuneInString(word)
			if unicode.IsDigit(before) && (unicode.IsDigit(after) || unicode.IsLetter(after)) {
				out[len(out)-1] += " " + word
				continue
			}
		}
		out = append(out, word)
	}
	return out
}

// cut is how many runes of a long word fit in width; at least one. It prefers to
// part an address after a sign.
func (t *Text) cut(word []rune, width float32) int {
	n := 1
	for n < len(word) && t.measure(string(word[:n+1])) <= width {
		n++
	}
	for i := n; i > n*2/3; i-- {
		if strings.ContainsRune("@.-_/", word[i-1]) {
			return i
		}
	}
	return n
}

func (t *Text) layout(s fyne.Size) {
	if s.Width <= 0 {
		return
	}
	var lines []string
	if t.text != "" {
		lines = t.lines(s.Width)
	}
	for len(t.objects) < len(lines) {
		t.objects = append(t.objects, canvas.NewText("", nil))
	}
	t.objects = t.objects[:len(lines)]
	lead := t.leading()
	for i, o := range t.objects {
		line := o.(*canvas.Text)
		ink := t.ink(t.look.Palette)
		if line.Text != lines[i] || line.TextSize != t.size() || line.Color != ink || line.Alignment != t.align {
			line.Text, line.TextSize, line.TextStyle = lines[i], t.size(), t.style
			line.FontSource = look.Source(lines[i], t.style)
			line.Color, line.Alignment = ink, t.align
			line.Refresh()
		}
		h := line.MinSize().Height
		put(line, 0, float32(i)*lead+(lead-h)/2, s.Width, h)
	}
}
