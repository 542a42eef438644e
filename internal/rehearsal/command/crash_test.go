package command_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"portillon/internal/backoff"
	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/fipa"
	"portillon/internal/rehearsal/people"
	"portillon/internal/storm"
)

// patience is how long anything may take that is not a wait by design; the machine may
// be busy.
const patience = 2 * time.Minute

// claimants are who asks for codes and renews, at once; storms of passwords come beside.
const (
	claimants  = 8
	stormers   = 12
	firstClaim = 2000 // the claimants' accounts are from here on, each used once, the storms' below
)

// hall is a service that dies and comes back at the same address, on the same data, with a
// mail server that outlives it. On PostgreSQL it is two processes behind a balancer.
type hall struct {
	*process
	second  *process  // on PostgreSQL
	balance *balancer // the same
	t       *testing.T
	dir     string
	store   string // PostgreSQL's address; "": SQLite
	issuer  string // of all its lives
	command string
	mails   *mailServer
	ledger  *ledger
}

// TestKilled kills the service again and again, in the middle of logins by code and by
// password and of renewals, and once in a while between a mail's arrival and the relay's
// answer. What was acknowledged stays so, nothing happens twice, nothing is half-written.
// CRASHES=100 for more than the ordinary ten.
func TestKilled(t *testing.T) { killed(t, enter(t), 10) }

// TestKilledOnPostgres: the same of two processes behind a balancer: one dies, the other
// serves on; both die; the database dies under both.
func TestKilledOnPostgres(t *testing.T) {
	if h := enterPostgres(t); h != nil {
		killed(t, h, 6)
	}
}

func killed(t *testing.T, h *hall, crashes int) {
	if v := os.Getenv("CRASHES"); v != "" {
		var err error
		if crashes, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	load, stop := context.WithCancel(t.Context())
	defer stop()
	var crowd sync.WaitGroup
	for i := range claimants {
		crowd.Go(func() { h.claims(load, i) })
	}
	crowd.Go(func() { h.storms(load) })
	for i := range crashes {
		switch {
		case i%4 == 3:
			h.killInMail()
		case h.store != "" && i%4 == 2:
			h.killDatabase(5 + dice.IntN(60))
		default:
			h.killAfter(5+dice.IntN(60), i%2)
		}
		h.inspect()
		h.restart()
	}
	h.until("more logins after the last crash", h.ledger.more(50))
	stop()
	crowd.Wait()
	h.audit()
	h.stop(t)
	if h.second != nil {
		h.second.stop(t)
	}
	h.inspect()
	t.Logf("%d kills: %s", crashes, h.ledger)
}

func newHall(t *testing.T) *hall {
	return &hall{t: t, dir: t.TempDir(), mails: &mailServer{copies: map[string]int{}, codes: map[string][]string{}}, ledger: newLedger()}
}

// enter starts the service with the demonstration's people and a mail server of the test's.
func enter(t *testing.T) *hall {
	t.Helper()
	h := newHall(t)
	relay := h.mails.serve(t)
	const options = "exec rehearsal serve --demo --code-resend 0s --require-dpop-nonce=false --smtp-tls none --smtp %s --data %s --listen %s"
	h.process = serve(t, fmt.Sprintf(options, relay, h.dir, "127.0.0.1:0"))
	h.issuer = h.line["issuer"]
	h.command = fmt.Sprintf(options, relay, h.dir, strings.TrimPrefix(h.issuer, "https://"))
	return h
}

func (h *hall) restart() {
	h.t.Helper()
	if h.store == "" {
		h.process = serve(h.t, h.command)
		return
	}
	for i, p := range []**process{&h.process, &h.second} {
		if *p == nil || (*p).cmd.ProcessState != nil {
			*p = serve(h.t, h.command)
			h.balance.set(i, (*p).line["listen"])
		}
	}
}

// until waits for what others do.
func (h *hall) until(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within %s: %s", patience, what)
		}
		pause(h.t.Context(), 2*time.Millisecond)
	}
}

// pause returns after d, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// killAfter ends the service, as a fault would, once it has answered n requests more; of
// two processes the one called which, 0 or 1.
func (h *hall) killAfter(n, which int) {
	h.t.Helper()
	h.until(fmt.Sprintf("%d answers", n), h.ledger.more(n))
	p := h.process
	if h.second != nil && which == 1 {
		p = h.second
	}
	p.kill(h.t)
}

// killInMail ends it when a mail has arrived and the service does not know it yet.
func (h *hall) killInMail() {
	h.t.Helper()
	arrived, dead := make(chan struct{}), make(chan struct{})
	h.mails.hold(func() {
		close(arrived)
		<-dead
	})
	select {
	case <-arrived:
	case <-time.After(patience):
		h.t.Fatal("no mail")
	}
	h.kill(h.t)
	if h.second != nil { // whichever had the mail
		h.second.kill(h.t)
	}
	close(dead)
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // it says "signal: killed"
}

// storms are students with passwords at tablets with the real adapter, one lecture hall after
// another. Whatever happens to the service, all of them get in.
func (h *hall) storms(ctx context.Context) {
	roots, err := h.roots()
	if err != nil {
		h.t.Error(err)
		return
	}
	for n := 0; ctx.Err() == nil; n++ {
		sum, err := storm.Run(h.t.Context(), storm.Options{
			Tablets: stormers, Arrival: time.Second, Wrong: 0.1, Seed: uint64(n),
			Backoff: backoff.Policy{First: 100 * time.Millisecond, Most: time.Second}, // impatient: more load
			Provider: func(int) (identity.Provider, error) {
				key, err := dpop.NewKey()
				if err != nil {
					return nil, err
				}
				return fipa.New(fipa.Config{Issuer: h.issuer, ClientID: "portillon", Scope: "openid profile",
					RootCAs: roots, Prover: key, Now: time.Now})
			},
			Account: func(i int) storm.Account {
				email, _ := identity.ParseEmail(people.StormAddress((n*stormers+i)%firstClaim + 1)) // well formed
				return storm.Account{Email: email, Password: people.StormPassword}
			},
		})
		if err != nil || sum.LoggedIn != stormers {
			h.t.Errorf("a storm: %v, %d of %d logged in: %v", err, sum.LoggedIn, stormers, sum.Failures)
			return
		}
		h.ledger.count(func(l *ledger) { l.passwords += sum.LoggedIn })
	}
}

// copyData copies the files of a dead service, its log of writes with them.
func (h *hall) copyData() string {
	h.t.Helper()
	dir := h.t.TempDir()
	for _, name := range []string{"rehearsal.db", "rehearsal.db-wal"} {
		b, err := os.ReadFile(filepath.Join(h.dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // it ended properly: the log is gone
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return filepath.Join(dir, "rehearsal.db")
}
