package rehearsal_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/mailbox"
	"portillon/internal/wire"
)

// together starts two processes' worth of the service at once, on an empty database and an
// empty data directory. The world's tablets reach them in turn, connection by connection.
func together(t *testing.T) (*world, *rehearsal.Server) {
	t.Helper()
	w := &world{t: t, clock: newClock(), log: new(logBuffer), data: t.TempDir(), databases: map[string]string{}}
	name, err := server.Running().Create(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	w.databases[w.data] = server.Running().URL(name)
	var both [2]*rehearsal.Server
	var starting errgroup.Group
	for i := range both {
		starting.Go(func() (err error) {
			both[i], err = rehearsal.Start(context.Background(), rehearsal.Options{
				Data: w.data, Database: w.databases[w.data], Issuer: "https://127.0.0.1:9", Demo: true, Now: w.clock.now,
				Metrics: "127.0.0.1:0", Log: slog.New(slog.NewJSONHandler(w.log, nil)),
			})
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(both[0].Close(context.Background()), both[1].Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	w.Server = both[0]
	conf, err := w.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	w.web = inTurn(conf, w.Issuer, both[0].Addr, both[1].Addr)
	return w, both[1]
}

// inTurn is a client whose every request to the issuer goes to the next of the addresses.
func inTurn(conf *tls.Config, issuer string, addresses ...string) *http.Client {
	var n atomic.Int64
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: conf, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if "https://"+address == issuer {
				address = addresses[int(n.Add(1))%len(addresses)]
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

// TestSeveralProcesses: what one process begins another goes on with, and what was used at
// one is used at the other.
func TestSeveralProcesses(t *testing.T) {
	if !onPostgres {
		return // one file is one process's
	}
	w, other := together(t)
	if w.CAPin != other.CAPin || w.Issuer != other.Issuer {
		t.Fatalf("two services: %s %s, %s %s", w.Issuer, w.CAPin, other.Issuer, other.CAPin)
	}
	tab := w.tablet()
	var proof string
	tab.nonce = tab.once("/challenge", url.Values{}, nil).header.Get(wire.HeaderDPoPNonce) // of one; the next asks the other
	form := url.Values{"client_id": {"portillon"}, "response_type": {"code"}, "login_hint": {camille},
		"code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)}}
	w.want(tab.once("/challenge", form, func(r *http.Request) { proof = r.Header.Get(wire.HeaderDPoP) }), wire.SubCredentialsRequired)
	w.want(tab.once("/challenge", form, func(r *http.Request) { r.Header.Set(wire.HeaderDPoP, proof) }), wire.ErrorInvalidDPoPProof)

	w.want(tab.identify(camille), wire.SubCredentialsRequired)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	code := ""
	eventually(t, "a mail, in the mailbox of whichever process sent it", func() bool {
		for _, box := range []string{w.MailboxURL, other.MailboxURL} {
			for _, m := range messages(t, box, camille) {
				code = codeLine.FindString(m.Text)
			}
		}
		return code != ""
	})
	before := tab.session
	granted := w.want(tab.code(code), "granted")
	tab.session = before
	w.want(tab.code(code), wire.ErrorInvalidSession)
	tokens := w.want(tab.redeem(granted.AuthorizationCode), "tokens")
	again := w.want(tab.post("/token", "grant_type", "refresh_token", "refresh_token", tokens.RefreshToken), "tokens")
	w.want(tab.post("/token", "grant_type", "refresh_token", "refresh_token", tokens.RefreshToken), wire.ErrorInvalidGrant)
	w.want(tab.post("/token", "grant_type", "refresh_token", "refresh_token", again.RefreshToken), wire.ErrorInvalidGrant) // the family ended

	guesser := w.tablet() // wrong passwords count at both together
	guesser.identify(hugo)
	for range 10 {
		guesser.password("faux")
	}
	w.want(guesser.password(hugoPassword), wire.SubTooManyAttempts)
	c := w.staff("responsable")
	if p := c.get(other.CockpitURL + "/personnes"); p.status != http.StatusOK || !strings.Contains(p.text(), "Anne Rousseau") {
		t.Errorf("signed in at one cockpit, at the other: %d", p.status)
	}
}

func messages(t *testing.T, box, to string) []mailbox.Message {
	t.Helper()
	w := &world{t: t, Server: &rehearsal.Server{MailboxURL: box}}
	return w.mails(to)
}

// TestOtherKeys: a process whose keys or CA are not the database's does not start.
func TestOtherKeys(t *testing.T) {
	if !onPostgres {
		return // keys lie beside the file
	}
	w := start(t)
	s, err := rehearsal.Start(t.Context(), rehearsal.Options{Data: t.TempDir(), Database: w.databases[w.data], Demo: true})
	if !errors.Is(err, rehearsal.ErrOtherKeys) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, %v", s, err)
	}
	s, err = rehearsal.Start(t.Context(), rehearsal.Options{Data: w.data, Demo: true})
	if !errors.Is(err, rehearsal.ErrDataInUse) {
		t.Errorf("a service on SQLite beside it in one data directory: %v, %v", s, err)
	}
}

// TestDatabaseAway: without its database the service asks to come back, says so to its
// operator, and goes on as soon as the database is back, with what it had acknowledged.
func TestDatabaseAway(t *testing.T) {
	if !onPostgres {
		return // a file does not go away
	}
	w := start(t, func(o *rehearsal.Options) { o.Metrics = "127.0.0.1:0" })
	tab := w.tablet()
	w.want(tab.identify(camille), wire.SubCredentialsRequired)
	door(t, w, "/readyz", http.StatusOK)
	c := w.staff("responsable")
	if err := server.Running().Kill(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if a := w.want(tab.password(camillePassword), wire.ErrorTemporarilyUnavailable); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("answered %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
		}
	}
	door(t, w, "/readyz", http.StatusServiceUnavailable)
	door(t, w, "/healthz", http.StatusOK)
	if p := c.see("/personnes"); p.status != http.StatusServiceUnavailable {
		t.Errorf("the cockpit answered %d", p.status)
	}
	if err := server.Running().Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready again", func() bool {
		res, err := http.Get("http://" + w.MetricsAddr + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	w.want(tab.password(camillePassword), "granted")
	if p := c.see("/personnes"); p.status != http.StatusOK {
		t.Errorf("the cockpit answered %d", p.status)
	}
	if s := w.log.String(); !strings.Contains(s, "database is away") || strings.Contains(s, camillePassword) {
		t.Error("the log does not say that the database was away")
	}
}
