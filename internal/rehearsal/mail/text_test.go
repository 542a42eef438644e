package mail_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"portillon/internal/rehearsal/mail"
)

func TestCodeMessage(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	sent := time.Date(2026, 6, 15, 7, 42, 0, 0, time.UTC)
	m := mail.CodeMessage("a@b.fr", "000042", 3*time.Minute, sent, paris)
	if got := regexp.MustCompile(`(?m)^\d+$`).FindAllString(m.Text, -1); len(got) != 1 || got[0] != "000042" {
		t.Errorf("lines of digits: %q, want the code alone, zeros kept", got)
	}
	if strings.Contains(m.Subject, "42") || m.To != "a@b.fr" {
		t.Errorf("to %q, subject %q", m.To, m.Subject)
	}
	for _, want := range []string{"demandé à 9\u00a0h\u00a042\u00a0:", "valable 3\u00a0minutes", "at 09:42", "for 3\u00a0minutes"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("no %q in\n%s", want, m.Text)
		}
	}
	typography(t, m.Text)
	for d, want := range map[time.Duration]string{
		time.Minute: "valable 1\u00a0minute.", 90 * time.Second: "valable 90\u00a0secondes.", time.Second: "valable 1\u00a0seconde.",
	} {
		if text := mail.CodeMessage("a@b.fr", "000042", d, sent, paris).Text; !strings.Contains(text, want) {
			t.Errorf("%s: no %q", d, want)
		}
	}
}

// typography checks the French of a text: ’, and no breaking space before a colon.
func typography(t *testing.T, text string) {
	t.Helper()
	french, _, _ := strings.Cut(text, "--------")
	for _, bad := range []string{"'", " :", " ;", " !", " ?", "\u00a0;", "email"} {
		if strings.Contains(french, bad) {
			t.Errorf("French text has %q", bad)
		}
	}
}
