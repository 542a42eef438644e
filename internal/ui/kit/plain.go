package kit

import (
	"strings"
	"unicode"
)

// maxPlain bounds what is shown of a value that came from outside, in runes.
const maxPlain = 320

// Plain makes a value from a server or a keyboard fit to be drawn: no control
// character, no direction mark, no other invisible format character, no line
// break, and no more than maxPlain runes. What is drawn is otherwise what it is:
// nothing is parsed out of it.
func Plain(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == maxPlain {
			b.WriteRune('…')
			break
		}
		switch {
		case unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), r == '\t', r == '\n', r == '\r':
			r = ' '
		case unicode.Is(unicode.C, r), r == unicode.ReplacementChar:
			continue
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
