package fipa

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
	"portillon/internal/wire"
)

func jsonAnswer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may have gone
	}
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func answerOf(status int, body string, header ...string) *answer {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return rawAnswer(status, body, h)
}

func rawAnswer(status int, body string, header http.Header) *answer {
	return read(&httpwire.Answer{Status: status, Body: []byte(body), Header: header, Now: noon,
		TooLong: len(body) > wire.MaxAnswerBytes, CorrelationHeader: wire.HeaderCorrelation})
}

func insufficient(rest string) string {
	return `{"error":"insufficient_authorization","suberror":` + rest + `}`
}

// The body decides: every one means the same at every status a service may choose.
func TestBodies(t *testing.T) {
	for body, want := range map[string]identity.Kind{
		insufficient(`"account_not_configured"`):                            identity.AccountNotConfigured,
		insufficient(`"account_unknown"`):                                   identity.AccountUnknown,
		insufficient(`"invalid_credentials"`):                               identity.WrongPassword,
		insufficient(`"invalid_otp"`):                                       identity.WrongCode,
		insufficient(`"otp_expired"`):                                       identity.CodeExpired,
		insufficient(`"otp_used"`):                                          identity.CodeUsed,
		insufficient(`"otp_superseded"`):                                    identity.CodeSuperseded,
		insufficient(`"too_many_attempts"`):                                 identity.TooManyAttempts,
		insufficient(`"something_new"`):                                     identity.UnexpectedAnswer,
		`{"error":"insufficient_authorization"}`:                            identity.UnexpectedAnswer,
		insufficient(`"credentials_required"`):                              identity.UnexpectedAnswer,
		insufficient(`"otp_required"`):                                      identity.UnexpectedAnswer,
		insufficient(`"otp_required","otp_expires_in":180,"otp_length":13`): identity.UnexpectedAnswer,
		insufficient(`"otp_required","otp_expires_in":0`):                   identity.UnexpectedAnswer,
		`{"error":"invalid_session"}`:                                       identity.SessionExpired,
		`{"error":"redirect_to_web"}`:                                       identity.WebRequired,
		`{"error":"invalid_request"}`:                                       identity.ServiceUnavailable,
		`{"error":"invalid_client"}`:                                        identity.ServiceUnavailable,
		`{"error":"unauthorized_client"}`:                                   identity.ServiceUnavailable,
		`{"error":"invalid_scope"}`:                                         identity.ServiceUnavailable,
		`{"error":"invalid_dpop_proof"}`:                                    identity.ServiceUnavailable,
		`{"error":"server_error"}`:                                          identity.ServiceUnavailable,
		`{"error":"something_new"}`:                                         identity.ServiceUnavailable,
		`{"error":"temporarily_unavailable"}`:                               identity.Busy,
		`{}`:                                                                identity.UnexpectedAnswer,
		`{"ERROR":"invalid_session"}`:                                       identity.UnexpectedAnswer,
		`{"error":"server_error","error":"invalid_session"}`:                identity.UnexpectedAnswer,
		`{"authorization_code":"c","error":"server_error"}`:                 identity.UnexpectedAnswer,
		`{"error":5}`:                                                       identity.UnexpectedAnswer,
		`{"error":"invalid_session"} trailing`:                              identity.UnexpectedAnswer,
		`{"error":"invalid_session"`:                                        identity.UnexpectedAnswer,
		`null`:                                                              identity.UnexpectedAnswer,
		`[]`:                                                                identity.UnexpectedAnswer,
		`"x"`:                                                               identity.UnexpectedAnswer,
		``:                                                                  identity.UnexpectedAnswer,
		`<!doctype html><title>Wi-Fi</title>`:                               identity.CaptivePortal,
		"\uFEFF\r\n<html>":                                                  identity.CaptivePortal,
		`{"x":"` + strings.Repeat("x", wire.MaxAnswerBytes) + `"}`:          identity.UnexpectedAnswer,
	} {
		for _, status := range []int{200, 400, 401, 403} {
			c, code, err := answerOf(status, body).step("op")
			if got := identity.KindOf(err); got != want || c != nil || code != "" {
				t.Errorf("%d %.60s: %v, want %v", status, body, got, want)
			}
		}
	}
}

func TestStatuses(t *testing.T) {
	at := noon.Add(90 * time.Second).Format(http.TimeFormat)
	for _, c := range []struct {
		a     *answer
		want  identity.Kind
		after time.Duration
	}{
		{answerOf(429, "", "Retry-After", "7"), identity.Busy, 7 * time.Second},
		{answerOf(503, "<html>", "Retry-After", "7"), identity.Busy, 7 * time.Second},
		{answerOf(503, `{"error":"server_error"}`), identity.Busy, 0},
		{answerOf(503, `{"error":"server_error"}`, "Retry-After", at), identity.Busy, 90 * time.Second},
		{answerOf(503, "", "Retry-After", at, "Date", noon.Add(time.Minute).Format(http.TimeFormat)), identity.Busy, 30 * time.Second},
		{answerOf(503, "", "Retry-After", noon.Add(-time.Hour).Format(http.TimeFormat)), identity.Busy, 0},
		{answerOf(503, "", "Retry-After", "-5"), identity.Busy, 0},
		{answerOf(503, "", "Retry-After", "99999999999999999999"), identity.Busy, 0},
		{answerOf(503, "", "Retry-After", "999999999999"), identity.Busy, time.Hour},
		{answerOf(503, "", "Retry-After", "soon"), identity.Busy, 0},
		{answerOf(429, insufficient(`"too_many_attempts","retry_after":60`)), identity.TooManyAttempts, time.Minute},
		{answerOf(429, insufficient(`"too_many_attempts"`), "Retry-After", "5"), identity.TooManyAttempts, 5 * time.Second},
		{answerOf(302, "", "Location", "https://elsewhere.example/"), identity.UnexpectedAnswer, 0},
		{answerOf(511, ""), identity.CaptivePortal, 0},
		{answerOf(502, "<html>"), identity.ServiceUnavailable, 0},
		{answerOf(404, "<html>"), identity.CaptivePortal, 0},
		{answerOf(404, "nothing", "Content-Type", "text/html; charset=utf-8"), identity.CaptivePortal, 0},
		{answerOf(400, `{"error":"invalid_dpop_proof"}`, "Date", noon.Add(time.Hour).Format(http.TimeFormat)), identity.ClockWrong, 0},
		{answerOf(400, `{"error":"invalid_dpop_proof"}`, "Date", noon.Format(http.TimeFormat)), identity.ServiceUnavailable, 0},
	} {
		_, _, err := c.a.step("op")
		var e *identity.Error
		if !errors.As(err, &e) || e.Kind != c.want || e.RetryAfter != c.after {
			t.Errorf("%d %s %v: %+v", c.a.Status, c.a.Body, c.a.Header, e)
		}
	}
}

func TestMembers(t *testing.T) {
	c, _, err := answerOf(400, insufficient(`"otp_required","otp_length":8,"otp_expires_in":180,`+
		`"otp_resend_after":30,"otp_target":"z••@••.fr","unknown":{"a":[1]}`)).step("op")
	if err != nil || *c.Sent != (identity.SentCode{Length: 8, ValidFor: 3 * time.Minute,
		ResendAfter: 30 * time.Second, Target: "z••@••.fr"}) {
		t.Errorf("%+v, %v", c, err)
	}
	c, _, err = answerOf(400, insufficient(`"credentials_required","methods":["passkey","email_code"],"otp_expires_in":600`)).step("op")
	if err != nil || *c != (identity.Challenge{EmailCode: true, CodeValid: 10 * time.Minute}) {
		t.Errorf("%+v, %v", c, err)
	}
	for value, want := range map[string]string{
		"abc-1.2_3": "abc-1.2_3", "a b": "", "é": "", "*": "", "": "",
		strings.Repeat("x", 64): strings.Repeat("x", 64), strings.Repeat("x", 65): "",
	} {
		if got := answerOf(200, "", wire.HeaderCorrelation, value).Correlation(); got != want {
			t.Errorf("correlation %q became %q", value, got)
		}
	}
	for value, want := range map[string]string{
		"https://portail.example/a?b": "https://portail.example/a?b", "http://portail.example": "",
		"javascript:x": "", "https://u:p@h/": "", "https://h/\u202e": "", "https://" + strings.Repeat("h", 600): "",
	} {
		e := answerOf(400, insufficient(fmt.Sprintf(`"account_not_configured","setup_uri":%q`, value))).failure("op")
		if e.SetupURI != want {
			t.Errorf("setup_uri %q became %q", value, e.SetupURI)
		}
	}
	for _, target := range []string{"a\nb", "\u202eab", strings.Repeat("x", 300)} {
		if got := httpwire.Display(target, identity.MaxEmailBytes); got != "" {
			t.Errorf("%q is shown as %q", target, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"authorization_code":"c"}`, insufficient(`"otp_required","otp_expires_in":180`),
		insufficient(`"credentials_required","methods":["password"]`), insufficient(`"invalid_otp","remaining_attempts":-1`),
		`{`, `null`, `<html>`, `{"a":` + strings.Repeat("[", 1000),
	} {
		f.Add(400, s, "7", "Mon, 01 Jun 2026 12:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, status int, body, after, date string) {
		a := rawAnswer(status, body, http.Header{"Retry-After": {after}, "Date": {date}})
		c, code, err := a.step("op")
		set := 0
		for _, is := range []bool{c != nil, code != "", err != nil} {
			if is {
				set++
			}
		}
		if set != 1 {
			t.Fatalf("challenge %v, code %q, error %v", c, code, err)
		}
		if c != nil {
			checkChallenge(t, *c)
		}
		if err == nil {
			return
		}
		var e *identity.Error
		if !errors.As(err, &e) || e.Kind == identity.KindUnknown || e.RetryAfter < 0 || e.RetryAfter > httpwire.MaxWait ||
			e.Remaining != nil && *e.Remaining < 0 {
			t.Fatalf("error %+v", err)
		}
	})
}

func checkChallenge(t *testing.T, c identity.Challenge) {
	if c.CodeValid < 0 || !c.Password && !c.EmailCode {
		t.Fatalf("challenge %+v", c)
	}
	if s := c.Sent; s != nil && (s.Length < 1 || s.Length > 12 || s.ValidFor <= 0 || s.ResendAfter < 0) {
		t.Fatalf("sent %+v", *s)
	}
}
