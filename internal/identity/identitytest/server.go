package identitytest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"portillon/internal/identity"
)

// What the adapters' own tests have in common: a server that answers as the real one does, a
// network to cut, recorded answers, and a student's answers.

// Server is a service of a test's own, over TLS on loopback.
type Server struct{ *httptest.Server }

// Serve starts one, which ends with the test. What it says of clients that leave is dropped.
func Serve(t testing.TB, h http.Handler) Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return Server{s}
}

// Roots are what an adapter trusts it by.
func (s Server) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// Pin is its key, as a tablet is configured with it.
func (s Server) Pin() string {
	sum := sha256.Sum256(s.Certificate().RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// Network is a way to a server that can be cut. The zero value is whole.
type Network struct{ cut atomic.Bool }

// Cut ends it for new connections, or mends it.
func (n *Network) Cut(cut bool) { n.cut.Store(cut) }

// Dial is an adapter's; while cut it is refused.
func (n *Network) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if n.cut.Load() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// Recorded reads an answer that a server gave once: an HTTP message in a file.
func Recorded(t testing.TB, files fs.FS, name string) (status int, header http.Header, body []byte) {
	t.Helper()
	text, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		t.Fatal(name, err)
	}
	defer func() { _ = resp.Body.Close() }() // of a text in memory
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(name, err)
	}
	return resp.StatusCode, resp.Header, body
}

// Begin opens a flow, which the test's end closes.
func Begin(t testing.TB, p identity.Provider, address string) identity.Flow {
	t.Helper()
	f, _, err := p.Begin(t.Context(), Email(t, address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// Password gives a password to a flow.
func Password(t testing.TB, f identity.Flow, text string) (*identity.Session, error) {
	t.Helper()
	o, err := f.Answer(t.Context(), identity.PasswordAnswer{Password: Secret(t, text)})
	return o.Session, err
}

// Code gives a code to a flow.
func Code(t testing.TB, f identity.Flow, text string) (*identity.Session, error) {
	t.Helper()
	o, err := f.Answer(t.Context(), identity.CodeAnswer{Code: Secret(t, text)})
	return o.Session, err
}

// Refused checks an error's kind.
func Refused(t testing.TB, err error, want identity.Kind) {
	t.Helper()
	if got := identity.KindOf(err); got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}
