package procedure

import "unicode"

// Part is a piece of an address as it is read out: letters as they are, or a sign
// with the key of its name in the translation files («point», «tiret», «tiret bas»,
// «arobase»).
type Part struct {
	Text string
	Key  string // empty for letters
}

// The keys of signs. Digits are named as well: 1 and l, 0 and O look alike.
const (
	KeyAt         = "help.sign.at"
	KeyDot        = "help.sign.dot"
	KeyDash       = "help.sign.dash"
	KeyUnderscore = "help.sign.underscore"
	KeyPlus       = "help.sign.plus"
	KeyDigit      = "help.sign.digit"
	KeyDigits     = "help.sign.digits" // several
)

// SpellAddress cuts an address, as typed, into its parts; joined, they are the
// address again.
func SpellAddress(address string) []Part {
	var out []Part
	for _, r := range address {
		key := signKey(r)
		runs := key == "" || key == KeyDigit // a separator stands alone, to be named each time
		if n := len(out); n > 0 && runs && out[n-1].Key == key {
			out[n-1].Text += string(r)
			continue
		}
		out = append(out, Part{Text: string(r), Key: key})
	}
	return out
}

func signKey(r rune) string {
	switch r {
	case '@':
		return KeyAt
	case '.':
		return KeyDot
	case '-':
		return KeyDash
	case '_':
		return KeyUnderscore
	case '+':
		return KeyPlus
	}
	if unicode.IsDigit(r) {
		return KeyDigit
	}
	return ""
}
