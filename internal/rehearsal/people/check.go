package people

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"portillon/internal/rehearsal/store"
)

// Fault is what is wrong with a field of a person: a key of the cockpit's words
// (cockpit.fault.FAULT).
type Fault string

// The faults.
const (
	FaultMissing   Fault = "missing"   // a required field is empty
	FaultLong      Fault = "long"      // more than MaxField characters
	FaultCharacter Fault = "character" // a character that does not belong there
	FaultDate      Fault = "date"      // no date of a person's birth
	FaultStudent   Fault = "student"
	FaultINE       Fault = "ine"
	FaultRPPS      Fault = "rpps"
	FaultAddress   Fault = "address" // no e-mail address
	FaultExtra     Fault = "extra"
	FaultTaken     Fault = "taken"   // the address is another person's, or the person's already
	FaultLeaving   Fault = "leaving" // the address is another person's until the next slot
	FaultNumber    Fault = "number"  // the number is another person's
	FaultTwice     Fault = "twice"   // the address stands twice in the file
)

// English says it for the command.
func (f Fault) English() string {
	switch f {
	case FaultMissing:
		return "empty"
	case FaultLong:
		return "too long"
	case FaultCharacter:
		return "a character that does not belong there"
	case FaultDate:
		return "wanted DD-MM-YYYY"
	case FaultStudent, FaultINE, FaultRPPS:
		return "not such a number"
	case FaultAddress:
		return "not an address"
	case FaultExtra:
		return "wanted nothing or 1/3"
	case FaultTaken:
		return store.ErrAddressTaken.Error()
	case FaultLeaving:
		return store.ErrAddressLeaving.Error()
	case FaultNumber:
		return "number is another person's"
	case FaultTwice:
		return "stands twice in the file"
	case FaultCells:
		return "not as many cells as the first line"
	case FaultQuote:
		return "a quotation mark out of place"
	}
	return string(f)
}

// MaxField bounds a name or a number, in characters.
const MaxField = 100

var (
	studentShape = regexp.MustCompile(`^[0-9A-Za-z./-]{1,30}$`)
	ineShape     = regexp.MustCompile(`^[0-9]{9}[0-9A-Z][0-9A-Z]$`)
	rppsShape    = regexp.MustCompile(`^[0-9]{11}$`)
)

// Check cleans a person's own fields, all but secondary addresses, and says what is wrong
// with them, by column. born bounds the date of birth: it is before now.
func Check(p store.Person, now time.Time) (store.Person, map[store.Column]Fault) {
	bad := map[store.Column]Fault{}
	note := func(c store.Column, f Fault) {
		if f != "" {
			bad[c] = f
		}
	}
	var f Fault
	p.Given, f = name(p.Given)
	note(store.ColumnGiven, f)
	p.Family, f = name(p.Family)
	note(store.ColumnFamily, f)
	p.Birth, f = birth(p.Birth, now)
	note(store.ColumnBirth, f)
	p.StudentNumber = strings.TrimSpace(p.StudentNumber)
	note(store.ColumnStudent, shaped(p.StudentNumber, studentShape, FaultStudent))
	p.INE = strings.ToUpper(squeeze(p.INE))
	note(store.ColumnINE, shaped(p.INE, ineShape, FaultINE))
	p.RPPS = squeeze(p.RPPS)
	note(store.ColumnRPPS, shaped(p.RPPS, rppsShape, FaultRPPS))
	p.Email, f = CheckAddress(p.Email)
	note(store.ColumnEmail, f)
	if p.ExtraTime != "" && p.ExtraTime != ExtraThird {
		note(store.ColumnExtra, FaultExtra)
	}
	return p, bad
}

func shaped(s string, shape *regexp.Regexp, f Fault) Fault {
	if s == "" || shape.MatchString(s) {
		return ""
	}
	return f
}

// squeeze takes out the spaces by which people group digits.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// name is a name without space around it or doubled within.
func name(s string) (string, Fault) {
	s = strings.Join(strings.Fields(s), " ")
	switch {
	case s == "":
		return s, FaultMissing
	case utf8.RuneCountInString(s) > MaxField:
		return s, FaultLong
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune(" '’-.,·()", r)
	}):
		return s, FaultCharacter
	case !strings.ContainsFunc(s, unicode.IsLetter):
		return s, FaultCharacter
	}
	return s, ""
}

// dates are the ways a date of birth is written.
func dates() []string {
	return []string{"02-01-2006", "2-1-2006", "02/01/2006", "2/1/2006", "02.01.2006", time.DateOnly}
}

// birth reads a date of birth into YYYY-MM-DD.
func birth(s string, now time.Time) (string, Fault) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", ""
	}
	for _, layout := range dates() {
		t, err := time.Parse(layout, s)
		if err == nil && t.Before(now) && t.Year() >= 1900 {
			return t.Format(time.DateOnly), ""
		}
	}
	return s, FaultDate
}

// CheckAddress normalises an e-mail address as the login compares it. What it lets pass
// the tablet's own field lets pass too.
func CheckAddress(s string) (string, Fault) {
	s = store.Normalise(s)
	if s == "" {
		return s, FaultMissing
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > 254 || !utf8.ValidString(s) || !localPart(local) || !domainPart(domain) {
		return s, FaultAddress
	}
	return s, ""
}

func localPart(l string) bool {
	if l == "" || len(l) > 64 || l[0] == '.' || l[len(l)-1] == '.' || strings.Contains(l, "..") {
		return false
	}
	return !strings.ContainsFunc(l, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r)
	})
}

var label = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

func domainPart(d string) bool {
	labels := strings.Split(d, ".")
	for _, l := range labels {
		if !label.MatchString(l) {
			return false
		}
	}
	return len(labels) >= 2 && len(labels[len(labels)-1]) >= 2
}
