package fipa

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/identitytest"
	"portillon/internal/wire"
)

// meter counts what a provider's connections do.
type meter struct {
	opened, closed, read atomic.Int64
}

func (m *meter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	m.opened.Add(1)
	return &metered{Conn: c, m: m}, nil
}

type metered struct {
	net.Conn
	m    *meter
	once sync.Once
}

func (c *metered) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.m.read.Add(int64(n))
	return n, err
}

func (c *metered) Close() error {
	c.once.Do(func() { c.m.closed.Add(1) })
	return c.Conn.Close()
}

// allClosed waits until nothing is open any more.
func (m *meter) allClosed(t *testing.T) {
	t.Helper()
	deadline, tick := time.After(5*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for m.closed.Load() != m.opened.Load() {
		select {
		case <-deadline:
			t.Fatalf("%d connections opened, %d closed", m.opened.Load(), m.closed.Load())
		case <-tick.C:
		}
	}
}

// A login uses one connection. None that carried a secret stays open, whatever
// came of it.
func TestConnections(t *testing.T) {
	r := newReference(t)
	r.fake.Add(zoe)
	var m meter
	cfg := r.config()
	cfg.Dial = m.dial
	p := mustNew(t, cfg)
	login(t, p)
	if n := m.opened.Load(); n != 1 {
		t.Errorf("%d connections for one login", n)
	}
	m.allClosed(t)
	f := begin(t, p)
	if _, err := sendPassword(t, f, "faux"); identity.KindOf(err) != identity.WrongPassword {
		t.Fatal(err)
	}
	m.allClosed(t)
}

func TestLongAnswerIsNotRead(t *testing.T) {
	r := newReference(t)
	r.override = jsonAnswer(200, strings.Repeat(" ", 10<<20))
	var m meter
	cfg := r.config()
	cfg.Dial = m.dial
	if _, err := mustNew(t, cfg).Check(t.Context()); identity.KindOf(err) != identity.UnexpectedAnswer {
		t.Errorf("got %v", err)
	}
	if n := m.read.Load(); n > 4*wire.MaxAnswerBytes {
		t.Errorf("%d bytes were read", n)
	}
}

type brokenProver struct{ err error }

func (b brokenProver) Prove(context.Context, dpop.Params) (string, error) { return "", b.err }

// Without a proof nothing is sent, and what the prover said is not told.
func TestProverFails(t *testing.T) {
	r := newReference(t)
	cfg := r.config()
	cfg.Prover = brokenProver{errors.New("socket /run/secret of zoe@univ-uness.fr is gone")}
	_, _, err := mustNew(t, cfg).Begin(t.Context(), identitytest.Email(t, zoe.Email))
	if identity.KindOf(err) != identity.Misconfigured || strings.Contains(err.Error(), "zoe") {
		t.Errorf("got %v", err)
	}
	if n := len(r.requests("/challenge")); n != 0 {
		t.Errorf("%d requests without a proof", n)
	}
}
