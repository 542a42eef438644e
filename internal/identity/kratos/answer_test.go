package kratos

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// What Kratos said is understood as what it meant.
func TestRecordedAnswers(t *testing.T) {
	for name, want := range map[string]identity.Kind{
		"wrong-password":       identity.WrongPassword,
		"wrong-code":           identity.WrongCode,
		"too-many-codes":       identity.TooManyAttempts,
		"unknown-account":      identity.AccountUnknown,
		"unknown-account-code": identity.AccountUnknown,
		"code-expired":         identity.SessionExpired, // of which checkCode makes CodeExpired
		"flow-expired":         identity.SessionExpired,
		"flow-unknown":         identity.SessionExpired,
		"flow-malformed":       identity.ServiceUnavailable,
		"whoami-unknown":       identity.ServiceUnavailable, // Renew looks at the status itself
	} {
		a := read(fixture(t, name))
		if err := a.usable("op"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := a.failure("op").Kind; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if err := read(fixture(t, "not-found")).usable("op"); identity.KindOf(err) != identity.UnexpectedAnswer {
		t.Errorf("not-found: %v", err)
	}
	for name, want := range map[string]methods{
		"flow-identifier-first": {identifierFirst: true},
		"flow-unified":          {password: true, code: true},
		"identified":            {identifierFirst: true, password: true, code: true},
		"identified-mitigated":  {identifierFirst: true, password: true, code: true},
		"code-sent":             {identifierFirst: true, code: true},
	} {
		a := read(fixture(t, name))
		if !a.isFlow() || a.wrong() != nil || a.methods() != want || a.life() != time.Hour {
			t.Errorf("%s: flow %v, wrong %v, %+v, lives %v", name, a.isFlow(), a.wrong(), a.methods(), a.life())
		}
	}
	if s := read(fixture(t, "code-sent")).w.State; s != stateSent {
		t.Errorf("state %q", s)
	}
	p := mustNew(t, Config{Base: "https://auth.example", CodeValid: time.Minute, NameTraits: []string{"name"}})
	for _, name := range []string{"granted", "granted-code"} {
		s, err := p.grant(read(fixture(t, name)), "op")
		if err != nil || s.AccessToken == "" || s.Name != "Zoé" || s.ExpiresAt.IsZero() || !s.GrantedAt.Equal(noon) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func answerOf(status int, body string) *answer {
	return read(&httpwire.Answer{Status: status, Body: []byte(body), Header: http.Header{}, Now: noon, TooLong: len(body) > maxAnswer})
}

// withMessage is a flow that Kratos found something wrong with.
func withMessage(id string) string {
	return `{"id":"19e53334-5541-48b4-81c0-528d1fc84ddd","ui":{"messages":[{"type":"info","id":1},{"type":"error",` + id + `}]}}`
}

func TestOtherAnswers(t *testing.T) {
	p := mustNew(t, Config{Base: "https://auth.example", CodeValid: time.Minute})
	for _, c := range []struct {
		status int
		body   string
		want   identity.Kind
	}{
		{400, withMessage(`"id":4000010`), identity.AccountNotConfigured},
		{400, withMessage(`"id":4010002`), identity.Misconfigured},
		{400, withMessage(`"id":4010001`), identity.SessionExpired},
		{400, withMessage(`"id":4000001,"text":"` + textAlreadyUsed + `"`), identity.CodeUsed},
		{400, withMessage(`"id":4000001,"text":"something new"`), identity.ServiceUnavailable},
		{400, withMessage(`"id":4999999`), identity.ServiceUnavailable},
		{400, withMessage(`"id":"4000006"`), identity.UnexpectedAnswer},
		{200, `{"session_token":"t"}`, identity.UnexpectedAnswer},
		{200, `{"session_token":"t","session":{"active":false,"identity":{"id":"i"}}}`, identity.UnexpectedAnswer},
		{200, `{"session_token":"t","session":{"active":true}}`, identity.WebRequired},
		{400, `{"session_token":"t","session":{"active":true,"identity":{"id":"i"}}}`, identity.UnexpectedAnswer},
		{200, `{"session_token":"t","error":{"code":500},"session":{"active":true,"identity":{"id":"i"}}}`, identity.ServiceUnavailable},
		{200, `{"session_token":"` + strings.Repeat("t", maxToken+1) + `","session":{"active":true,"identity":{"id":"i"}}}`, identity.UnexpectedAnswer},
		{403, `{"error":{"id":"session_aal2_required","code":403}}`, identity.WebRequired},
		{422, `{"error":{"id":"browser_location_change_required","code":422}}`, identity.WebRequired},
		{410, `{"error":{"code":410}}`, identity.SessionExpired},
		{401, `{"error":{"code":401,"reason":"This account was disabled."}}`, identity.AccountBlocked},
		{500, `{"error":{"code":500}}`, identity.ServiceUnavailable},
		{429, `{}`, identity.Busy},
		{503, `<html>`, identity.Busy},
		{200, `{}`, identity.UnexpectedAnswer},
		{200, `[]`, identity.UnexpectedAnswer},
		{200, `null`, identity.UnexpectedAnswer},
		{200, ``, identity.UnexpectedAnswer},
		{200, `{"id":5}`, identity.UnexpectedAnswer},
		{200, `{"id":"a","id":"b"}`, identity.UnexpectedAnswer},
		{200, `<html>Wi-Fi`, identity.CaptivePortal},
		{302, ``, identity.UnexpectedAnswer},
		{511, ``, identity.CaptivePortal},
		{200, `{"x":"` + strings.Repeat("x", maxAnswer) + `"}`, identity.UnexpectedAnswer},
	} {
		a := answerOf(c.status, c.body)
		err := a.usable("op")
		if err == nil {
			_, err = p.grant(a, opPassword)
		}
		if got := identity.KindOf(err); got != c.want {
			t.Errorf("%d %.80s: %v, want %v", c.status, c.body, err, c.want)
		}
	}
}

// A flow's id goes into an address: nothing else may be in it.
func TestFlowIDs(t *testing.T) {
	for id, want := range map[string]bool{
		"19e53334-5541-48b4-81c0-528d1fc84ddd": true, "": false, "19e53334": false,
		"19e53334-5541-48b4-81c0-528d1fc84ddd&x=y": false, "../../19e53334-5541-48b4-81c0-528d1fc84ddd": false,
		"19e53334-5541-48b4-81c0-528d1fc84ddd\n": false,
	} {
		text, err := json.Marshal(map[string]any{"id": id, "ui": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		if got := answerOf(200, string(text)).isFlow(); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}

func TestNames(t *testing.T) {
	traits := map[string]any{
		"name": map[string]any{"first": " Zoé ", "last": "Martin", "years": 3.0}, "full": "Zoé Martin", "bad": "a\u202eb", "long": strings.Repeat("x", 300),
	}
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{nil, ""}, {[]string{"full"}, "Zoé Martin"}, {[]string{"name.first", "name.last"}, "Zoé Martin"},
		{[]string{"name.first", "name.none", "none.last"}, "Zoé"}, {[]string{"name"}, ""}, {[]string{"name.years"}, ""},
		{[]string{"full.x"}, ""}, {[]string{"bad"}, ""}, {[]string{"long"}, ""}, {[]string{""}, ""}, {[]string{"."}, ""},
	} {
		p := mustNew(t, Config{Base: "https://auth.example", CodeValid: time.Minute, NameTraits: c.paths})
		if got := p.name(traits); got != c.want {
			t.Errorf("%q: %q, want %q", c.paths, got, c.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	entries, err := recorded.ReadDir("testdata/1.3.1")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		a := fixture(f, strings.TrimSuffix(e.Name(), ".http"))
		f.Add(a.Status, string(a.Body))
	}
	for _, s := range []string{`{`, `null`, `<html>`, `{"ui":` + strings.Repeat("[", 1000), withMessage(`"id":-1`)} {
		f.Add(400, s)
	}
	p := mustNew(f, Config{Base: "https://auth.example", CodeValid: time.Minute, NameTraits: []string{"name.first", "name"}})
	f.Fuzz(func(t *testing.T, status int, body string) {
		a := answerOf(status, body)
		if a.life() < 0 {
			t.Fatalf("lives %v", a.life())
		}
		a.methods()
		p.detail(a)
		err := a.usable("op")
		var s *identity.Session
		if err == nil {
			s, err = p.grant(a, "op")
		}
		if (s == nil) == (err == nil) {
			t.Fatalf("session %v, error %v", s, err)
		}
		if s != nil && (s.AccessToken == "" || s.Subject == "") {
			t.Fatal("a session for nobody")
		}
		var e *identity.Error
		if err != nil && (!errors.As(err, &e) || e.Kind == identity.KindUnknown) {
			t.Fatalf("error %+v", err)
		}
	})
}
