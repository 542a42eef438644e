package httpwire

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"portillon/internal/identity"
)

// Answer is one HTTP answer, read and bounded. What it means is its adapter's to say.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte    // not complete where TooLong
	Now    time.Time // when it was read, by the tablet's clock
	// TooLong: the service said more than is taken.
	TooLong bool
	// CorrelationHeader is the Config's.
	CorrelationHeader string
}

// Object decodes the body into v, strictly: it is one JSON object, names match by case,
// and none comes twice. It reports false, and v may hold half of it, for anything else.
func (a *Answer) Object(v any) bool {
	return !a.TooLong && bytes.HasPrefix(bytes.TrimLeft(a.Body, " \t\r\n"), []byte("{")) &&
		json.Unmarshal(a.Body, v) == nil
}

// Date is the Date header; zero where there is none.
func (a *Answer) Date() time.Time {
	t, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil {
		return time.Time{} // absent or unreadable: the same to the caller
	}
	return t
}

// Fail makes an *identity.Error that carries the answer's correlation id.
func (a *Answer) Fail(op string, k identity.Kind, why string) *identity.Error {
	return &identity.Error{Kind: k, Op: op, Err: errors.New(why), Correlation: a.Correlation()}
}

const maxCorrelation = 64

// Correlation identifies the request in the service's logs; "" where the service gives
// nothing usable.
func (a *Answer) Correlation() string {
	id := a.Header.Get(a.CorrelationHeader)
	if len(id) > maxCorrelation {
		return ""
	}
	for _, c := range []byte(id) {
		if !plain(c) || c == '*' {
			return ""
		}
	}
	return id
}

// Busy: everybody is asked to wait.
func (a *Answer) Busy() bool {
	return a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable
}

// Wait is the error of a Busy answer.
func (a *Answer) Wait(op string) *identity.Error {
	e := a.Fail(op, identity.Busy, "asked to wait")
	e.RetryAfter = a.RetryAfter()
	return e
}

// Foreign says why an answer that is not the protocol's came instead of one that is.
func (a *Answer) Foreign(op string) *identity.Error {
	switch {
	case a.TooLong:
		return a.Fail(op, identity.UnexpectedAnswer, "answer is too long")
	case a.Status >= 300 && a.Status < 400:
		return a.Fail(op, identity.UnexpectedAnswer, "a redirect")
	case a.Status == http.StatusNetworkAuthenticationRequired:
		return a.Fail(op, identity.CaptivePortal, "the network wants a login of its own")
	case a.Status >= 500:
		return a.Fail(op, identity.ServiceUnavailable, "status "+strconv.Itoa(a.Status))
	case a.html():
		return a.Fail(op, identity.CaptivePortal, "a web page")
	}
	return a.Fail(op, identity.UnexpectedAnswer, "not the protocol's JSON")
}

func (a *Answer) html() bool {
	if strings.HasPrefix(strings.ToLower(a.Header.Get("Content-Type")), "text/html") {
		return true
	}
	body := bytes.TrimPrefix(a.Body, []byte("\uFEFF"))
	return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("<"))
}

// MaxWait bounds what a service may ask a student to wait; longer is cut.
const MaxWait = time.Hour

// RetryAfter is the header's seconds or date (RFC 9110 §10.2.3), 0 to MaxWait; a date
// counts from the service's own.
func (a *Answer) RetryAfter() time.Duration {
	h := a.Header.Get("Retry-After")
	if n, err := strconv.Atoi(h); err == nil {
		return Seconds(n, MaxWait)
	}
	at, err := http.ParseTime(h)
	if err != nil {
		return 0 // the service does not say
	}
	from := a.Date()
	if from.IsZero() {
		from = a.Now
	}
	return min(max(at.Sub(from), 0), MaxWait)
}

// Seconds makes a duration of a whole number, between 0 and most.
func Seconds(n int, most time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	return time.Duration(min(int64(n), int64(most/time.Second))) * time.Second
}

// Display lets text through that is plain, printable and at most max bytes long: no
// control or direction characters. Anything else becomes "".
func Display(s string, max int) string {
	if len(s) > max || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return s
}
