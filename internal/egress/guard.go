package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sync/semaphore"

	"portillon/internal/lockdown"
)

// Options is what a Guard works with. All are required.
type Options struct {
	// Verify returns config.Config's EgressHosts once the configuration is accepted; an error
	// before that. It is asked again every RetryVerify until it is content, then never more: a
	// signature that expires during an exam does not end it.
	Verify func() ([]string, error)
	// Rules renders the ruleset for those hosts, or for none.
	Rules func(hosts []string) (string, error)
	// Load brings a script into force (Nft.Load).
	Load func(ctx context.Context, script string) error
	// Upstream is the resolver, host:port, asked over TCP; a local one, as a rule.
	Upstream string
	Log      *slog.Logger
}

// Times of a Guard.
const (
	RetryVerify = 2 * time.Second
	// holdMin and holdMax bound how long an address stays open after it was asked for, between
	// which the record's own time to live decides. A connection that stands outlives it.
	holdMin, holdMax = 5 * time.Minute, time.Hour
	// tellMax bounds what a client may keep, well under holdMin: what it dials is open.
	tellMax = time.Minute
	// recall is how long an answer is given again without asking: a client that asks and asks
	// costs nothing.
	recall      = 5 * time.Second
	askLimit    = 4 * time.Second // resolvers repeat after 5 s
	clientLimit = 10 * time.Second
	lookups     = 4  // under way at once
	clients     = 64 // connections and datagrams under way at once
	maxMessage  = 1232
)

// Guard answers questions about listed names and opens what it answers.
type Guard struct {
	Options
	names   atomic.Pointer[Names]
	lookups *semaphore.Weighted
	clients *semaphore.Weighted
	kept    kept
}

// New makes a Guard that knows no name yet.
func New(o Options) *Guard {
	g := &Guard{Options: o, lookups: semaphore.NewWeighted(lookups), clients: semaphore.NewWeighted(clients)}
	g.names.Store(&Names{})
	return g
}

// Run brings the ruleset into force, then serves until ctx ends (nil) or the firewall or a
// socket fails for good. It closes both sockets.
func (g *Guard) Run(ctx context.Context, tcp net.Listener, udp net.PacketConn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := g.begin(ctx); err != nil {
		return errors.Join(err, tcp.Close(), udp.Close())
	}
	failed := make(chan error, 3)
	go func() { failed <- g.serveTCP(ctx, tcp) }()
	go func() { failed <- g.serveUDP(ctx, udp) }()
	go func() { failed <- g.keep(ctx) }()
	var first error
	for n := range 3 {
		err := <-failed
		if ctx.Err() == nil {
			first = err
		}
		if n == 0 { // the others end with it
			cancel()
			first = errors.Join(first, tcp.Close(), udp.Close())
		}
	}
	return first
}

// begin loads what the configuration allows, or a ruleset that lets nothing out.
func (g *Guard) begin(ctx context.Context) error {
	err := g.verify(ctx)
	if _, refused := errors.AsType[*refusal](err); !refused {
		return err
	}
	g.Log.Warn("nothing is let out: the configuration is not accepted", "err", err)
	rules, err := g.Rules(nil)
	if err != nil {
		return err
	}
	return g.Load(ctx, rules)
}

// refusal is Verify's error, told from the firewall's.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// verify asks once whether the configuration is accepted, and acts on it.
func (g *Guard) verify(ctx context.Context) error {
	hosts, err := g.Verify()
	if err != nil {
		return &refusal{err}
	}
	names, err := NewNames(hosts)
	if err != nil {
		return &refusal{err}
	}
	rules, err := g.Rules(hosts)
	if err != nil {
		return err
	}
	if err := g.Load(ctx, rules); err != nil {
		return err
	}
	g.names.Store(&names)
	g.Log.Info("configuration accepted", "hosts", len(hosts))
	return g.openFixed(ctx)
}

// openFixed renews the addresses that the configuration itself names.
func (g *Guard) openFixed(ctx context.Context) error {
	return g.open(ctx, g.names.Load().Fixed, holdMax)
}

func (g *Guard) open(ctx context.Context, addrs []netip.AddrPort, hold time.Duration) error {
	script, err := lockdown.Elements(addrs, hold)
	if err != nil || script == "" {
		return err
	}
	return g.Load(ctx, script)
}

// keep verifies until it succeeds, and renews what does not come by questions.
func (g *Guard) keep(ctx context.Context) error {
	retry := time.NewTicker(RetryVerify)
	defer retry.Stop()
	renew := time.NewTicker(holdMax / 3)
	defer renew.Stop()
	waiting := g.names.Load().ports == nil
	last := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-renew.C:
			if err := g.openFixed(ctx); err != nil {
				g.Log.Error("fixed addresses not renewed", "err", err)
			}
		case <-retry.C:
			if !waiting {
				continue
			}
			err := g.verify(ctx)
			if err == nil {
				waiting = false
			} else if err.Error() != last {
				last = err.Error()
				g.Log.Warn("nothing is let out", "err", err)
			}
		}
	}
}

// resolve answers one question.
func (g *Guard) resolve(ctx context.Context, q query) answer {
	name := canonical(q.name.String())
	ports := g.names.Load().Ports(name)
	switch {
	case len(ports) == 0:
		return answer{code: dnsmessage.RCodeRefused}
	case q.qtype != dnsmessage.TypeA && q.qtype != dnsmessage.TypeAAAA:
		return answer{} // the name exists, records of that kind do not
	}
	if g.lookups.Acquire(ctx, 1) != nil {
		return answer{code: dnsmessage.RCodeServerFailure}
	}
	defer g.lookups.Release(1)
	if a, ok := g.kept.get(name, q.qtype); ok {
		return a
	}
	a, err := g.lookUp(ctx, name, q.qtype, ports)
	if err != nil {
		g.Log.Warn("not resolved", "name", name, "err", err)
		return answer{code: dnsmessage.RCodeServerFailure}
	}
	g.kept.put(name, q.qtype, a)
	return a
}

// lookUp asks the resolver and opens what it says, before anybody hears of it.
func (g *Guard) lookUp(ctx context.Context, name string, qtype dnsmessage.Type, ports []uint16) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	a, err := g.upstream(ctx, name, qtype)
	if err != nil {
		return answer{}, err
	}
	var open []netip.AddrPort
	for _, addr := range a.addrs {
		for _, port := range ports {
			open = append(open, netip.AddrPortFrom(addr, port))
		}
	}
	if err := g.open(ctx, open, min(max(a.ttl, holdMin), holdMax)); err != nil {
		return answer{}, err
	}
	a.ttl = min(a.ttl, tellMax)
	return a, nil
}

// upstream asks the resolver, in words of our own.
func (g *Guard) upstream(ctx context.Context, name string, qtype dnsmessage.Type) (a answer, err error) {
	id := questionID()
	packet, err := ask(id, name, qtype)
	if err != nil {
		return answer{}, err
	}
	var d net.Dialer
	d.SetMultipathTCP(false)
	conn, err := d.DialContext(ctx, "tcp", g.Upstream)
	if err != nil {
		return answer{}, fmt.Errorf("egress: resolver: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return answer{}, fmt.Errorf("egress: resolver: %w", err)
		}
	}
	if err := writeMessage(conn, packet); err != nil {
		return answer{}, fmt.Errorf("egress: resolver: %w", err)
	}
	got, err := readMessage(conn, 1<<16-1)
	if err != nil {
		return answer{}, fmt.Errorf("egress: resolver: %w", err)
	}
	return parseAnswer(got, id, qtype)
}

// handle turns a query's bytes into an answer's.
func (g *Guard) handle(ctx context.Context, packet []byte) ([]byte, error) {
	q, err := parseQuery(packet)
	if err != nil {
		return nil, err
	}
	return q.pack(g.resolve(ctx, q))
}

// writeMessage and readMessage are RFC 1035 §4.2.2: two bytes of length, then the message.
func writeMessage(w io.Writer, b []byte) error {
	_, err := w.Write(append([]byte{byte(len(b) >> 8), byte(len(b))}, b...))
	return err
}

func readMessage(r io.Reader, limit int) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(head[0])<<8 | int(head[1])
	if n > limit {
		return nil, ErrMessage
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}
