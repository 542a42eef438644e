package egress

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// questionID is not to be guessed by whoever else may speak to our socket.
func questionID() uint16 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return binary.BigEndian.Uint16(b[:])
}

// serveTCP answers until the listener is closed.
func (g *Guard) serveTCP(ctx context.Context, l net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("egress: accept: %w", err)
		}
		if !g.clients.TryAcquire(1) {
			g.hangUp(conn)
			continue
		}
		all.Go(func() {
			defer g.clients.Release(1)
			defer g.hangUp(conn)
			defer context.AfterFunc(ctx, func() { g.hangUp(conn) })()
			g.converse(ctx, conn)
		})
	}
}

// converse answers questions on one connection, RFC 7766 §6.2.1, until the client stops.
func (g *Guard) converse(ctx context.Context, conn net.Conn) {
	for {
		if conn.SetDeadline(time.Now().Add(clientLimit)) != nil {
			return // closed
		}
		packet, err := readMessage(conn, maxMessage)
		if err != nil {
			return // it has gone, or speaks something else
		}
		reply, err := g.handle(ctx, packet)
		if err != nil || writeMessage(conn, reply) != nil {
			return // no query, or nobody to answer
		}
	}
}

func (g *Guard) hangUp(conn net.Conn) {
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		g.Log.Debug("close", "err", err)
	}
}

// serveUDP answers until the socket is closed. An answer is never longer than 32 addresses of
// 28 bytes, which loopback carries whole.
func (g *Guard) serveUDP(ctx context.Context, u net.PacketConn) error {
	var all sync.WaitGroup
	defer all.Wait()
	buf := make([]byte, maxMessage)
	for {
		n, from, err := u.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil || !g.clients.TryAcquire(1) {
			continue // an ICMP error of an earlier answer; or too many: it asks again
		}
		packet := append([]byte(nil), buf[:n]...)
		all.Go(func() {
			defer g.clients.Release(1)
			reply, err := g.handle(ctx, packet)
			if err != nil {
				return // no query: no answer
			}
			if _, err := u.WriteTo(reply, from); err != nil {
				g.Log.Debug("answer", "err", err)
			}
		})
	}
}

// kept are the newest answers.
type kept struct {
	mu  sync.Mutex
	all map[keptKey]keptAnswer
}

type keptKey struct {
	name  string
	qtype dnsmessage.Type
}

type keptAnswer struct {
	answer
	until time.Time
}

func (k *kept) get(name string, qtype dnsmessage.Type) (answer, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a, ok := k.all[keptKey{name, qtype}]
	return a.answer, ok && time.Now().Before(a.until)
}

// put replaces; there are no more keys than listed names.
func (k *kept) put(name string, qtype dnsmessage.Type, a answer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = map[keptKey]keptAnswer{}
	}
	k.all[keptKey{name, qtype}] = keptAnswer{a, time.Now().Add(recall)}
}
