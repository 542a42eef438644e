package command_test

import (
	"errors"
	"io"
	"log"
	"net"
	"net/mail"
	"regexp"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// mailServer takes every message, like a mailbox that never sleeps.
type mailServer struct {
	mu     sync.Mutex
	copies map[string]int      // by Message-ID
	codes  map[string][]string // by address, one a Message-ID
	held   func()              // called once, after the next message, before it is acknowledged
}

func (m *mailServer) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(m)
	s.Domain, s.ErrorLog = "localhost", log.New(io.Discard, "", 0) // connections of the dead
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-done); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &delivery{mailServer: m}, nil
}

func (m *mailServer) hold(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = f
}

// to are the codes mailed to an address, oldest first, a message's copies once.
func (m *mailServer) to(address string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.codes[address]...)
}

// doubles is how many messages came more than once, and the most copies of one.
func (m *mailServer) doubles() (n, most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.copies {
		if most = max(most, c); c > 1 {
			n++
		}
	}
	return n, most
}

// delivery is one connection to a mailServer.
type delivery struct {
	*mailServer
	recipient string
}

func (d *delivery) Reset()                               {}
func (d *delivery) Logout() error                        { return nil }
func (d *delivery) Mail(string, *smtp.MailOptions) error { return nil }
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.recipient = to
	return nil
}

var codeLine = regexp.MustCompile(`(?m)^\d{6}\r?$`)

func (d *delivery) Data(r io.Reader) error {
	msg, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(msg.Body)
	if err != nil {
		return err // the connection broke: it did not arrive
	}
	d.mu.Lock()
	id := msg.Header.Get("Message-ID")
	if d.copies[id]++; d.copies[id] == 1 {
		d.codes[d.recipient] = append(d.codes[d.recipient], string(codeLine.Find(body)[:6]))
	}
	f := d.held
	d.held = nil
	d.mu.Unlock()
	if f != nil {
		f()
	}
	return nil
}
