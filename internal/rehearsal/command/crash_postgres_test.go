package command_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// enterPostgres starts two processes behind a balancer on a PostgreSQL; nil: there is none
// on this machine.
func enterPostgres(t *testing.T) *hall {
	t.Helper()
	s := server.Server(t)
	if s == nil {
		return nil
	}
	name, err := s.Create(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	h := newHall(t)
	h.store, h.balance = s.URL(name), balanced(t)
	h.issuer = "https://" + h.balance.address
	h.command = fmt.Sprintf("exec rehearsal serve --demo --code-resend 0s --require-dpop-nonce=false --smtp-tls none --smtp %s --data %s --database '%s' --issuer %s",
		h.mails.serve(t), h.dir, h.store, h.issuer)
	h.restart()
	return h
}

// killDatabase ends the database under the load, as a fault would, and brings it back once
// somebody was told that it is away. Then one process dies too.
func (h *hall) killDatabase(n int) {
	h.t.Helper()
	h.until(fmt.Sprintf("%d answers", n), h.ledger.more(n))
	var before int
	h.ledger.count(func(l *ledger) { before = l.away })
	if err := server.Running().Kill(); err != nil {
		h.t.Fatal(err)
	}
	h.until("somebody is told", func() (told bool) {
		h.ledger.count(func(l *ledger) { told = l.away > before })
		return told
	})
	if err := server.Running().Begin(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.until("the same processes answer", h.ledger.more(n))
	h.second.kill(h.t)
}

// balancer hands connections to two backends in turn, and to the other where one is gone.
type balancer struct {
	address string

	mu       sync.Mutex
	next     int
	backends [2]string
}

func balanced(t *testing.T) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{address: l.Addr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go b.hand(c)
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return b
}

func (b *balancer) set(i int, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.backends[i] = address
}

// dial tries the backends in turn.
func (b *balancer) dial() (net.Conn, error) {
	b.mu.Lock()
	b.next++
	order := []string{b.backends[b.next%2], b.backends[(b.next+1)%2]}
	b.mu.Unlock()
	first, err := net.Dial("tcp", order[0])
	if err == nil {
		return first, nil
	}
	second, err2 := net.Dial("tcp", order[1])
	return second, errors.Join(err2)
}

// hand joins a connection to a backend's, until either ends.
func (b *balancer) hand(c net.Conn) {
	defer func() { _ = c.Close() }() // the other side has gone
	back, err := b.dial()
	if err != nil {
		return // both are dead: so is the client's request
	}
	defer func() { _ = back.Close() }() // see above
	go func() {
		_, _ = io.Copy(back, c) // broken is as good as ended
		_ = back.Close()
	}()
	_, _ = io.Copy(c, back) // see above
}
