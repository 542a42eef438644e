package rehearsal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// relay is a mail server that does as it is told, in plain text on loopback.
type relay struct {
	mu    sync.Mutex
	say   *smtp.SMTPError // nil: take the message
	tried int
	taken []string
}

func (r *relay) NewSession(*smtp.Conn) (smtp.Session, error) { return r, nil }
func (r *relay) Reset()                                      {}
func (r *relay) Logout() error                               { return nil }
func (r *relay) Mail(string, *smtp.MailOptions) error        { return nil }

func (r *relay) Rcpt(string, *smtp.RcptOptions) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried++
	if r.say != nil {
		return r.say
	}
	return nil
}

func (r *relay) Data(rd io.Reader) error {
	b, err := io.ReadAll(rd)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, string(b))
	return err
}

func (r *relay) answers(say *smtp.SMTPError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.say = say
}

func (r *relay) seen() (tried, taken int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried, len(r.taken)
}

// serve listens on addr until the test ends.
func (r *relay) serve(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(r)
	s.Domain = "localhost"
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func through(addr string) func(*rehearsal.Options) {
	return func(o *rehearsal.Options) { o.SMTP = &mail.SMTP{Addr: addr, TLS: mail.TLSNone} }
}

func (w *world) queued() (n int) {
	w.t.Helper()
	err := w.DB.Read(w.t.Context(), func(tx *store.Tx) (err error) {
		n, err = tx.Mails()
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// idle waits until no mail waits.
func (w *world) idle() {
	w.t.Helper()
	eventually(w.t, "the queue to be empty", func() bool { return w.queued() == 0 })
}

func (w *world) asksForCode() *tablet {
	w.t.Helper()
	tab := w.tablet()
	tab.identify(camille)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	return tab
}

func TestMailSurvivesARestart(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil { // nobody listens there now
		t.Fatal(err)
	}
	w := start(t, through(addr))
	w.asksForCode()
	eventually(t, "a first try", func() bool { return strings.Contains(w.log.String(), "mail delayed") })
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := new(relay)
	r.serve(t, addr)
	w.clock.advance(20 * time.Second)
	w.startAgain(through(addr))
	eventually(t, "the mail after the restart", func() bool { _, taken := r.seen(); return taken == 1 })
	eventually(t, "the queue to be empty", func() bool { return w.queued() == 0 })
}

func TestRelayRefuses(t *testing.T) {
	busy := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later, " + camille}
	never := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user " + camille}
	t.Run("for now", func(t *testing.T) {
		r := &relay{say: busy}
		w := start(t, through(r.serve(t, "127.0.0.1:0")))
		w.asksForCode()
		eventually(t, "a delay", func() bool { return strings.Contains(w.log.String(), "mail delayed") })
		r.answers(nil)
		w.clock.advance(2 * time.Second)
		eventually(t, "the mail", func() bool { _, taken := r.seen(); return taken == 1 })
		eventually(t, "the queue to be empty", func() bool { return w.queued() == 0 })
		w.noPerson()
	})
	t.Run("for good", func(t *testing.T) {
		r := &relay{say: never}
		w := start(t, through(r.serve(t, "127.0.0.1:0")))
		w.asksForCode()
		eventually(t, "giving up", func() bool { return w.queued() == 0 })
		if tried, taken := r.seen(); tried != 1 || taken != 0 {
			t.Errorf("tried %d times, %d taken", tried, taken)
		}
		w.noPerson()
	})
	t.Run("until the code expired", func(t *testing.T) {
		r := &relay{say: busy}
		w := start(t, through(r.serve(t, "127.0.0.1:0")))
		w.asksForCode()
		eventually(t, "a delay", func() bool { return strings.Contains(w.log.String(), "mail delayed") })
		r.answers(nil)
		w.clock.advance(181 * time.Second)
		eventually(t, "giving up", func() bool { return w.queued() == 0 })
		if _, taken := r.seen(); taken != 0 {
			t.Error("an expired code was mailed")
		}
	})
}

// noPerson fails where the log names somebody; mail servers quote recipients.
func (w *world) noPerson() {
	w.t.Helper()
	if strings.Contains(w.log.String(), "camille") || strings.Contains(w.log.String(), "@") {
		w.t.Errorf("the log names a person:\n%s", w.log)
	}
}

func TestWithoutSTARTTLSNothingIsSent(t *testing.T) {
	r := new(relay)
	addr := r.serve(t, "127.0.0.1:0")
	w := start(t, func(o *rehearsal.Options) { o.SMTP = &mail.SMTP{Addr: addr, TLS: mail.TLSStart} })
	w.asksForCode()
	eventually(t, "a delay", func() bool { return strings.Contains(w.log.String(), "mail delayed") })
	if tried, _ := r.seen(); tried != 0 {
		t.Error("a code was about to cross the network in the clear")
	}
}

// TestCanaries logs in every way and then looks for what must not be found: codes,
// passwords and tokens in the data directory and the log, people in the log.
func TestCanaries(t *testing.T) {
	r := &relay{say: &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}}
	w := start(t, through(r.serve(t, "127.0.0.1:0")))
	tab := w.asksForCode()
	eventually(t, "a delay", func() bool { return strings.Contains(w.log.String(), "mail delayed") })
	waiting := w.files() // while the mail waits
	r.answers(nil)
	w.clock.advance(2 * time.Second)
	eventually(t, "the mail", func() bool { _, taken := r.seen(); return taken == 1 })
	code := codeLine.FindString(strings.ReplaceAll(r.taken[0], "\r", ""))
	if code == "" {
		t.Fatalf("no code in %q", r.taken[0])
	}
	session := tab.session
	byCode := w.want(tab.code(code), "granted")
	tab.identify(camille)
	byPassword := w.want(tab.password(camillePassword), "granted")
	tok := w.want(tab.redeem(byPassword.AuthorizationCode), "tokens")
	w.want(tab.post("/challenge", "password", "mot-de-passe-perdu", "auth_session", "perdu-aussi"), wire.ErrorInvalidSession)

	secrets := map[string]string{
		"code": code, "password": camillePassword, "auth_session": session, "authorization code": byCode.AuthorizationCode,
		"access token": tok.AccessToken, "refresh token": tok.RefreshToken, "id_token": tok.IDToken,
		"stray password": "mot-de-passe-perdu", "verifier": tab.verifier, "storm password": "Tempete-2026!",
	}
	everywhere := map[string][]byte{"log": []byte(w.log.String())}
	for name, b := range w.files() {
		everywhere[name] = b
	}
	for name, b := range waiting {
		everywhere["waiting "+name] = b
	}
	for what, secret := range secrets {
		for where, b := range everywhere {
			// Six digits may come by chance in binary files; only a string of its own counts.
			pattern := regexp.MustCompile(`(^|[^0-9A-Za-z])` + regexp.QuoteMeta(secret) + `($|[^0-9A-Za-z])`)
			if what == "code" && pattern.Match(b) || what != "code" && bytes.Contains(b, []byte(secret)) {
				t.Errorf("the %s is in %s", what, where)
			}
		}
	}
	for where, b := range waiting {
		if bytes.Contains(b, []byte("connexion à Compte UNESS")) {
			t.Errorf("the waiting mail can be read in %s", where)
		}
	}
	w.noPerson()
}

// files reads the whole data directory, and the database where it is not in there.
func (w *world) files() map[string][]byte {
	w.t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[d.Name()] = b
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if onPostgres {
		maps.Copy(out, w.rows())
	}
	return out
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	try := func(o rehearsal.Options) error {
		s, err := rehearsal.Start(t.Context(), o)
		if err == nil {
			_ = s.Close(context.Background()) // it should not have started
		}
		return err
	}
	w := start(t)
	if err := try(rehearsal.Options{Data: w.data, Demo: true}); !errors.Is(err, rehearsal.ErrDataInUse) {
		t.Errorf("a second service on the same data: %v", err)
	}
	host := strings.TrimPrefix(w.Issuer, "https://")
	if err := try(rehearsal.Options{Data: t.TempDir(), Demo: true, Listen: host}); err == nil || !strings.Contains(err.Error(), host) {
		t.Errorf("a busy port: %v", err)
	}
	for name, o := range map[string]rehearsal.Options{
		"no data":     {Demo: true},
		"no relay":    {Data: t.TempDir()},
		"no host":     {Data: t.TempDir(), Demo: true, Listen: "0.0.0.0:0"},
		"bad address": {Data: t.TempDir(), Demo: true, Listen: "ici"},
	} {
		if err := try(o); !errors.Is(err, rehearsal.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Public passwords are not to be served as a real service.
	if err := try(rehearsal.Options{Data: w.data, Database: w.databases[w.data], SMTP: &mail.SMTP{Addr: "127.0.0.1:25", TLS: mail.TLSNone}}); err == nil ||
		!strings.Contains(err.Error(), "--demo") {
		t.Errorf("demonstration data without --demo: %v", err)
	}
}

func TestServiceSurvivesARestart(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	tab.identify(camille)
	tok := w.want(tab.redeem(tab.password(camillePassword).AuthorizationCode), "tokens")
	pin := w.CAPin
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.startAgain()
	if w.CAPin != pin {
		t.Error("the CA changed: tablets that pin it would refuse the service")
	}
	w.want(tab.post("/token", "grant_type", "refresh_token", "refresh_token", tok.RefreshToken), "tokens")
}

// TestWithoutDemo is the service as a centre runs it: its own relay, its own people,
// its own tablets.
func TestWithoutDemo(t *testing.T) {
	r := new(relay)
	addr := r.serve(t, "127.0.0.1:0")
	w := start(t, through(addr), func(o *rehearsal.Options) { o.Demo = false })
	if w.MailboxURL != "" {
		t.Error("a mailbox without --demo")
	}
	const csv = "address,name,password\nalice.martin@etu.univ-uness.fr,Alice Martin,Alice-2026!\n"
	if n, err := people.Import(t.Context(), w.DB, strings.NewReader(csv), w.clock.now()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	stranger, tab := w.tablet(), w.known()
	w.want(stranger.identify(nobody), wire.SubCredentialsRequired) // loopback or not
	w.want(tab.identify(nobody), wire.SubAccountUnknown)
	w.want(tab.identify("alice.martin@etu.univ-uness.fr"), wire.SubCredentialsRequired)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	eventually(t, "the mail", func() bool { _, taken := r.seen(); return taken == 1 })
	code := codeLine.FindString(strings.ReplaceAll(r.taken[0], "\r", ""))
	w.want(tab.redeem(w.want(tab.code(code), "granted").AuthorizationCode), "tokens")
	tab.session = ""
	tab.identify("alice.martin@etu.univ-uness.fr")
	w.want(tab.password("Alice-2026!"), "granted")
}
