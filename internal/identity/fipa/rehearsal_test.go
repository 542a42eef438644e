package fipa_test

import (
	"context"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/identity/fipa"
	"portillon/internal/identity/identitytest"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/mailbox"
	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
)

// TestConformanceRehearsal runs the suite against the service of mock exams: real
// TLS, a real database, real mail.
func TestConformanceRehearsal(t *testing.T) {
	// Twelve thousand accounts are made once and copied for each case.
	seeded := t.TempDir()
	srv, err := rehearsal.Start(t.Context(), rehearsal.Options{Data: seeded, Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	identitytest.Run(t, identitytest.Harness{Start: func(t *testing.T) *identitytest.Service {
		data := t.TempDir()
		if err := os.CopyFS(data, os.DirFS(seeded)); err != nil {
			t.Fatal(err)
		}
		return rehearse(t, data)
	}})
}

func rehearse(t *testing.T, data string) *identitytest.Service {
	t.Helper()
	w := &world{t: t, net: network{conns: map[net.Conn]bool{}}, clock: clock{t: time.Now().Truncate(time.Second)}}
	srv, err := rehearsal.Start(t.Context(), rehearsal.Options{
		Data: data, Demo: true, Policy: oauth.DefaultPolicy(), Now: w.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	w.Server = srv
	if w.key, err = dpop.NewKey(); err != nil {
		t.Fatal(err)
	}
	w.known(t, true)
	return &identitytest.Service{
		Provider:    w.provider(),
		Add:         w.add,
		Codes:       w.codes,
		Expire:      func(testing.TB) { w.clock.pass(4 * time.Minute) },
		AllowResend: func(testing.TB) { w.clock.pass(31 * time.Second) },
		KnownTablet: w.known,
		Down:        func(_ testing.TB, down bool) { w.net.set(down) },
	}
}

// world is one running service, its clock, and the way to it.
type world struct {
	*rehearsal.Server
	t     *testing.T
	clock clock
	net   network
	key   *dpop.Key
}

// Prove signs at the world's time, which the tablet and the service share.
func (w *world) Prove(_ context.Context, p dpop.Params) (string, error) {
	return w.key.Proof(p, w.clock.now())
}

func (w *world) provider() *fipa.Provider {
	w.t.Helper()
	pem, err := os.ReadFile(w.CAFile)
	if err != nil {
		w.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	p, err := fipa.New(fipa.Config{
		Issuer: w.Issuer, ClientID: "portillon", Scope: "openid profile", Pins: []string{w.CAPin},
		RootCAs: roots, Dial: w.net.dial, Prover: w, Now: w.clock.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) known(t testing.TB, known bool) {
	t.Helper()
	err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
		if known {
			return tx.EnrolTablet(w.key.Thumbprint(), "test", w.clock.now())
		}
		_, err := tx.RevokeTablet(w.key.Thumbprint(), w.clock.now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) add(t testing.TB, a identitytest.Account) {
	t.Helper()
	var b strings.Builder
	out := csv.NewWriter(&b)
	err := out.WriteAll([][]string{
		{"address", "secondary", "name", "extra_time", "password"},
		{a.Email, a.Secondary, a.Name, a.ExtraTime, a.Password},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := people.Import(t.Context(), w.DB, strings.NewReader(b.String()), w.clock.now()); err != nil {
		t.Fatal(err)
	}
}

var codeLine = regexp.MustCompile(`(?m)^\d{6}\r?$`)

// codes reads the mailbox as a phone does.
func (w *world) codes(t testing.TB, to string, n int) []string {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		messages := w.messages(t, to)
		if len(messages) >= n {
			var out []string
			for _, m := range slices.Backward(messages) { // newest first there
				out = append(out, strings.TrimSpace(codeLine.FindString(m.Text)))
			}
			return out
		}
		select {
		case <-deadline:
			t.Fatalf("%d mails, want %d", len(messages), n)
		case <-tick.C:
		}
	}
}

func (w *world) messages(t testing.TB, to string) (out []mailbox.Message) {
	t.Helper()
	res, err := http.Get(w.MailboxURL + "/api/messages?to=" + url.QueryEscape(to))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// network is a way to the service that can be cut.
type network struct {
	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func (n *network) dial(ctx context.Context, proto, addr string) (net.Conn, error) {
	n.mu.Lock()
	cut := n.cut
	n.mu.Unlock()
	if cut {
		return nil, &net.OpError{Op: "dial", Net: proto, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, proto, addr)
	if err == nil {
		n.mu.Lock()
		n.conns[c] = true
		n.mu.Unlock()
	}
	return c, err
}

func (n *network) set(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	for c := range n.conns {
		if cut {
			_ = c.Close() // many are closed already
			delete(n.conns, c)
		}
	}
}
