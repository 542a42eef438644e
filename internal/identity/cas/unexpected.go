package cas

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Reason says why a page was not taken. The set is closed.
type Reason string

// The reasons.
const (
	ReasonTooLong    Reason = "too long"
	ReasonNotHTML    Reason = "not HTML"
	ReasonCharset    Reason = "not UTF-8"
	ReasonRefresh    Reason = "sends itself elsewhere"
	ReasonNested     Reason = "forms inside forms"
	ReasonElsewhere  Reason = "a form for another server"
	ReasonMethod     Reason = "a form that would put its fields into an address"
	ReasonFields     Reason = "fields without end, or the same one twice"
	ReasonAmbiguous  Reason = "more than one login"
	ReasonNoLogin    Reason = "no form of a login"
	ReasonOtherStep  Reason = "a step that this tablet has no screen for"
	ReasonOutOfOrder Reason = "a known page at the wrong moment"
	ReasonRedirect   Reason = "a redirect to somewhere else"
	ReasonCircle     Reason = "redirects without end"
	ReasonReposts    Reason = "a redirect that would send a form again"
)

// UnexpectedPage is the cause of an *identity.Error for a page that nothing was submitted
// to. It holds nothing of what the page says or of who was about to log in.
type UnexpectedPage struct {
	Status int // of the answer
	Reason Reason
	// Fingerprint is the same for every page with the same forms: 12 hexadecimal digits over
	// their methods and the names and types of their fields, whatever is in them.
	Fingerprint string
}

func (e *UnexpectedPage) Error() string {
	return fmt.Sprintf("unexpected page: %s (status %d, fingerprint %s)", e.Reason, e.Status, e.Fingerprint)
}

// fingerprint of a page's forms; "" stands for none.
func fingerprint(forms []*form) string {
	h := sha256.New()
	for _, f := range forms {
		lines := make([]string, 0, len(f.fields))
		for _, c := range f.fields {
			lines = append(lines, c.kind+" "+c.name)
		}
		sort.Strings(lines)
		_, _ = io.WriteString(h, f.method+"\n"+strings.Join(lines, "\n")+"\n\n") // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
