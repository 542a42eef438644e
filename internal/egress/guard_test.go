package egress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// resolverFake answers like a local resolver, on loopback.
type resolverFake struct {
	mu    sync.Mutex
	names map[string][]string // "name type" → addresses
	asked []string
}

func (f *resolverFake) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go f.accept(l)
	return l.Addr().String()
}

func (f *resolverFake) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			for {
				b, err := readMessage(c, 512)
				if err != nil {
					return
				}
				q, err := parseQuery(b)
				if err != nil {
					return
				}
				reply, err := q.pack(f.answer(q))
				if err != nil || writeMessage(c, reply) != nil {
					return
				}
			}
		}()
	}
}

func (f *resolverFake) answer(q query) answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := q.name.String() + " " + strings.TrimPrefix(q.qtype.String(), "Type")
	f.asked = append(f.asked, key)
	a := answer{ttl: 10 * time.Second, code: dnsmessage.RCodeNameError}
	for _, s := range f.names[key] {
		a.code = dnsmessage.RCodeSuccess
		a.addrs = append(a.addrs, addrs(s)...)
	}
	return a
}

// loads records what is brought into force.
type loads struct {
	mu   sync.Mutex
	all  []string
	fail error
}

func (l *loads) load(_ context.Context, script string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, script)
	return l.fail
}

func (l *loads) scripts() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

func rules(hosts []string) (string, error) { return fmt.Sprintf("rules %v\n", hosts), nil }

// stand starts a guard on loopback and gives a resolver that asks it, as the supervisor does.
func stand(t *testing.T, f *resolverFake, l *loads, verify func() ([]string, error)) (*net.Resolver, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	g := New(Options{Verify: verify, Rules: rules, Load: l.load, Upstream: f.serve(t), Log: slog.New(slog.NewTextHandler(log, nil))})
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx, tcp, udp) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var d net.Dialer
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, tcp.Addr().String())
	}}, log
}

func listed() ([]string, error) {
	return []string{"auth.example:443", "evaluation.example:8443", "192.0.2.9:443"}, nil
}

func TestGuardOpensBeforeItAnswers(t *testing.T) {
	f := &resolverFake{names: map[string][]string{
		"auth.example. A": {"192.0.2.1", "127.0.0.1", "224.0.0.1"}, "auth.example. AAAA": {"2001:db8::1", "fe80::1", "::ffff:192.0.2.7"}}}
	l := &loads{}
	r, _ := stand(t, f, l, listed)
	got, err := r.LookupHost(t.Context(), "AUTH.example.")
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []string{"192.0.2.1", "2001:db8::1"}) {
		t.Errorf("%v %v", got, err)
	}
	all := strings.Join(l.scripts(), "")
	for _, want := range []string{"rules [auth.example:443 evaluation.example:8443 192.0.2.9:443]", "hosts4 { 192.0.2.9 . 443 timeout 3600s",
		"hosts4 { 192.0.2.1 . 443 timeout 300s", "hosts6 { 2001:db8::1 . 443 timeout 300s"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
	for _, never := range []string{"127.0.0.1", "224.0.0.1", "fe80", "192.0.2.7"} {
		if strings.Contains(all, never) {
			t.Errorf("%s was opened", never)
		}
	}
	// Asked again at once: nobody is bothered.
	before := len(l.scripts())
	if _, err := r.LookupHost(t.Context(), "auth.example."); err != nil || len(l.scripts()) != before {
		t.Errorf("%v, %d scripts after %d", err, len(l.scripts()), before)
	}
}

// TestGuardRefuses: a name off the list is nobody's business beyond this tablet, nor is any
// other record, and an address that could not be opened is not told.
func TestGuardRefuses(t *testing.T) {
	f := &resolverFake{names: map[string][]string{"auth.example. A": {"192.0.2.1"}, "evil.example. A": {"192.0.2.66"}}}
	l := &loads{}
	r, log := stand(t, f, l, listed)
	for _, name := range []string{"evil.example.", "x.auth.example.", "c2VjcmV0.evil.example.", "example."} {
		if got, err := r.LookupHost(t.Context(), name); err == nil {
			t.Errorf("%s is %v", name, got)
		}
	}
	if got, err := r.LookupTXT(t.Context(), "auth.example."); err == nil {
		t.Errorf("TXT: %v", got)
	}
	f.mu.Lock()
	if len(f.asked) > 0 {
		t.Errorf("the resolver was asked %v", f.asked)
	}
	f.mu.Unlock()
	l.mu.Lock()
	l.fail = ErrNft
	l.mu.Unlock()
	if got, err := r.LookupHost(t.Context(), "auth.example."); err == nil {
		t.Errorf("told, and not open: %v", got)
	}
	if !strings.Contains(log.String(), "not resolved") {
		t.Error("nothing was logged")
	}
}

// TestGuardWaits: until the configuration is accepted nothing is let out, then it is.
func TestGuardWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &loads{}
		ready := false
		g := New(Options{Rules: rules, Load: l.load, Log: slog.New(slog.DiscardHandler), Verify: func() ([]string, error) {
			if !ready {
				return nil, errors.New("not signed")
			}
			return listed()
		}})
		if err := g.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			if err := g.keep(ctx); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(5 * RetryVerify)
		if got := l.scripts(); len(got) != 1 || got[0] != "rules []\n" {
			t.Errorf("before: %q", got)
		}
		if a := g.resolve(ctx, query{name: dnsmessage.MustNewName("auth.example."), qtype: dnsmessage.TypeA}); a.code != dnsmessage.RCodeRefused {
			t.Errorf("answered %v", a)
		}
		ready = true
		time.Sleep(2 * RetryVerify)
		if got := l.scripts(); len(got) != 3 || !strings.Contains(got[1], "auth.example:443") || !strings.Contains(got[2], "192.0.2.9") {
			t.Errorf("after: %q", got)
		}
		time.Sleep(holdMax) // what the configuration gives as an address never runs out
		if got := l.scripts(); len(got) < 5 || !strings.Contains(got[4], "192.0.2.9") {
			t.Errorf("an hour later: %q", got)
		}
	})
}

// TestGuardNeedsItsFirewall: one that cannot be loaded is the end.
func TestGuardNeedsItsFirewall(t *testing.T) {
	for _, verify := range []func() ([]string, error){listed, func() ([]string, error) { return nil, errors.New("no") }} {
		g := New(Options{Verify: verify, Rules: rules, Load: (&loads{fail: ErrNft}).load, Log: slog.New(slog.DiscardHandler)})
		if err := g.begin(t.Context()); !errors.Is(err, ErrNft) {
			t.Error(err)
		}
	}
}
