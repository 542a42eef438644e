package command_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/rehearsal/people"
	"portillon/internal/wire"
)

// underWay is how many requests a service has begun to read when it is told to stop.
const underWay = 24

// TestStopped: told to stop in the middle of a crowd, the service answers every request that
// it has begun, takes no new one, and leaves a database with nothing half-written. The mails
// it promised go out when it is back.
func TestStopped(t *testing.T) {
	h := enter(t)
	load, stop := context.WithCancel(t.Context())
	defer stop()
	var crowd sync.WaitGroup
	for i := range claimants {
		crowd.Go(func() { h.claims(load, i) })
	}
	crowd.Go(func() { h.storms(load) })
	h.until("a crowd", h.ledger.more(40))
	begun := h.beginMany()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(h.issuer, "https://")
	h.until("no new connection", func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return errors.Is(err, syscall.ECONNREFUSED)
		}
		_ = c.Close() // the door is still open
		return false
	})
	for _, r := range begun {
		close(r.gate)
	}
	for i, r := range begun {
		if err := <-r.done; err != nil {
			t.Errorf("request %d that was under way: %v", i, err)
		}
	}
	if err := h.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, h.stderr(t))
	}
	h.inspect()
	h.restart()
	h.until("more logins after that", h.ledger.more(50))
	stop()
	crowd.Wait()
	h.audit()
	h.stop(t)
	t.Logf("%d requests under way, all answered; %s", len(begun), h.ledger)
}

// pending is a request whose form is not sent yet.
type pending struct {
	read chan struct{} // closed when the service wants the form
	gate chan struct{} // closed to send it
	done chan error
}

// gated is a form that is sent once the gate opens.
type gated struct {
	io.Reader
	gate chan struct{}
}

func (g gated) Read(b []byte) (int, error) {
	<-g.gate
	return g.Reader.Read(b)
}

// beginMany begins logins, each on a connection of its own, and returns when the service has
// asked for every one's form ("100 Continue"): it is reading them.
func (h *hall) beginMany() []*pending {
	h.t.Helper()
	out := make([]*pending, underWay)
	for i := range out {
		p := &pending{make(chan struct{}), make(chan struct{}), make(chan error, 1)}
		out[i] = p
		go func() { p.done <- h.begin(people.StormAddress(firstClaim-1-i), p) }()
	}
	for _, p := range out {
		select {
		case <-p.read:
		case err := <-p.done:
			h.t.Fatalf("before its form was sent: %v", err)
		case <-time.After(patience):
			h.t.Fatal("the service does not ask for a form")
		}
	}
	return out
}

func (h *hall) begin(address string, p *pending) error {
	web, closeIdle, err := h.client()
	if err != nil {
		return err
	}
	defer closeIdle()
	key, err := dpop.NewKey()
	if err != nil {
		return err
	}
	target := h.issuer + challenge
	proof, err := key.Proof(dpop.Params{Method: http.MethodPost, URL: target}, time.Now())
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(verifier))
	form := url.Values{"client_id": {"portillon"}, "response_type": {"code"}, "login_hint": {address},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}.Encode()
	var once sync.Once
	ctx := httptrace.WithClientTrace(h.t.Context(), &httptrace.ClientTrace{Got100Continue: func() { once.Do(func() { close(p.read) }) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, gated{bytes.NewReader([]byte(form)), p.gate})
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(form))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Expect", "100-continue")
	req.Header.Set("DPoP", proof)
	res, err := web.Do(req)
	if err != nil {
		return err
	}
	var got reply
	if err := errors.Join(json.NewDecoder(res.Body).Decode(&got), res.Body.Close()); err != nil {
		return err
	}
	if got.Suberror != wire.SubCredentialsRequired {
		return errors.New("answered " + got.Error + " " + got.Suberror)
	}
	return nil
}
