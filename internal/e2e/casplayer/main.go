// Casplayer is an exam player for tests of a real CAS: a client as the exam's own web
// application would be one. It takes the ticket of its hand-off, has CAS say whose it is (CAS
// Protocol 3.0, §2.8: /p3/serviceValidate), and leaves the answer in the file "seen". The tablet's
// tests run it as exam.command: casplayer CAS-URL CA-FILE.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "casplayer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("want CAS-URL CA-FILE")
	}
	var given struct {
		ServiceURL  string `json:"service_url"`
		AccessToken string `json:"access_token"`
		Name        string `json:"name"`
	}
	if err := json.NewDecoder(os.NewFile(3, "hand-off")).Decode(&given); err != nil {
		return err
	}
	if given.ServiceURL == "" && given.AccessToken != "" {
		return os.WriteFile("seen", []byte("token for "+given.Name), 0o600)
	}
	who, err := validate(args[0], args[1], given.ServiceURL)
	if err != nil {
		return err
	}
	return os.WriteFile("seen", []byte("ticket of "+who), 0o600)
}

// validate spends the ticket in an address and gives the user that CAS names for it.
func validate(cas, caFile, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("service_url is no address")
	}
	q := u.Query()
	ticket := q.Get("ticket")
	q.Del("ticket")
	u.RawQuery = q.Encode()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	resp, err := client.Get(cas + "/p3/serviceValidate?" + url.Values{"service": {u.String()}, "ticket": {ticket}}.Encode())
	if err != nil {
		return "", errors.New("CAS does not answer")
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	var answer struct {
		User    string `xml:"authenticationSuccess>user"`
		Refused struct {
			Code string `xml:"code,attr"`
		} `xml:"authenticationFailure"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", err
	}
	if answer.User == "" {
		return "", fmt.Errorf("CAS refuses the ticket: %s", answer.Refused.Code)
	}
	return answer.User, nil
}
