package keyboard

import (
	"slices"
	"strings"
	"unicode"

	"portillon/internal/ui/look"
)

// Layout names one arrangement of keys.
type Layout string

// The layouts. LayoutNone shows no key and takes no room.
const (
	LayoutNone     Layout = ""
	LayoutEmail    Layout = "email"
	LayoutPassword Layout = "password"
	LayoutDigits   Layout = "digits"
)

// layer is which of a layout's sets of characters is in view.
type layer int

const (
	layerLetters layer = iota
	layerSymbols
	layerAccents
)

// action is what a key does.
type action int

const (
	actRune action = iota
	actText
	actBackspace
	actSubmit
	actShift
	actLayer
)

// key is one key. width is in units: a letter is 1.
type key struct {
	act          action
	lower, upper rune   // actRune
	more         []rune // actRune: what a long press offers, in lower case
	text         string // actText: what it types; actLayer: what it says
	to           layer  // actLayer
	icon         look.Icon
	width        float32
	tall         bool // reaches into the next row
}

// row is one row of keys, from the left.
type row []key

// lettersWide is the width of the letter layouts, in units.
const lettersWide = 11.5

// Accents and relatives, the most French first: what a long press offers. The
// digits offer what a French keyboard has on the same key.
const variants = `a àâæäáãå
e éèêë€
i îïíì
o ôœöóòõø
u ùûüú
y ÿý
c ç
n ñ
1 &¹
2 é²
3 "³
4 '
5 (
6 -
7 è
8 _
9 ç
0 à
, ?
; .
: /
! §¡
. …·
- –—
' ’‘
" “”„
« ‹“
» ›”
^ ¨
° º
$ ¤¥¢
+ ±
* ×
/ ÷
= ≠≈
? ¿
§ ¶
² ³¹`

// Addresses know no accents, but more signs than anybody has ever seen in one.
const emailVariants = "' `^~\n+ &=#%*!?/${|}"

func variantsOf(table string) map[rune][]rune {
	m := map[rune][]rune{}
	for line := range strings.Lines(table) {
		r := []rune(strings.TrimSuffix(line, "\n"))
		m[r[0]] = r[2:]
	}
	return m
}

// runes makes one key of each character; upper, where given, is what Shift makes of
// the character at the same place.
func runes(lower, upper, table string) row {
	more := variantsOf(table)
	up := []rune(upper)
	var out row
	for i, r := range []rune(lower) {
		k := key{act: actRune, lower: r, upper: raise(r), more: more[r], width: 1}
		if i < len(up) {
			k.upper = up[i]
		}
		out = append(out, k)
	}
	return out
}

// raise is unicode.ToUpper kept to what fits one character a key.
func raise(r rune) rune {
	if r == 'µ' || r == 'º' { // signs, whatever Unicode says of their case
		return r
	}
	return unicode.ToUpper(r)
}

// wide gives the last key of a row another width.
func (r row) wide(w float32) row { r[len(r)-1].width = w; return r }

func backspace(w float32) key { return key{act: actBackspace, icon: look.IconBackspace, width: w} }
func submit(w float32, tall bool) key {
	return key{act: actSubmit, icon: look.IconReturn, width: w, tall: tall}
}
func shift(w float32) key { return key{act: actShift, icon: look.IconShift, width: w} }
func toLayer(l layer, says string) key {
	return key{act: actLayer, to: l, text: says, width: 1.5}
}

// rowsOf is a layout as data, but for the domains.
func rowsOf(l Layout, v layer) []row {
	switch l {
	case LayoutNone:
		return nil
	case LayoutEmail:
		return emailRows()
	case LayoutPassword:
		return passwordRows(v)
	case LayoutDigits:
		return []row{
			runes("123", "", ""), runes("456", "", ""), runes("789", "", ""),
			append(row{backspace(1)}, append(runes("0", "", ""), submit(1, false))...),
		}
	}
	return nil
}

func emailRows() []row {
	last := runes("@.-_", "", "")
	for i := range last {
		last[i].width = lettersWide / 4
	}
	return []row{
		append(runes("1234567890", "", ""), backspace(1.5)),
		append(runes("azertyuiop", "", ""), submit(1.5, true)),
		runes("qsdfghjklm", "", ""),
		slices.Concat(row{shift(1.5)}, runes("wxcvbn", "", ""),
			runes("'", "", emailVariants).wide(2), runes("+", "", emailVariants).wide(2)),
		last,
	}
}

func passwordRows(v layer) []row {
	space := key{act: actRune, lower: ' ', upper: ' ', icon: look.IconSpace, width: 4.5}
	bottom := func(a, b key) row {
		return slices.Concat(row{a, b}, runes("@", "", variants), row{space}, runes(".-_", "", variants))
	}
	digits := append(runes("1234567890", "1234567890", variants), backspace(1.5))
	letters, symbols, accents := toLayer(layerLetters, "abc"), toLayer(layerSymbols, "&#€"), toLayer(layerAccents, "éàç")
	switch v {
	case layerSymbols:
		return []row{
			append(runes("()[]{}<>«»", "", variants), backspace(1.5)),
			append(runes("&@#~^`'\"|\\", "", variants), submit(1.5, true)),
			runes("/*+-_=%$€£", "", variants),
			runes("!?.,;:°§²µ…", "", variants).wide(1.5),
			bottom(letters, accents),
		}
	case layerAccents:
		return []row{
			digits,
			append(runes("éèêëàâäçæœ", "", ""), submit(1.5, true)),
			runes("ùûüîïôöÿñß", "", ""),
			slices.Concat(row{shift(1.5)}, runes("áíóúåø", "", ""), runes(",;:!", "?./§", variants)),
			bottom(symbols, letters),
		}
	case layerLetters:
	}
	return []row{
		digits,
		append(runes("azertyuiop", "", variants), submit(1.5, true)),
		runes("qsdfghjklm", "", variants),
		slices.Concat(row{shift(1.5)}, runes("wxcvbn", "", variants), runes(",;:!", "?./§", variants)),
		bottom(symbols, accents),
	}
}

// domainsPerRow is how many domains stand side by side.
const domainsPerRow = 4

// domainRows are the one-touch keys, in at most max rows; at is typed before each.
func domainRows(domains []string, at string, max int) []row {
	var out []row
	for chunk := range slices.Chunk(domains, domainsPerRow) {
		if len(out) == max {
			break
		}
		var r row
		for _, d := range chunk {
			r = append(r, key{act: actText, text: at + d, width: lettersWide / float32(len(chunk))})
		}
		out = append(out, r)
	}
	return out
}

// Characters is everything that can be typed on a layout, in code point order,
// each once.
func Characters(l Layout) []rune {
	var all []rune
	for _, v := range []layer{layerLetters, layerSymbols, layerAccents} {
		for _, r := range rowsOf(l, v) {
			for _, k := range r {
				if k.act != actRune {
					continue
				}
				all = append(all, k.lower, k.upper)
				for _, m := range k.more {
					all = append(all, m, raise(m))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
