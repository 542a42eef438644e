package update

import (
	"cmp"
	"strings"
)

// Compare orders two versions of images as the boot loader does, which starts the newest: the Version
// Format Specification (UAPI.10), systemd's. "~" comes before the end ("2~rc1" is older than "2"), "-", "^" and "."
// before another part, and numbers, compared as numbers, are newer than letters. It is -1 where a is the older
// one, 1 where b is, else 0.
func Compare(a, b string) int {
	for {
		a, b = fromValid(a), fromValid(b)
		for _, separator := range "~-^." {
			if separator != '~' && (a == "" || b == "") { // the longer one is newer
				return cmp.Compare(len(a), len(b))
			}
			restA, hasA := strings.CutPrefix(a, string(separator))
			restB, hasB := strings.CutPrefix(b, string(separator))
			switch {
			case hasA && !hasB:
				return -1
			case hasB && !hasA:
				return 1
			}
			a, b = restA, restB
		}
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
		kind := letter
		if digit(rune(a[0])) || digit(rune(b[0])) {
			kind = digit
		}
		restA, restB := strings.TrimLeftFunc(a, kind), strings.TrimLeftFunc(b, kind)
		partA, partB := a[:len(a)-len(restA)], b[:len(b)-len(restB)]
		if r := comparePart(partA, partB); r != 0 {
			return r
		}
		a, b = restA, restB
	}
}

// comparePart orders two parts of digits, or two of letters; digits are newer than none.
func comparePart(a, b string) int {
	if a == "" || b == "" || !digit(rune(a[0])) {
		return strings.Compare(a, b)
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if r := cmp.Compare(len(a), len(b)); r != 0 {
		return r
	}
	return strings.Compare(a, b)
}

// fromValid begins at the first character that has a meaning.
func fromValid(s string) string {
	return strings.TrimLeftFunc(s, func(c rune) bool { return !digit(c) && !letter(c) && !strings.ContainsRune("~-^.", c) })
}

func digit(c rune) bool  { return c >= '0' && c <= '9' }
func letter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
