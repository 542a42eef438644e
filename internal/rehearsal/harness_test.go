package rehearsal_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/mailbox"
	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

const (
	camille, camillePassword = "camille.durand@etu.univ-uness.fr", "Camille-2026!"
	yanis, yanisSecondary    = "yanis.benali@etu.univ-uness.fr", "yanis.benali@courriel.example"
	lea                      = "lea.moreau@etu.univ-uness.fr" // no password
	hugo, hugoPassword       = "hugo.lefevre@etu.univ-uness.fr", "Hugo-2026!"
	ines, inesPassword       = "ines.garcia@etu.univ-uness.fr", "Ines-2026!" // blocked
	nobody                   = "cassandre.durand@etu.univ-uness.fr"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

// newClock starts on the day of the annulled exam, so that no test depends on the hour at
// which it runs.
func newClock() *clock {
	return &clock{t: time.Date(2025, time.October, 20, 7, 41, 13, 0, time.UTC)}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a running service with a clock and a log of its own.
type world struct {
	*rehearsal.Server
	t     testing.TB
	clock *clock
	log   *logBuffer
	data  string
	web   *http.Client

	databases map[string]string // on PostgreSQL: by data directory
}

// strangers makes every tablet unknown until it is enrolled.
func strangers(o *rehearsal.Options) {
	o.Policy = oauth.DefaultPolicy()
}

func start(t testing.TB, change ...func(*rehearsal.Options)) *world {
	t.Helper()
	w := &world{t: t, clock: newClock(), log: new(logBuffer), data: t.TempDir(), databases: map[string]string{}}
	w.startAgain(change...)
	return w
}

func (w *world) startAgain(change ...func(*rehearsal.Options)) {
	w.t.Helper()
	o := rehearsal.Options{
		Data: w.data, Demo: true, Now: w.clock.now,
		Log: slog.New(rehearsal.CorrelationHandler{Handler: slog.NewJSONHandler(w.log, nil)}),
	}
	for _, f := range change {
		f(&o)
	}
	o.Database = w.database(o)
	if o.Demo && o.Data == w.data && !onPostgres {
		seed(w.t, w.data)
	}
	srv, err := rehearsal.Start(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Server = srv
	w.t.Cleanup(func() {
		if err := srv.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	conf, err := srv.ClientTLS()
	if err != nil {
		w.t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: conf, MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: true}
	w.t.Cleanup(tr.CloseIdleConnections)
	w.web = &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// seeded is a data directory with the demonstration's accounts, made once: hashing
// and 12,000 rows would be most of every test's time.
var seeded = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "rehearsal")
	if err != nil {
		return nil, err
	}
	s, err := rehearsal.Start(context.Background(), rehearsal.Options{Data: dir, Demo: true})
	if err != nil {
		return nil, err
	}
	if err := s.Close(context.Background()); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, store.File))
	return b, errors.Join(err, os.RemoveAll(dir))
})

// seed gives a data directory without a database the demonstration's.
func seed(t testing.TB, dir string) {
	t.Helper()
	path := filepath.Join(dir, store.File)
	if _, err := os.Stat(path); err == nil {
		return // a restart
	}
	b, err := seeded()
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tablet is a client of the service: one key, one login at a time.
type tablet struct {
	*world
	key      *dpop.Key
	nonce    string
	session  string
	verifier string
}

func (w *world) tablet() *tablet {
	w.t.Helper()
	k, err := dpop.NewKey()
	if err != nil {
		w.t.Fatal(err)
	}
	return &tablet{world: w, key: k, verifier: base64.RawURLEncoding.EncodeToString([]byte(rand.Text() + rand.Text()))}
}

// known is a tablet that has been enrolled.
func (w *world) known() *tablet {
	w.t.Helper()
	tab := w.tablet()
	err := w.DB.Write(w.t.Context(), func(tx *store.Tx) error {
		return tx.EnrolTablet(tab.key.Thumbprint(), "test", w.clock.now())
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return tab
}

// answer is what came back.
type answer struct {
	wire.Answer
	tokenAnswer
	status int
	header http.Header
	raw    string
}

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	IDToken      string `json:"id_token"`
	ExpiresIn    int    `json:"expires_in"`
}

// kind is the answer in one word.
func (a answer) kind() string {
	switch {
	case a.AuthorizationCode != "":
		return "granted"
	case a.AccessToken != "":
		return "tokens"
	case a.Suberror != "":
		return a.Suberror
	case a.Error != "":
		return a.Error
	}
	return "ok"
}

// raw posts a form once, with one proof.
func (tab *tablet) once(path string, form url.Values, edit func(*http.Request)) answer {
	tab.t.Helper()
	target := tab.Issuer + path
	proof, err := tab.key.Proof(dpop.Params{Method: http.MethodPost, URL: target, Nonce: tab.nonce}, tab.clock.now())
	if err != nil {
		tab.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(tab.t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		tab.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set(wire.HeaderDPoP, proof)
	if edit != nil {
		edit(req)
	}
	res, err := tab.web.Do(req)
	if err != nil {
		tab.t.Error(err)
		return answer{}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		tab.t.Error(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: string(body)}
	for _, into := range []any{&a.Answer, &a.tokenAnswer} {
		if err := json.Unmarshal(body, into); err != nil {
			tab.t.Errorf("%s: %v in %q", path, err, body)
		}
	}
	return a
}

// post posts a form, again with the nonce where the service wants one, and keeps the
// newest auth_session.
func (tab *tablet) post(path string, kv ...string) answer {
	tab.t.Helper()
	form := url.Values{"client_id": {"portillon"}}
	for i := 0; i < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	a := tab.once(path, form, nil)
	if a.Error == wire.ErrorUseDPoPNonce {
		tab.nonce = a.header.Get(wire.HeaderDPoPNonce)
		a = tab.once(path, form, nil)
	}
	if a.AuthSession != "" {
		tab.session = a.AuthSession
	}
	return a
}

func (tab *tablet) step(kv ...string) answer {
	tab.t.Helper()
	kv = append(kv, "response_type", "code")
	if tab.session != "" {
		kv = append(kv, "auth_session", tab.session)
	}
	return tab.post("/challenge", kv...)
}

func (tab *tablet) identify(address string) answer {
	tab.t.Helper()
	sum := sha256.Sum256([]byte(tab.verifier))
	return tab.step("login_hint", address, "scope", "openid profile",
		"code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method", "S256")
}

func (tab *tablet) password(p string) answer { tab.t.Helper(); return tab.step("password", p) }
func (tab *tablet) sendCode() answer         { tab.t.Helper(); return tab.step("otp_channel", "email") }
func (tab *tablet) code(c string) answer     { tab.t.Helper(); return tab.step("otp", c) }

func (tab *tablet) redeem(code string) answer {
	tab.t.Helper()
	return tab.post("/token", "grant_type", "authorization_code", "code", code, "code_verifier", tab.verifier)
}

// want checks an answer's kind.
func (w *world) want(a answer, kind string) answer {
	w.t.Helper()
	if a.kind() != kind {
		w.t.Fatalf("answered %s (%d %s), want %s", a.kind(), a.status, a.raw, kind)
	}
	return a
}

// eventually waits for a condition of another process or goroutine.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out: %s", what)
		}
		<-tick.C
	}
}

var codeLine = regexp.MustCompile(`(?m)^\d{6}$`)

// mails reads the mailbox as a phone does.
func (w *world) mails(to string) []mailbox.Message {
	w.t.Helper()
	res, err := http.Get(w.MailboxURL + "/api/messages?to=" + url.QueryEscape(to))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out []mailbox.Message
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// newestCode waits until an address has n mails and reads the newest code.
func (w *world) newestCode(to string, n int) string {
	w.t.Helper()
	var got []mailbox.Message
	eventually(w.t, "a mail", func() bool {
		got = w.mails(to)
		return len(got) >= n
	})
	code := codeLine.FindString(got[0].Text)
	if code == "" {
		w.t.Fatalf("no code in %q", got[0].Text)
	}
	return code
}

func body(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// wrong is a code that is not any of codes.
func wrong(codes ...string) string {
	for i := byte('0'); i <= '9'; i++ {
		c := strings.Repeat(string(i), 6)
		if !strings.Contains(strings.Join(codes, " "), c) {
			return c
		}
	}
	return ""
}
