package rehearsal_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"portillon/internal/rehearsal"
)

// TestMetrics: what an operator sees counts, and says nothing of anybody.
func TestMetrics(t *testing.T) {
	w := start(t, func(o *rehearsal.Options) { o.Metrics = "127.0.0.1:0" })
	tab := w.tablet()
	tab.identify(camille)
	tab.password(camillePassword)
	page := door(t, w, "/metrics", http.StatusOK)
	for _, want := range []string{
		`rehearsal_request_seconds_count{outcome="credentials_required",route="/challenge",status="400"} 1`,
		`rehearsal_request_seconds_count{outcome="ok",route="/challenge",status="200"} 1`,
		"rehearsal_passwords_waiting 0\n", "rehearsal_mails_waiting 0\n", "rehearsal_passwords_promised 0\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	if found := regexp.MustCompile(`(?i)camille|@|durand`).FindString(page); found != "" {
		t.Errorf("it says %q", found)
	}
	door(t, w, "/healthz", http.StatusOK)
	door(t, w, "/readyz", http.StatusOK)
	if err := w.DB.Close(); err != nil {
		t.Fatal(err)
	}
	door(t, w, "/healthz", http.StatusOK)
	door(t, w, "/readyz", http.StatusServiceUnavailable)
	if !strings.Contains(door(t, w, "/metrics", http.StatusOK), "rehearsal_mails_waiting -1\n") {
		t.Error("a database that is gone is not told")
	}
}

func door(t *testing.T, w *world, path string, status int) string {
	t.Helper()
	res, err := http.Get("http://" + w.MetricsAddr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // only read
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		t.Fatalf("%s: %s, %v; want %d", path, res.Status, err, status)
	}
	return string(b)
}

// TestMetricsAddress: an address that cannot be had is named.
func TestMetricsAddress(t *testing.T) {
	_, err := rehearsal.Start(context.Background(), rehearsal.Options{Data: t.TempDir(), Demo: true, Metrics: "127.0.0.1:port"})
	if err == nil || !strings.Contains(err.Error(), "metrics 127.0.0.1:port") {
		t.Errorf("got %v", err)
	}
}
