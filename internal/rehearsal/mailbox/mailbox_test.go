package mailbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"regexp"
	"strings"
	"testing"
	"time"

	"portillon/internal/rehearsal/mailbox"
)

func serve(t *testing.T) (*mailbox.Box, *mailbox.Servers) {
	t.Helper()
	b := mailbox.New(time.Now)
	s, err := b.Serve(t.Context(), nil, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return b, s
}

func send(t *testing.T, s *mailbox.Servers, to, raw string) {
	t.Helper()
	raw = strings.ReplaceAll(raw, "\n", "\r\n")
	if err := smtp.SendMail(s.SMTPAddr, nil, "uness@example.fr", []string{to}, []byte(raw)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url string) (string, *http.Response) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), res
}

const quoted = `From: =?UTF-8?q?Compte_UNESS?= <uness@example.fr>
Subject: =?UTF-8?q?Code_re=C3=A7u?=
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

Le code re=C3=A7u :

012345

fin
`

func TestMessagesNewestFirst(t *testing.T) {
	_, s := serve(t)
	if body, _ := get(t, s.URL+"/api/messages"); strings.TrimSpace(body) != "[]" {
		t.Errorf("an empty box is %q, want []", body)
	}
	send(t, s, "a@b.fr", quoted)
	send(t, s, "c@d.fr", "From: x@y.fr\nSubject: deux\n\nsans type\n")
	send(t, s, "A@b.fr", "From: x@y.fr\nSubject: trois\nContent-Type: multipart/alternative; boundary=B\n\n"+
		"--B\nContent-Type: text/html\n\n<b>non</b>\n--B\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nb3Vp\n--B--\n")
	body, _ := get(t, s.URL+"/api/messages")
	var all []mailbox.Message
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || all[0].Subject != "trois" || all[0].Text != "oui" || all[1].Text != "sans type\n" ||
		all[2].Subject != "Code reçu" || !strings.Contains(all[2].Text, "\n012345\n") || all[2].From != "Compte UNESS <uness@example.fr>" {
		t.Errorf("%+v", all)
	}
	body, _ = get(t, s.URL+"/api/messages?to=a@B.fr&limit=1")
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all) != 1 || all[0].Subject != "trois" {
		t.Errorf("%s (%v)", body, err)
	}
}

func TestPage(t *testing.T) {
	_, s := serve(t)
	if body, _ := get(t, s.URL+"/"); !strings.Contains(body, "Aucun message") {
		t.Error("an empty box does not say so")
	}
	send(t, s, "a@b.fr", strings.Replace(quoted, "fin", "<script>alert(1)</script>", 1))
	body, res := get(t, s.URL+"/")
	if !strings.Contains(body, `<p class="code">012345</p>`) || !strings.Contains(body, "Code reçu") {
		t.Errorf("the code does not stand out:\n%s", body)
	}
	if strings.Contains(body, "<script>alert") {
		t.Error("a mail's markup is live")
	}
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	if regexp.MustCompile(`(src|href|action)="(https?:)?//|style="|<style|onclick`).MatchString(body) {
		t.Error("the page leaves its own origin, or has inline style or script")
	}
	for path, kind := range map[string]string{"/style.css": "text/css", "/refresh.js": "text/javascript"} {
		if _, res := get(t, s.URL+path); res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.Header.Get("Content-Type"))
		}
	}
}

func TestOnlyThisMachine(t *testing.T) {
	h, err := mailbox.New(time.Now).Handler(time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, host string
		want       int
	}{
		{"127.0.0.1:4242", "127.0.0.1:80", http.StatusOK},
		{"[::1]:4242", "localhost:80", http.StatusOK},
		{"192.0.2.7:4242", "127.0.0.1:80", http.StatusForbidden},
		{"127.0.0.1:4242", "mechant.example:80", http.StatusForbidden}, // DNS rebinding
	} {
		r := httptest.NewRequest(http.MethodGet, "/api/messages", nil)
		r.RemoteAddr, r.Host = c.from, c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("from %s for %s: %d, want %d", c.from, c.host, w.Code, c.want)
		}
	}
}

func TestUnreadableMailIsRefused(t *testing.T) {
	b, s := serve(t)
	err := smtp.SendMail(s.SMTPAddr, nil, "x@y.fr", []string{"a@b.fr"}, []byte("pas un message\r\n"))
	if err == nil || len(b.Messages("")) != 0 {
		t.Errorf("err %v, %d messages", err, len(b.Messages("")))
	}
}
