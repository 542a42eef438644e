package identity

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Why ParseEmail refuses. ErrEmailMalformed is wrapped with what is wrong, never
// with the address.
var (
	ErrEmailEmpty     = errors.New("empty e-mail address")
	ErrEmailMalformed = errors.New("malformed e-mail address")
)

// MaxEmailBytes bounds an address (RFC 5321 §4.5.3.1.3 less its brackets).
const MaxEmailBytes = 254

// Email is an address that was parsed once. It prints as "[e-mail]" whatever the
// verb, so that a log line cannot hold a person; Address gives the text.
type Email struct{ local, domain string }

// ParseEmail accepts what a student may type as identifier: surrounding white
// space is dropped, the domain is lower-cased, the local part kept as it is.
// It fails with ErrEmailEmpty or ErrEmailMalformed. Quoted local parts and
// address literals, which no university mail server issues, are malformed.
func ParseEmail(s string) (Email, error) {
	s = strings.TrimFunc(s, unicode.IsSpace)
	if s == "" {
		return Email{}, ErrEmailEmpty
	}
	bad := func(why string) (Email, error) {
		return Email{}, fmt.Errorf("%w: %s", ErrEmailMalformed, why)
	}
	if len(s) > MaxEmailBytes {
		return bad("longer than 254 bytes")
	}
	if !utf8.ValidString(s) {
		return bad("not UTF-8")
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || strings.Contains(domain, "@") {
		return bad("needs exactly one @")
	}
	if why := badLocal(local); why != "" {
		return bad(why)
	}
	domain = strings.ToLower(domain)
	if why := badDomain(domain); why != "" {
		return bad(why)
	}
	return Email{local, domain}, nil
}

func badLocal(l string) string {
	switch {
	case l == "" || len(l) > 64:
		return "nothing, or more than 64 bytes, before the @"
	case l[0] == '.' || l[len(l)-1] == '.' || strings.Contains(l, ".."):
		return "a dot out of place before the @"
	}
	for _, r := range l {
		// RFC 5322 atext, and letters of RFC 6531.
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) &&
			!strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r) {
			return "a character that no address has before the @"
		}
	}
	return ""
}

func badDomain(d string) string {
	labels := strings.Split(d, ".")
	if len(labels) < 2 {
		return "no dot after the @"
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return "a dot or dash out of place after the @"
		}
		for _, r := range l {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
				return "a character that no domain has"
			}
		}
	}
	if tld := labels[len(labels)-1]; len(tld) < 2 {
		return "the last part of the domain is too short"
	}
	return ""
}

// Address is the text of the address. It never goes to a log, an error or a URL.
func (e Email) Address() string {
	if e.domain == "" {
		return ""
	}
	return e.local + "@" + e.domain
}

// Local is the part before the @, Domain the part after it, in lower case.
func (e Email) Local() string  { return e.local }
func (e Email) Domain() string { return e.domain }

// IsZero reports whether e was never parsed.
func (e Email) IsZero() bool { return e.domain == "" }

const redactedEmail = "[e-mail]"

// Format redacts for every verb of fmt.
func (e Email) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redactedEmail)) }

// MarshalText redacts for encoders and log handlers.
func (e Email) MarshalText() ([]byte, error) { return []byte(redactedEmail), nil }
