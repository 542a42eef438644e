package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"portillon/internal/ctl"
	"portillon/internal/demo"
	"portillon/internal/storm"
)

// TestStorm: a lecture hall logs in within four seconds, some by code, some after a slip,
// against the real service with real mail. Everybody is in, and each code is sent once.
func TestStorm(t *testing.T) {
	service, err := demo.StartService(t.Context(), shared.rehearsal, t.Output(), "--demo", "--data", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := service.Stop(); err != nil {
			t.Error(err)
		}
	}()
	picture := filepath.Join(t.TempDir(), "storm.svg")
	var out, errs bytes.Buffer
	code := ctl.Main(t.Context(), []string{"storm", "--tablets", "150", "--arrival", "4s", "--codes", "20%", "--wrong", "10%",
		"--issuer", service.Issuer, "--ca", service.CAFile, "--histogram", picture}, &out, &errs)
	var sum storm.Summary
	if err := json.Unmarshal(out.Bytes(), &sum); err != nil || code != ctl.ExitOK {
		t.Fatalf("exit %d, %v: %s%s", code, err, out.Bytes(), errs.Bytes())
	}
	if sum.LoggedIn != 150 || sum.Failed != 0 || sum.CodesSent == 0 || sum.WrongPasswords == 0 {
		t.Errorf("%s", out.Bytes())
	}
	if n := allMails(t, service.Mailbox); n != sum.CodesSent {
		t.Errorf("%d mails for %d codes", n, sum.CodesSent)
	}
	if svg, err := os.ReadFile(picture); err != nil || !bytes.Contains(svg, []byte("150 tablets")) {
		t.Errorf("histogram: %v, %.80q", err, svg)
	}
}

func allMails(t *testing.T, mailbox string) int {
	t.Helper()
	res, err := http.Get(mailbox + "/api/messages")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // only read
	var mails []message
	if err := json.NewDecoder(res.Body).Decode(&mails); err != nil {
		t.Fatal(err)
	}
	return len(mails)
}
