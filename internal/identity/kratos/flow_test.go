package kratos

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
)

func wantLines(t *testing.T, r *reference, want ...string) {
	t.Helper()
	if got := r.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const (
	fresh      = "GET /self-service/login/api"
	identified = "POST /self-service/login method=identifier_first"
	passwd     = "POST /self-service/login method=password password"
	askCode    = "POST /self-service/login method=code"
	resend     = "POST /self-service/login method=code resend"
	giveCode   = "POST /self-service/login method=code code"
)

func TestRequests(t *testing.T) {
	r := newReference(t)
	f := identitytest.Begin(t, tabletFor(t, r), zoe.Email)
	_, err := identitytest.Password(t, f, "faux")
	refuses(t, err, identity.WrongPassword)
	if s := send(t, f); *s != (identity.SentCode{Length: 6, ValidFor: refCodeLife, ResendAfter: resendAfter}) {
		t.Errorf("sent %+v", *s)
	}
	_, err = identitytest.Code(t, f, "00000x")
	refuses(t, err, identity.WrongCode)
	send(t, f)
	s, err := identitytest.Code(t, f, r.mails[zoe.Email][1])
	if err != nil || s.Name != zoe.Name || s.TokenType != "Bearer" || s.Subject == "" || s.ExpiresAt.IsZero() {
		t.Fatalf("%v", err)
	}
	wantLines(t, r, fresh, identified, passwd, askCode, giveCode, resend, giveCode)
	if last := r.seen[len(r.seen)-1]; !strings.HasSuffix(last.body, "&code="+r.mails[zoe.Email][1]) {
		t.Error("the code is not last, or not as it was typed")
	}
}

// A code that nobody asked for is not given to Kratos, which would mail one.
func TestCodeWithoutRequest(t *testing.T) {
	r := newReference(t)
	f := identitytest.Begin(t, tabletFor(t, r), zoe.Email)
	_, err := identitytest.Code(t, f, "012345")
	refuses(t, err, identity.WrongCode)
	wantLines(t, r, fresh, identified)
}

// After a code has run out, and after too many wrong ones, a new code comes from a
// fresh flow: in the old one Kratos would mail codes that it never takes.
func TestNewCodeAfterExpiry(t *testing.T) {
	r := newReference(t)
	f := identitytest.Begin(t, tabletFor(t, r), zoe.Email)
	send(t, f)
	r.set(func() { r.ahead += refCodeLife + time.Second })
	for range 2 {
		_, err := identitytest.Code(t, f, r.mails[zoe.Email][0])
		refuses(t, err, identity.CodeExpired)
	}
	send(t, f)
	if _, err := identitytest.Code(t, f, r.mails[zoe.Email][1]); err != nil {
		t.Error(err)
	}
	wantLines(t, r, fresh, identified, askCode, giveCode, fresh, askCode, giveCode)
}

func TestTooManyCodes(t *testing.T) {
	r := newReference(t)
	f := identitytest.Begin(t, tabletFor(t, r), zoe.Email)
	send(t, f)
	for range 5 {
		_, err := identitytest.Code(t, f, "00000x")
		refuses(t, err, identity.WrongCode)
	}
	for range 2 {
		_, err := identitytest.Code(t, f, r.mails[zoe.Email][0])
		refuses(t, err, identity.TooManyAttempts)
	}
	if n := len(r.lines()); n != 9 {
		t.Errorf("%d requests: the last code was known to be in vain", n)
	}
	send(t, f)
	if _, err := identitytest.Code(t, f, r.mails[zoe.Email][1]); err != nil {
		t.Error(err)
	}
}

// A flow that is about to end is replaced before a password goes to it.
func TestStaleFlow(t *testing.T) {
	r := newReference(t)
	var ahead atomic.Int64
	r.accounts = append(r.accounts, zoe)
	cfg := r.config()
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	f := identitytest.Begin(t, mustNew(t, cfg), zoe.Email)
	ahead.Store(int64(refFlowLife - early/2))
	r.set(func() { r.ahead = refFlowLife - early/2 })
	if _, err := identitytest.Password(t, f, zoe.Password); err != nil {
		t.Error(err)
	}
	wantLines(t, r, fresh, identified, fresh, passwd)
}

// Kratos may forget a flow before its time. A password is not sent again by itself; the
// wish for a code is.
func TestFlowIsGone(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	f := identitytest.Begin(t, p, zoe.Email)
	r.set(func() { r.ahead = 2 * refFlowLife })
	_, err := identitytest.Password(t, f, zoe.Password)
	refuses(t, err, identity.SessionExpired)
	_, err = identitytest.Password(t, f, zoe.Password)
	refuses(t, err, identity.SessionExpired)
	wantLines(t, r, fresh, identified, passwd)

	f = identitytest.Begin(t, p, zoe.Email)
	r.set(func() { clear(r.flows); r.seen = nil })
	send(t, f)
	if _, err := identitytest.Code(t, f, r.mails[zoe.Email][0]); err != nil {
		t.Error(err)
	}
	wantLines(t, r, askCode, fresh, askCode, giveCode)
}

// The unified style asks for everything at once; nothing is asked of Kratos then.
func TestUnified(t *testing.T) {
	r := newReference(t)
	r.first = "flow-unified"
	p := tabletFor(t, r)
	f, c, err := p.Begin(t.Context(), identitytest.Email(t, zoe.Email))
	if err != nil || c != (identity.Challenge{Password: true, EmailCode: true, CodeValid: refCodeLife}) {
		t.Fatalf("%+v, %v", c, err)
	}
	defer f.Close()
	if _, err := identitytest.Password(t, f, zoe.Password); err != nil {
		t.Error(err)
	}
	wantLines(t, r, fresh, passwd)
}

// Whatever goes wrong after a secret went out, it does not go out again.
func TestSecretIsNotRepeated(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"dropped": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"busy":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"gone":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) },
		"redirect": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/self-service/login", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReference(t)
			f := identitytest.Begin(t, tabletFor(t, r), zoe.Email)
			before := len(r.lines())
			r.set(func() { r.override = answer })
			if _, err := identitytest.Password(t, f, zoe.Password); err == nil {
				t.Error("granted")
			}
			if n := len(r.lines()) - before; n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestSessions(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	s, err := identitytest.Password(t, identitytest.Begin(t, p, zoe.Email), zoe.Password)
	if err != nil {
		t.Fatal(err)
	}
	other := *s
	other.Subject = "somebody else"
	_, err = p.Renew(t.Context(), &other)
	refuses(t, err, identity.UnexpectedAnswer)
	if err := p.Revoke(t.Context(), s); err != nil {
		t.Error(err)
	}
	if err := p.Revoke(t.Context(), nil); err != nil {
		t.Error(err)
	}
	_, err = p.Renew(t.Context(), s)
	refuses(t, err, identity.SessionExpired)
	for _, line := range r.lines() {
		if strings.Contains(line, "ory_st") {
			t.Error("a token in an address")
		}
	}
}

func TestCheck(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	h, err := p.Check(t.Context())
	if err != nil || h.ServerTime.IsZero() || !strings.HasPrefix(h.Detail, "Ory Kratos, identifier first, flows live 1h0m0s, TLS 1.3, ") {
		t.Errorf("%+v, %v", h, err)
	}
	wantLines(t, r, fresh)
	cfg := r.config()
	cfg.Base += "/elsewhere"
	_, err = mustNew(t, cfg).Check(t.Context())
	if err == nil {
		t.Error("another server's 404 is taken for Kratos")
	}
}

// TestSurvey: what Kratos shows to anybody, and that a version it keeps to itself is none.
func TestSurvey(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	s, err := p.Survey(t.Context())
	if err != nil || s.ServerTime.IsZero() || s.Protocol != "Ory Kratos" || s.Version != "" || len(s.Methods) == 0 {
		t.Errorf("%+v, %v", s, err)
	}
	for answer, want := range map[string]string{`{"version":"v1.3.1"}`: "v1.3.1", `{"version":"<b>1</b>"}`: "", `{}`: "", `x`: ""} {
		r.mu.Lock()
		r.override = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }
		r.mu.Unlock()
		if got := p.version(t.Context()); got != want {
			t.Errorf("%s gives %q, want %q", answer, got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no lifetime": {Base: "https://auth.example"},
		"slash":       {Base: "https://auth.example/", CodeValid: time.Minute},
		"http":        {Base: "http://auth.example", CodeValid: time.Minute},
	} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustNew(t, Config{Base: "https://auth.example/kratos", CodeValid: time.Minute})
}
