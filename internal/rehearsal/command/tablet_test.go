package command_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"portillon/internal/dpop"
)

// tablet asks a process of its own.
type tablet struct {
	key *dpop.Key
	url string
	web *http.Client
}

func newTablet(t *testing.T, p *process) *tablet {
	t.Helper()
	key, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(p.line["ca_file"])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &tablet{key, p.line["issuer"] + "/challenge", &http.Client{Transport: tr, Timeout: 20 * time.Second}}
}

// identify begins a login and returns the status.
func (tab *tablet) identify(t *testing.T) int {
	t.Helper()
	proof, err := tab.key.Proof(dpop.Params{Method: http.MethodPost, URL: tab.url}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"client_id": {"portillon"}, "response_type": {"code"}, "login_hint": {"camille.durand@etu.univ-uness.fr"},
		"code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tab.url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("DPoP", proof)
	res, err := tab.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
