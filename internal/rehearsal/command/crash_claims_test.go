package command_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"portillon/internal/dpop"
	"portillon/internal/rehearsal/people"
	"portillon/internal/wire"
)

// ledger is what the clients were told, from their end.
type ledger struct {
	mu                                        sync.Mutex
	answers                                   int // of any kind
	lost                                      int // requests without an answer
	away                                      int // of them: told that the database is away
	claimed                                   int // accounts taken
	acknowledged, unacknowledged              int // codes asked for
	granted, grantLost, renewals, renewalLost int
	passwords                                 int
	kept                                      []claimant // with a session each, to be proven at the end
}

func newLedger() *ledger { return &ledger{} }

func (l *ledger) count(f func(*ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

// more becomes true after n further answers.
func (l *ledger) more(n int) func() bool {
	var from, now int
	l.count(func(l *ledger) { from = l.answers })
	return func() bool {
		l.count(func(l *ledger) { now = l.answers })
		return now >= from+n
	}
}

func (l *ledger) String() string {
	return fmt.Sprintf("%d answers, %d requests without one (%d told to come back); %d logins by password; %d codes acknowledged and mailed, %d asked for without an answer; "+
		"%d codes accepted, %d such answers lost; %d renewals, %d such answers lost; %d sessions proven at the end",
		l.answers, l.lost, l.away, l.passwords, l.acknowledged, l.unacknowledged, l.granted, l.grantLost, l.renewals, l.renewalLost, len(l.kept))
}

// claimant is one student at one tablet, by code, spelling out each request.
type claimant struct {
	*hall
	web     *http.Client
	key     *dpop.Key
	address string
	refresh string
}

// reply is the answer to one request.
type reply struct {
	status int
	wire.Answer
	RefreshToken string `json:"refresh_token"`
}

// roots are the service's.
func (h *hall) roots() (*x509.CertPool, error) {
	pem, err := os.ReadFile(h.dir + "/ca/ca.pem")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in the CA's file")
	}
	return pool, nil
}

// client trusts the service. HTTP/1.1: one request, one fate.
func (h *hall) client() (*http.Client, func(), error) {
	roots, err := h.roots()
	if err != nil {
		return nil, nil, err
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ExpectContinueTimeout: patience}
	return &http.Client{Transport: tr, Timeout: patience}, tr.CloseIdleConnections, nil
}

// claims takes one account after the other: each asks for one code, gives it (twice at
// once), redeems it, and renews.
func (h *hall) claims(ctx context.Context, id int) {
	web, closeIdle, err := h.client()
	if err != nil {
		h.t.Error(err)
		return
	}
	defer closeIdle()
	for ctx.Err() == nil {
		key, err := dpop.NewKey()
		if err != nil {
			h.t.Error(err)
			return
		}
		c := &claimant{hall: h, web: web, key: key}
		h.ledger.count(func(l *ledger) {
			l.claimed++
			c.address = people.StormAddress(firstClaim + l.claimed)
		})
		if err := c.login(); err != nil {
			h.t.Errorf("claimant %d: %v", id, err)
			return
		}
	}
}

// ask sends a request once; nil: nobody knows what became of it.
func (c *claimant) ask(path string, form url.Values) *reply {
	target := c.issuer + path
	proof, err := c.key.Proof(dpop.Params{Method: http.MethodPost, URL: target}, time.Now())
	if err != nil {
		return nil
	}
	form.Set("client_id", "portillon")
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil
	}
	req.GetBody = nil // the transport sends nothing again by itself
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("DPoP", proof)
	out := new(reply)
	res, err := c.web.Do(req)
	if err == nil {
		err = errors.Join(json.NewDecoder(res.Body).Decode(out), res.Body.Close())
		out.status = res.StatusCode
	}
	if err != nil {
		c.ledger.count(func(l *ledger) { l.lost++ })
		pause(c.t.Context(), 20*time.Millisecond)
		return nil
	}
	if out.status == http.StatusServiceUnavailable { // the database is away
		c.ledger.count(func(l *ledger) { l.lost++; l.away++ })
		pause(c.t.Context(), 50*time.Millisecond)
		return nil
	}
	c.ledger.count(func(l *ledger) { l.answers++ })
	return out
}

// insist asks until there is an answer, and says whether one was lost before it.
func (c *claimant) insist(path string, form url.Values) (out *reply, lost bool, err error) {
	for deadline := time.Now().Add(patience); ; lost = true {
		if out = c.ask(path, form); out != nil {
			return out, lost, nil
		}
		if time.Now().After(deadline) {
			return nil, lost, errors.New("no answer from " + path)
		}
	}
}

const (
	challenge = "/challenge"
	token     = "/token"
	verifier  = "verifier-verifier-verifier-verifier-verifier"
)

func (c *claimant) login() error {
	sum := sha256.Sum256([]byte(verifier))
	begun, _, err := c.insist(challenge, url.Values{"response_type": {"code"}, "login_hint": {c.address}, "scope": {"openid"},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}})
	if err != nil || begun.Suberror != wire.SubCredentialsRequired {
		return fmt.Errorf("begin: %w, %+v", err, begun)
	}
	asked := c.ask(challenge, url.Values{"response_type": {"code"}, "auth_session": {begun.AuthSession}, "otp_channel": {"email"}})
	if asked == nil { // there may be a mail or none: never two
		c.ledger.count(func(l *ledger) { l.unacknowledged++ })
		return c.mailed(0, 1)
	}
	if asked.Suberror != wire.SubOTPRequired {
		return fmt.Errorf("asked for a code: %+v", asked)
	}
	c.ledger.count(func(l *ledger) { l.acknowledged++ })
	if err := c.mailed(1, 1); err != nil {
		return err
	}
	granted, err := c.giveTwice(asked.AuthSession, c.mails.to(c.address)[0])
	if err != nil || granted == nil {
		return err
	}
	return c.redeem(granted.AuthorizationCode)
}

// mailed waits for at least so many mails, and wants no more than most.
func (c *claimant) mailed(least, most int) error {
	deadline := time.Now().Add(patience)
	for len(c.mails.to(c.address)) < least {
		if time.Now().After(deadline) {
			return errors.New("a mail that was promised never came")
		}
		pause(c.t.Context(), 5*time.Millisecond)
	}
	if n := len(c.mails.to(c.address)); n > most {
		return fmt.Errorf("%d mails for one code", n)
	}
	return nil
}

// giveTwice gives a code in two requests at once, and again after each that had no answer.
// nil: the answer that granted it was lost.
func (c *claimant) giveTwice(session, code string) (*reply, error) {
	form := func() url.Values {
		return url.Values{"response_type": {"code"}, "auth_session": {session}, "otp": {code}}
	}
	var mu sync.Mutex
	var granted []*reply
	lost := false
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			out, gone, err := c.insist(challenge, form())
			mu.Lock()
			defer mu.Unlock()
			lost = lost || gone || err != nil
			if err == nil && out.AuthorizationCode != "" {
				granted = append(granted, out)
			}
		})
	}
	both.Wait()
	switch {
	case len(granted) > 1:
		return nil, errors.New("a code was accepted twice")
	case len(granted) == 0 && !lost:
		return nil, errors.New("a good code was not accepted")
	case len(granted) == 0:
		c.ledger.count(func(l *ledger) { l.grantLost++ })
		return nil, nil //nolint:nilnil // that it was lost is no error
	}
	c.ledger.count(func(l *ledger) { l.granted++ })
	return granted[0], nil
}

// redeem makes a session of an authorization code and renews it a few times.
func (c *claimant) redeem(code string) error {
	out, lost, err := c.insist(token, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}})
	for range 4 {
		switch {
		case err != nil:
			return err
		case out.RefreshToken == "" && lost && out.Error == wire.ErrorInvalidGrant:
			// It was done, and the answer lost: the session is gone, never in two hands.
			c.ledger.count(func(l *ledger) { l.renewalLost++ })
			return nil
		case out.RefreshToken == "":
			return fmt.Errorf("what was handed out is not accepted: %d %s", out.status, out.Error)
		}
		c.refresh = out.RefreshToken
		c.ledger.count(func(l *ledger) { l.renewals++ })
		out, lost, err = c.renew()
	}
	if err == nil && out.RefreshToken != "" {
		c.refresh = out.RefreshToken
		c.ledger.count(func(l *ledger) { l.kept = append(l.kept, *c) })
	}
	return err
}

func (c *claimant) renew() (*reply, bool, error) {
	return c.insist(token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}})
}

// audit redeems every session that was acknowledged, over however many crashes, once; and
// looks at all the mail again.
func (h *hall) audit() {
	h.t.Helper()
	for _, c := range h.ledger.kept {
		first, _, err := c.renew()
		if err != nil || first.RefreshToken == "" {
			h.t.Errorf("a session is forgotten: %v %+v", err, first)
			continue
		}
		again, _, err := c.renew()
		if err != nil || again.RefreshToken != "" || again.Error != wire.ErrorInvalidGrant {
			h.t.Errorf("a refresh token was accepted twice: %v", err)
		}
	}
	for i := range h.ledger.claimed {
		if n := len(h.mails.to(people.StormAddress(firstClaim + i + 1))); n > 1 {
			h.t.Errorf("%d mails for one code", n)
		}
	}
	n, most := h.mails.doubles()
	h.t.Logf("%d mails came again with the same Message-ID, none more than %d times", n, most)
}

// inspect looks at the database of a dead service, or of one whose other process lives.
func (h *hall) inspect() {
	h.t.Helper()
	driver, source := "pgx", h.store
	looks := map[string]string{
		"0 logins without a newest token": `SELECT count(*) FROM grants g WHERE (SELECT count(*) FROM refresh_tokens r WHERE r.grant_id = g.id AND r.used_at IS NULL) <> 1`,
		"0 half-used authorization codes": `SELECT count(*) FROM authorization_codes WHERE (used_at IS NULL) <> (grant_id IS NULL)`,
		"0 used codes without one grant": `SELECT count(*) FROM codes c WHERE c.used_at IS NOT NULL
			AND (SELECT count(*) FROM authorization_codes a WHERE a.session_id = c.session_id) <> 1`,
		"0 codes that are not counted": `SELECT count(*) FROM codes c WHERE NOT EXISTS
			(SELECT 1 FROM events e WHERE e.kind = 'send' AND e.subject = c.subject AND e.class = c.class)`,
	}
	if h.store == "" {
		driver, source = "sqlite", h.copyData()
		looks["ok"] = `PRAGMA integrity_check`
		looks["0 rows that name a missing one"] = `SELECT count(*) FROM pragma_foreign_key_check`
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // only read
	for what, q := range looks {
		var got string
		if err := db.QueryRowContext(h.t.Context(), q).Scan(&got); err != nil || !strings.HasPrefix(what+" ", got+" ") {
			h.t.Errorf("want %s, got %s (%v)", what, got, err)
		}
	}
}
