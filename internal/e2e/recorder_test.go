package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portillon/internal/demo"
)

// exchange is one request of the tablet's and what became of it.
type exchange struct {
	path    string
	form    url.Values
	proof   string
	answer  map[string]any
	session string // the auth_session in the answer
}

// recorder stands between the tablet and the service, ends the TLS of both with
// certificates of its own, passes everything on unchanged and remembers it.
type recorder struct {
	ca  []byte // PEM
	mu  sync.Mutex
	all []exchange
	// fault answers instead of the service, or passes (false); nil: no fault.
	fault atomic.Pointer[faulty]
	// cert is what is shown to the tablet; later is one that is valid in an hour only.
	cert   atomic.Pointer[tls.Certificate]
	behind http.Handler // the service
	later  tls.Certificate
}

// faulty answers a request, or says that it is none of its business.
type faulty func(w http.ResponseWriter, req *http.Request) bool

func (r *recorder) exchanges() []exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]exchange(nil), r.all...)
}

// startRecorder listens on the issuer's address, 127.0.0.1, for a service on 127.0.0.2.
func startRecorder(t *testing.T, s *demo.Service) *recorder {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := &recorder{}
	must(r.certify())
	b, err := os.ReadFile(s.CAFile)
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	issuer, err := url.Parse(s.Issuer)
	must(err)
	origin := *issuer
	origin.Host = net.JoinHostPort("127.0.0.2", issuer.Port())
	listener, err := net.Listen("tcp", issuer.Host)
	must(err)
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { p.SetURL(&origin) },
		Transport:      &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}},
		ModifyResponse: r.note,
	}
	r.behind = proxy
	server := &http.Server{Handler: r.read(proxy), TLSConfig: &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return r.cert.Load(), nil }},
		ReadHeaderTimeout: patience}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		must(server.Close())
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return r
}

// read keeps a request's form and gives the service the same bytes.
func (r *recorder) read(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if f := r.fault.Load(); f != nil && (*f)(w, req) {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		form, err := url.ParseQuery(string(body))
		if err != nil {
			form = url.Values{"unreadable": {string(body)}}
		}
		req.Header.Set("X-Form", form.Encode()) // never reaches the service: note takes it
		next.ServeHTTP(w, req)
	})
}

func (r *recorder) note(res *http.Response) error {
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(res.Request.Header.Get("X-Form"))
	if err != nil {
		return err
	}
	e := exchange{path: res.Request.URL.Path, form: form, proof: res.Request.Header.Get("DPoP"), answer: map[string]any{}}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &e.answer); err != nil {
			return err
		}
	}
	e.session, _ = e.answer["auth_session"].(string)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
	return nil
}

// certify makes a CA, and two certificates of it for 127.0.0.1: one for now, one for an
// hour later.
func (r *recorder) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "recorder"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	ca, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		return err
	}
	r.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca})
	leaf := func(serial int64, from time.Duration) (tls.Certificate, error) {
		own, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "127.0.0.1"},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: now.Add(from), NotAfter: now.Add(from + 2*time.Hour)}, root, key.Public(), key)
		return tls.Certificate{Certificate: [][]byte{own, ca}, PrivateKey: key}, err
	}
	cert, err := leaf(2, -time.Hour)
	if err != nil {
		return err
	}
	r.cert.Store(&cert)
	r.later, err = leaf(3, time.Hour)
	return err
}

// to are the exchanges of one endpoint that were not about a nonce.
func (r *recorder) to(path string) []exchange {
	var out []exchange
	for _, e := range r.exchanges() {
		if e.path == path && e.answer["error"] != "use_dpop_nonce" {
			out = append(out, e)
		}
	}
	return out
}

// fields names what an exchange's form holds, for messages that quote no secret.
func (e exchange) fields() string {
	var names []string
	for name := range e.form {
		names = append(names, name)
	}
	return e.path + " " + strings.Join(names, " ")
}
