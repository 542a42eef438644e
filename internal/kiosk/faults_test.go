package kiosk

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/faults"
	"portillon/internal/identity"
	"portillon/internal/identity/fipa"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/people"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
	"portillon/internal/wire"
)

// together is how many cells of the fault matrix run at once: they mostly wait.
const together = "48"

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set(together); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// step is one request of a login.
type step string

const (
	discovery step = "discovery"
	identify  step = "identify"
	passwords step = "password"
	askCode   step = "ask code"
	giveCode  step = "give code"
	token     step = "token"
	keys      step = "keys"
	refresh   step = "refresh"
	revoke    step = "end"
)

func steps() []step {
	return []step{discovery, identify, passwords, askCode, giveCode, token, keys, refresh, revoke}
}

// is reports whether a request is the step's.
func (s step) is(r faults.Request) bool {
	switch s {
	case discovery:
		return r.Path == wire.MetadataPath
	case identify:
		return r.Form.Has(wire.FieldLoginHint)
	case passwords:
		return r.Form.Has(wire.FieldPassword)
	case askCode:
		return r.Form.Has(wire.FieldOTPChannel)
	case giveCode:
		return r.Form.Has(wire.FieldOTP)
	case token:
		return r.Form.Get("grant_type") == "authorization_code"
	case refresh:
		return r.Form.Get("grant_type") == "refresh_token"
	case keys:
		return r.Path == "/jwks"
	case revoke:
		return r.Path == "/revoke"
	}
	return false
}

// secret reports whether the step's request carries what is never sent twice by itself.
func (s step) secret() bool { return s == passwords || s == giveCode || s == token || s == keys }

// ward is the service that all cells share, and its certificates.
type ward struct {
	server *rehearsal.Server
	roots  *x509.CertPool // of the service
	next   atomic.Int64
	// trusted are issuers that tablets trust and do not pin.
	trusted []*x509.Certificate
}

func openWard(t *testing.T) *ward {
	t.Helper()
	policy := oauth.DefaultPolicy()
	policy.EnrolLoopback, policy.CodeResend = true, time.Second
	s, err := rehearsal.Start(t.Context(), rehearsal.Options{Listen: "127.0.0.1:0", Data: t.TempDir(), Demo: true, Policy: policy,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	w := &ward{server: s, roots: x509.NewCertPool()}
	w.roots.AppendCertsFromPEM(pem)
	return w
}

// selfSigned is a certificate of its own for 127.0.0.1, good from a moment to another.
func selfSigned(t *testing.T, from, to time.Time) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "faults"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: from, NotAfter: to, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "faults"}}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, cert
}

// bed is one kiosk, its student and its bad luck.
type bed struct {
	t     *testing.T
	ward  *ward
	k     *Kiosk
	sup   *fakeSupervisor
	proxy *faults.Proxy
	email string
	used  string // the newest code that was read
	stale string // an older one, since another was asked for

	mu   sync.Mutex
	view login.View
	log  bytes.Buffer
}

func (b *bed) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(p)
}

func (b *bed) look() login.View {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view
}

// lie down, with a tablet whose clock is off by so much.
func (w *ward) bed(t *testing.T, off time.Duration) *bed {
	t.Helper()
	now := time.Now()
	certificate, root := selfSigned(t, now.Add(-30*24*time.Hour), now.Add(30*24*time.Hour))
	proxy, err := faults.Start(w.server.Issuer, w.roots, certificate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range w.trusted {
		roots.AddCert(c)
	}
	pin := sha256.Sum256(root.RawSubjectPublicKeyInfo)
	wall := func() time.Time { return time.Now().Add(off) }
	key, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	provider, err := fipa.New(fipa.Config{Issuer: w.server.Issuer, ClientID: "portillon", Scope: "openid profile offline_access",
		Pins: []string{"sha256/" + base64.StdEncoding.EncodeToString(pin[:])}, RootCAs: roots, Dial: proxy.Dial, Prover: prover{key, wall}, Now: wall})
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, ward: w, proxy: proxy, sup: &fakeSupervisor{events: make(chan supervisor.Event)},
		email: people.StormAddress(int(w.next.Add(1)))}
	b.k = New(Options{
		Settings: login.Settings{Domains: []string{"etu.univ-uness.fr"}, IdleReset: 30 * time.Minute},
		Provider: provider, Vault: vault.Memory(), Supervisor: b.sup, Hello: supervisor.Hello{BootID: "boot", Thumbprint: key.Thumbprint()},
		Checks: func() []preflight.Check { return nil }, Clock: shifted{SystemClock(time.UTC), off}, MaxAge: time.Hour,
		Show: func(v login.View) { b.mu.Lock(); b.view = v; b.mu.Unlock() },
		Log:  slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Rand: func() float64 { return 0.2 },
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.k.Run(ctx) // ended by cancel, or by the student's end
	}()
	t.Cleanup(func() { cancel(); <-done })
	return b
}

// prover signs at the tablet's own time.
type prover struct {
	key *dpop.Key
	now func() time.Time
}

func (p prover) Prove(_ context.Context, params dpop.Params) (string, error) {
	return p.key.Proof(params, p.now())
}

type shifted struct {
	Clock
	off time.Duration
}

func (s shifted) Now() login.Instant {
	i := s.Clock.Now()
	i.Wall = i.Wall.Add(s.off)
	return i
}

// long is how long anything may take on a busy machine.
const long = 90 * time.Second

// until waits for a view.
func (b *bed) until(what string, ok func(v login.View) bool) login.View {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(long); time.Now().Before(deadline); <-tick.C {
		if v := b.look(); ok(v) {
			return v
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fatalf("not seen: %s; the screen is %+v\n%s", what, b.view, b.log.String())
	return login.View{}
}

func (b *bed) on(s login.Screen) login.View {
	b.t.Helper()
	return b.until(string(s), func(v login.View) bool { return v.Screen == s && !v.Busy })
}

func (b *bed) secret(field login.Field, text string) *identity.Secret {
	b.k.Post(login.Typed{Field: field, N: len(text)})
	return secret(b.t, text)
}

// to takes the student to just before a step.
func (b *bed) to(s step) {
	b.t.Helper()
	b.on(login.ScreenEmail)
	if s == discovery || s == identify {
		b.k.Post(login.Insert{Text: b.email})
		return
	}
	b.k.Post(login.Insert{Text: b.email})
	b.k.Post(login.SubmitEmail{})
	b.on(login.ScreenPassword)
	switch s {
	case giveCode:
		b.persist(askCode, func(v login.View) bool { return v.Screen == login.ScreenCode && !v.Busy })
	case refresh, revoke:
		b.persist(passwords, func(v login.View) bool { return v.Connected != nil && v.Connected.Opening })
	case discovery, identify, passwords, askCode, token, keys:
	}
}

// persist does what a student does who wants to get through: «Réessayer», the address
// again, the password or a new code, until done.
func (b *bed) persist(s step, done func(login.View) bool) {
	b.t.Helper()
	b.until("where "+string(s)+" leads", func(v login.View) bool {
		switch {
		case done(v):
			return true
		case v.Busy:
			return false
		case v.Trouble != nil:
			b.k.Post(login.RetryNow{})
		case v.Screen == login.ScreenEmail:
			if v.Email.Text != b.email {
				b.t.Errorf("the address was lost: %q", v.Email.Text)
			}
			b.k.Post(login.SubmitEmail{})
		case v.Password != nil && (s == askCode || s == giveCode):
			if v.Password.ResendIn > 0 {
				return false
			}
			b.stale = b.used
			b.k.Post(login.RequestCode{})
		case v.Password != nil, v.Code != nil:
			b.act(s)
		default:
			return false
		}
		b.moved(v)
		return false
	})
}

// moved waits until what was posted shows.
func (b *bed) moved(from login.View) {
	for deadline := time.Now().Add(time.Second); reflect.DeepEqual(from, b.look()) && time.Now().Before(deadline); {
		<-time.After(10 * time.Millisecond)
	}
}

// act takes the step.
func (b *bed) act(s step) {
	b.t.Helper()
	switch s {
	case discovery, identify:
		b.k.Post(login.SubmitEmail{})
	case passwords, token, keys:
		b.k.Post(login.SubmitPassword{Secret: b.secret(login.FieldPassword, people.StormPassword)})
	case askCode:
		b.k.Post(login.RequestCode{})
	case giveCode:
		b.k.Post(login.SubmitCode{Secret: b.secret(login.FieldCode, b.code())})
	case refresh:
		b.sup.events <- supervisor.RenewRequested{ID: 1}
	case revoke:
		b.sup.events <- supervisor.PlayerExited{Code: 0}
	}
}

var sixDigits = regexp.MustCompile(`(?m)^\d{6}$`)

// code reads the newest code in the mailbox.
func (b *bed) code() (code string) {
	b.t.Helper()
	for deadline := time.Now().Add(long); code == "" || code == b.stale; <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatal("no new mail")
		}
		res, err := http.Get(b.ward.server.MailboxURL + "/api/messages?to=" + url.QueryEscape(b.email))
		if err != nil {
			b.t.Fatal(err)
		}
		var mails []struct {
			Text string `json:"text"`
		}
		err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&mails)
		_ = res.Body.Close() // only read
		if err == nil && len(mails) > 0 {
			code = sixDigits.FindString(mails[0].Text)
		}
	}
	b.used = code
	return code
}

// in reports whether the student is where the step leads to.
func in(s step, v login.View) bool {
	switch s {
	case discovery, identify:
		return v.Screen == login.ScreenPassword && v.Trouble == nil
	case askCode:
		return v.Screen == login.ScreenCode && v.Code != nil && !v.Busy && v.Trouble == nil
	case passwords, giveCode, token, keys:
		return v.Screen == login.ScreenConnected
	case refresh:
		return v.Screen == login.ScreenConnected
	case revoke:
		return v.Screen == login.ScreenEnded
	}
	return false
}

// kinds are the kinds of trouble that a fault may be told as.
func kinds(name string) []identity.Kind {
	switch name {
	case "no interface":
		return []identity.Kind{identity.NoNetwork}
	case "no route":
		return []identity.Kind{identity.NoRoute}
	case "refused":
		return []identity.Kind{identity.Refused}
	case "name not found":
		return []identity.Kind{identity.NameNotFound}
	case "silent", "stall":
		return []identity.Kind{identity.TimedOut}
	case "closes at once", "truncated", "reset before the answer", "answer lost":
		return []identity.Kind{identity.ConnectionLost}
	case "portal on the port", "captive portal":
		return []identity.Kind{identity.CaptivePortal}
	case "429", "429 with Retry-After", "503", "503 with Retry-After":
		return []identity.Kind{identity.Busy}
	case "500", "502 of a gateway":
		return []identity.Kind{identity.ServiceUnavailable}
	case "redirect elsewhere", "redirect to http", "garbage", "10 MB":
		return []identity.Kind{identity.UnexpectedAnswer}
	}
	return []identity.Kind{identity.BadCertificate}
}

// cell is one step under one fault.
func (b *bed) cell(s step, f faults.Fault) {
	b.to(s)
	before := b.proxy.Count(s.is)
	b.proxy.Break(f, s.is)
	b.act(s)
	switch s {
	case refresh:
		b.refreshFails()
	case revoke:
		b.on(login.ScreenEnded) // nothing stands in the way of the end
		return
	default:
		b.trouble(s, f, before)
	}
}

// trouble: the right sentence, nothing lost, no secret sent again by itself, and the way on.
func (b *bed) trouble(s step, f faults.Fault, before int) {
	t := b.t
	v := b.until("trouble", func(v login.View) bool {
		if v.Trouble != nil && v.Trouble.Kind == identity.Busy && !slices.Contains(kinds(f.Name), identity.Busy) {
			// The service is, with so many cells at once: before the fault was met.
			b.k.Post(login.RetryNow{})
			b.moved(v)
			v = b.look()
			b.act(s)
			b.moved(v)
			return false
		}
		return v.Trouble != nil
	})
	if !slices.Contains(kinds(f.Name), v.Trouble.Kind) {
		t.Errorf("told as %v, want %v", v.Trouble.Kind, kinds(f.Name))
	}
	if v.Trouble.Final || v.Trouble.RetryIn < 1 || v.Trouble.RetryIn > 15 {
		t.Errorf("trouble %+v, want a wait of 1 to 15 s", v.Trouble)
	}
	if safe := s == discovery || s == identify; v.Trouble.Resends != safe {
		t.Errorf("sends again by itself: %t, want %t", v.Trouble.Resends, safe)
	}
	if s.secret() && b.proxy.Count(s.is)-before > 2 { // RFC 9449's nonce answer may cost one more
		t.Errorf("%d requests with a secret", b.proxy.Count(s.is)-before)
	}
	sent := b.proxy.Count(secretRequest)
	b.proxy.Mend()
	if v.Trouble.Resends {
		v = b.until("the next screen, without a touch", func(v login.View) bool { return in(s, v) })
		return
	}
	b.k.Post(login.RetryNow{}) // back to the field
	v = b.until("the field", func(v login.View) bool { return v.Trouble == nil && !v.Busy })
	if now := b.proxy.Count(secretRequest); now != sent {
		t.Errorf("%d secrets were sent by themselves", now-sent)
	}
	b.again(s, v)
}

// secretRequest reports whether a request carries a password or a code.
func secretRequest(r faults.Request) bool { return passwords.is(r) || giveCode.is(r) }

// again: what was typed is still there, and does by hand what is not done by itself.
func (b *bed) again(s step, v login.View) {
	t := b.t
	switch {
	case v.Password != nil && s != askCode && v.Password.Typed != len(people.StormPassword):
		t.Errorf("%d characters of the password are left", v.Password.Typed)
	case v.Code != nil && v.Code.Typed != 6 && s == giveCode:
		t.Errorf("%d digits of the code are left", v.Code.Typed)
	}
	b.persist(s, func(v login.View) bool { return in(s, v) })
}

// refreshFails: the player is told that there is no token, and gets one when the fault is over.
func (b *bed) refreshFails() {
	t := b.t
	answered := func(n int) func(login.View) bool {
		return func(login.View) bool {
			b.sup.mu.Lock()
			defer b.sup.mu.Unlock()
			return len(b.sup.renewals) >= n
		}
	}
	b.until("an answer to the player", answered(1))
	if first := b.sup.renewals[0]; first != nil {
		t.Errorf("a token in spite of it: %d bytes", len(first))
	}
	b.proxy.Mend()
	b.sup.events <- supervisor.RenewRequested{ID: 2}
	b.until("a second answer to the player", answered(2))
	if b.look().Screen != login.ScreenConnected {
		t.Errorf("the exam ended: %+v", b.look())
	}
}

// omitted are cells that are not tried, and why.
func omitted(s step, f faults.Fault) string {
	switch {
	case s == askCode && f.Name == "answer lost":
		return "the mail was sent; the wait for another code is a test of its own"
	}
	return ""
}

// certificates are faults of a certificate.
func (w *ward) certificates(t *testing.T) (out []faults.Fault) {
	t.Helper()
	now, day := time.Now(), 24*time.Hour
	for name, when := range map[string][2]time.Time{
		"expired certificate": {now.Add(-30 * day), now.Add(-day)}, "certificate of tomorrow": {now.Add(day), now.Add(30 * day)},
		"wrong pin": {now.Add(-day), now.Add(day)}, "unknown certificate": {now.Add(-day), now.Add(day)},
	} {
		c, root := selfSigned(t, when[0], when[1])
		if name != "unknown certificate" {
			w.trusted = append(w.trusted, root)
		}
		out = append(out, faults.Fault{Name: name, Certificate: &c})
	}
	return out
}

// TestMildFaults: a login gets through bad Wi-Fi and a slow service by itself, or by the student's
// second try.
func TestMildFaults(t *testing.T) {
	w := openWard(t)
	for _, f := range faults.Mild() {
		for _, s := range []step{passwords, giveCode} {
			t.Run(f.Name+"/"+string(s), func(t *testing.T) {
				t.Parallel()
				b := w.bed(t, 0)
				b.on(login.ScreenEmail)
				b.k.Post(login.Insert{Text: b.email})
				b.until("the address", func(v login.View) bool { return v.Email != nil && v.Email.Text == b.email })
				b.proxy.Break(f, func(faults.Request) bool { return true })
				b.persist(s, func(v login.View) bool { return in(s, v) })
			})
		}
	}
}

// TestClockOff: a tablet whose clock is off is told so, whatever the service makes of its proofs.
func TestClockOff(t *testing.T) {
	w := openWard(t)
	for _, off := range []time.Duration{time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour, 400 * 24 * time.Hour, -400 * 24 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			b := w.bed(t, off)
			b.to(identify)
			b.act(identify)
			v := b.until("trouble", func(v login.View) bool { return v.Trouble != nil })
			if v.Trouble.Kind != identity.ClockWrong {
				t.Errorf("told as %v", v.Trouble.Kind)
			}
		})
	}
}

// TestFaultMatrix takes every step of a login under every fault.
func TestFaultMatrix(t *testing.T) {
	w := openWard(t)
	network := append(faults.Network(), w.certificates(t)...)
	cells, skipped := 0, 0
	for _, s := range steps() {
		for _, f := range append(slices.Clone(network), faults.Answers()...) {
			if why := omitted(s, f); why != "" {
				t.Logf("left out: %s, %s: %s", s, f.Name, why)
				skipped++
				continue
			}
			cells++
			t.Run(string(s)+"/"+f.Name, func(t *testing.T) {
				t.Parallel()
				w.bed(t, 0).cell(s, f)
			})
		}
	}
	t.Logf("%d cells, %d left out", cells, skipped)
}
