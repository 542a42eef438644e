package kratos

import (
	"net/http"
	"regexp"
	"strconv"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// body is what Kratos's answers have in common, reduced to what is read: a flow, a
// session, or an error. Times are text: one that cannot be read is one that was not given.
type body struct {
	// A flow.
	ID        string `json:"id"`
	State     string `json:"state"`
	IssuedAt  string `json:"issued_at"`
	ExpiresAt string `json:"expires_at"`
	UI        *ui    `json:"ui"`
	// A grant.
	SessionToken string   `json:"session_token"`
	Session      *session `json:"session"`
	// An error.
	Error *refusal `json:"error"`
}

type ui struct {
	Nodes    []node    `json:"nodes"`
	Messages []message `json:"messages"`
}

type node struct {
	Group    string    `json:"group"`
	Messages []message `json:"messages"`
}

type message struct {
	ID   int    `json:"id"`
	Type string `json:"type"`
	Text string `json:"text"`
}

type session struct {
	Active    bool    `json:"active"`
	ExpiresAt string  `json:"expires_at"`
	Identity  *person `json:"identity"`
}

type person struct {
	ID     string         `json:"id"`
	Traits map[string]any `json:"traits"`
}

type refusal struct {
	ID   string `json:"id"`
	Code int    `json:"code"`
}

// Numbers of messages: github.com/ory/kratos/text/id.go. They do not change between
// versions; texts do.
const (
	msgGeneric            = 4000001
	msgInvalidCredentials = 4000006
	msgAddressNotVerified = 4000010
	msgNoCodeUser         = 4000035
	msgAccountNotFound    = 4000037
	msgFlowExpired        = 4010001
	msgNoStrategy         = 4010002
	msgCodeInvalid        = 4010008
	msgAddressUnknown     = 4010010
)

// The two things that msgGeneric says about codes, and only in words
// (selfservice/strategy/code/code_recovery.go).
const (
	textTooOften    = "The request was submitted too often. Please request another code."
	textAlreadyUsed = "The code was already used. Please request another code."
)

const stateSent = "sent_email"

// answer is one answer of Kratos's.
type answer struct {
	*httpwire.Answer
	w  body
	ok bool // a JSON object of Kratos's types
}

func read(raw *httpwire.Answer) *answer {
	a := &answer{Answer: raw}
	if !raw.Object(&a.w) {
		a.w = body{} // half a message is none
		return a
	}
	a.ok = true
	return a
}

// usable says why the answer is not one of Kratos's; nil where it is.
func (a *answer) usable(op string) error {
	switch {
	case a.Busy():
		return a.Wait(op)
	case !a.ok:
		return a.Foreign(op)
	case a.Status >= 500:
		return a.Fail(op, identity.ServiceUnavailable, "status "+strconv.Itoa(a.Status))
	}
	return nil
}

// uuid is what a flow's id looks like. It goes into an address.
var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (a *answer) isFlow() bool { return a.w.Error == nil && a.w.UI != nil && uuid.MatchString(a.w.ID) }

// methods are the ways that a flow offers.
type methods struct {
	identifierFirst, password, code bool
	// other: a way there is, but none a tablet without a browser can go.
	other bool
}

func (a *answer) methods() (m methods) {
	if a.w.UI == nil {
		return m
	}
	for _, n := range a.w.UI.Nodes {
		switch n.Group {
		case "identifier_first":
			m.identifierFirst = true
		case "password":
			m.password = true
		case "code":
			m.code = true
		case "default", "captcha":
		default:
			m.other = true
		}
	}
	return m
}

// life is how long the flow lives from now on; 0 where it does not say.
func (a *answer) life() time.Duration {
	issued, expires := when(a.w.IssuedAt), when(a.w.ExpiresAt)
	if issued.IsZero() || !expires.After(issued) {
		return 0
	}
	return expires.Sub(issued)
}

// when reads a time; zero where there is none.
func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{} // the same to the caller
	}
	return t
}

// wrong is the first message of an error, wherever it is; nil where all is well.
func (a *answer) wrong() *message {
	if a.w.UI == nil {
		return nil
	}
	lists := [][]message{a.w.UI.Messages}
	for _, n := range a.w.UI.Nodes {
		lists = append(lists, n.Messages)
	}
	for _, list := range lists {
		for i := range list {
			if list[i].Type == "error" {
				return &list[i]
			}
		}
	}
	return nil
}

// failure is what an error object, or a flow's message of one, means to a person.
func (a *answer) failure(op string) *identity.Error {
	if e := a.w.Error; e != nil {
		return a.refused(op, e)
	}
	m := a.wrong()
	if m == nil {
		return a.Fail(op, identity.UnexpectedAnswer, "neither a grant, nor a step, nor an error")
	}
	kinds := map[int]identity.Kind{
		msgInvalidCredentials: identity.WrongPassword,
		msgAddressNotVerified: identity.AccountNotConfigured,
		msgNoCodeUser:         identity.AccountUnknown,
		msgAccountNotFound:    identity.AccountUnknown,
		msgAddressUnknown:     identity.AccountUnknown,
		msgFlowExpired:        identity.SessionExpired,
		msgNoStrategy:         identity.Misconfigured,
		msgCodeInvalid:        identity.WrongCode,
	}
	k, known := kinds[m.ID]
	switch {
	case known:
	case m.ID == msgGeneric && m.Text == textTooOften:
		k = identity.TooManyAttempts
	case m.ID == msgGeneric && m.Text == textAlreadyUsed:
		k = identity.CodeUsed
	default:
		k = identity.ServiceUnavailable
	}
	return a.Fail(op, k, "message "+strconv.Itoa(m.ID))
}

// refused: Kratos gave no flow back, but an error with a status and sometimes an id.
func (a *answer) refused(op string, e *refusal) *identity.Error {
	switch e.ID {
	case "session_aal2_required", "browser_location_change_required", "session_verified_address_required":
		return a.Fail(op, identity.WebRequired, "a further step that needs a browser")
	case "self_service_flow_expired", "self_service_flow_replaced":
		return a.Fail(op, identity.SessionExpired, "flow has run out")
	}
	switch a.Status {
	case http.StatusGone:
		return a.Fail(op, identity.SessionExpired, "flow has run out")
	case http.StatusNotFound:
		return a.Fail(op, identity.SessionExpired, "flow no longer known")
	case http.StatusUnauthorized: // session.ErrIdentityDisabled, once the secret was right
		if op == opPassword || op == opCode {
			return a.Fail(op, identity.AccountBlocked, "the account is not active")
		}
	}
	return a.Fail(op, identity.ServiceUnavailable, "status "+strconv.Itoa(a.Status))
}
