package password

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Bounds of a new password, in characters after NFC. The most is what the tablet's
// field holds; the least is the CNIL's for a password without rules of composition
// that an online service throttles (délibération 2022-100), and above NIST SP 800-63B.
const (
	MinLength = 12
	MaxLength = 128
)

// Specials are the special characters a new password may hold, in the order the portal
// shows them; the space is one of them. Beside them: letters of the French alphabet,
// with and without accents, and digits. All can be typed on the tablet (a test holds
// the lists together), and no keyboard, phone or normalisation turns one into another.
const Specials = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~€£§°µ² "

const letters = "abcdefghijklmnopqrstuvwxyzàâäçéèêëîïôöùûüÿæœ"

// Characters lists every character a new password may hold, in code point order.
func Characters() []rune {
	all := []rune(letters + strings.ToUpper(letters) + "0123456789" + Specials)
	slices.Sort(all)
	return all
}

// Fault is what is wrong with a new password; FaultNone: nothing.
type Fault string

// The faults, in the order they are looked for. They name keys of the translations.
const (
	FaultNone      Fault = ""
	FaultEmpty     Fault = "empty"
	FaultCharacter Fault = "character" // one that is not allowed
	FaultShort     Fault = "short"
	FaultLong      Fault = "long"
	FaultCommon    Fault = "common" // guessed among the first
	FaultEdges     Fault = "edges"  // a space at either end, which nobody sees
)

// Verdict is what Judge finds.
type Verdict struct {
	Fault    Fault
	Bad      []rune // FaultCharacter: each of them once, in the order they were typed
	Length   int    // in characters
	Strength int    // 0 (guessed at once) to 4
}

// enough is the least Strength: some 10^8 guesses, which a service that takes ten in a
// quarter of an hour never answers.
const enough = 3

// judged bounds what the estimate looks at: its cost grows faster than the length.
const judged = 48

//go:embed common_fr.txt
var commonFrench string

// Judge says whether a new password may be had by the person whose names and addresses
// are about. It may be called from several goroutines, costs about a millisecond and
// keeps nothing.
func Judge(password string, about ...string) Verdict {
	password = norm.NFC.String(password)
	v := Verdict{Length: utf8.RuneCountInString(password)}
	allowed := Characters()
	for _, r := range password {
		if _, ok := slices.BinarySearch(allowed, r); !ok && !slices.Contains(v.Bad, r) {
			v.Bad = append(v.Bad, r)
		}
	}
	v.Strength = strength(password, about)
	v.Fault = fault(password, v)
	return v
}

func fault(password string, v Verdict) Fault {
	switch {
	case password == "":
		return FaultEmpty
	case len(v.Bad) > 0:
		return FaultCharacter
	case password != strings.TrimSpace(password):
		return FaultEdges
	case v.Length < MinLength:
		return FaultShort
	case v.Length > MaxLength:
		return FaultLong
	case v.Strength < enough:
		return FaultCommon
	}
	return FaultNone
}

// strength estimates by zxcvbn (Wheeler, USENIX Security 2016): its lists of common
// passwords, names and English words, rows of keys and dates; and ours of French ones.
func strength(password string, about []string) int {
	guess := plain(password)
	if r := []rune(guess); len(r) > judged {
		guess = string(r[:judged])
	}
	known := strings.Fields(commonFrench)
	for _, a := range about {
		known = append(known, parts(strings.ToLower(plain(a)))...)
	}
	return zxcvbn.PasswordStrength(unrepeated(guess), known).Score
}

// plain takes the accents off: «médecine» is guessed where «medecine» is, and the
// estimate counts bytes.
func plain(s string) string {
	out, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), s)
	if err != nil {
		return s // as typed: estimated too well at worst
	}
	return out
}

// parts are the words of a name or address that are long enough to be missed, and all
// of it.
func parts(s string) []string {
	out := []string{s}
	for _, p := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(p) > 2 {
			out = append(out, p)
		}
	}
	return out
}

// unrepeated is the part of which s is made by saying it again and again, with one
// more character; s itself where it is not.
func unrepeated(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if unit := s[:n]; strings.HasPrefix(strings.Repeat(unit, len(s)/n+1), s) {
			return unit + "2"
		}
	}
	return s
}
