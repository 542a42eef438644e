// Package procedure is what the invigilators' guide «Urgence examen» knows, as data
// and pure functions: the mistakes students make in their addresses, how an
// address is read out, when the cockpit's changes take effect. The login machine, the
// help screens and the rehearsal service read it; it imports nothing of the project.
package procedure

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/antzucaro/matchr"
)

// providers are mail providers that people really use, one a line: secondary
// addresses, which are never corrected.
//
//go:embed providers.txt
var providers string

// The words by which universities tell students' mail from staff's.
func studentWord(w string) bool {
	switch w {
	case "etu", "etud", "etudiant", "etudiants", "student", "students", "edu":
		return true
	}
	return false
}

// NearMiss finds, for an address whose domain is none of the centre's, the one domain
// it was probably meant to have, and gives the address with it. The mistakes it
// knows are the guide's: a word of the domain forgotten, added or out of order, a
// dot for a dash or an underscore, «etu» before the @ instead of after it, an ending
// forgotten or wrong, one letter wrong, missing, doubled or swapped.
//
// Nothing is suggested for a domain of the centre, for a mail provider, and where two
// domains fit equally well. The part before the @ is kept as typed, but for an
// «etu» that belongs after it.
func NearMiss(address string, domains []string) (suggestion string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at <= 0 || at == len(address)-1 {
		return "", false
	}
	local, typed := address[:at], strings.ToLower(address[at+1:])
	if isProvider(typed) {
		return "", false
	}
	if s, ok := misplacedWord(local, typed, domains); ok {
		return s, true
	}
	if slices.Contains(domains, typed) {
		return "", false
	}
	best, cost, tie := "", far, false
	for _, d := range domains {
		switch c := distance(typed, d); {
		case c < cost:
			best, cost, tie = d, c, false
		case c == cost && d != best:
			tie = true
		}
	}
	if cost == far || tie {
		return "", false
	}
	return local + "@" + best, true
}

func isProvider(domain string) bool {
	return strings.Contains("\n"+providers, "\n"+domain+"\n")
}

// misplacedWord finds «prenom.nom.etu@univ-x.fr» for «prenom.nom@etu.univ-x.fr», even
// where univ-x.fr is a domain of the centre, too.
func misplacedWord(local, typed string, domains []string) (string, bool) {
	for _, d := range domains {
		for i, w := range words(d) {
			if !studentWord(w) || !slices.Equal(words(typed), without(words(d), i)) {
				continue
			}
			if rest := trimWord(local, w); rest != "" {
				return rest + "@" + d, true
			}
		}
	}
	return "", false
}

// trimWord takes word and its separator off either end of local; empty where it is
// at neither.
func trimWord(local, word string) string {
	lower := strings.ToLower(local)
	for _, sep := range []string{".", "-", "_"} {
		switch {
		case strings.HasSuffix(lower, sep+word):
			return local[:len(local)-len(sep+word)]
		case strings.HasPrefix(lower, word+sep):
			return local[len(word+sep):]
		}
	}
	return ""
}

// Costs of distance. One slip of a finger is likelier than a whole word.
const (
	slip = 1 + iota // one letter, one separator, or the words' order
	word            // one whole word too many, too few or, at the end, wrong
	far
)

// distance is how one single mistake leads from d to typed.
func distance(typed, d string) int {
	t, w := words(typed), words(d)
	switch {
	case matchr.DamerauLevenshtein(typed, d) <= 1:
		return slip
	case strings.Join(t, "") == strings.Join(w, ""):
		return slip
	case slices.Equal(slices.Sorted(slices.Values(t)), slices.Sorted(slices.Values(w))):
		return slip
	case oneWordLess(t, w), oneWordLess(w, t):
		return word
	case len(t) > 1 && len(t) == len(w) && endsInDot(typed) && slices.Equal(t[:len(t)-1], w[:len(w)-1]):
		return word
	}
	return far
}

// endsInDot: what follows the last separator is an ending, right or wrong; «univ-x-etu»
// has none.
func endsInDot(domain string) bool {
	i := strings.LastIndexAny(domain, ".-_")
	return i >= 0 && domain[i] == '.'
}

// oneWordLess reports whether short is long without one of its words. What is left
// must still say something: two words, or all but the ending.
func oneWordLess(short, long []string) bool {
	if len(short) != len(long)-1 {
		return false
	}
	for i := range long {
		if slices.Equal(short, without(long, i)) {
			return len(short) > 1 || i == len(long)-1
		}
	}
	return false
}

// words splits a domain at everything that separates.
func words(domain string) []string {
	return strings.FieldsFunc(domain, func(r rune) bool { return r == '.' || r == '-' || r == '_' })
}

func without(all []string, i int) []string {
	return slices.Concat(all[:i], all[i+1:])
}
