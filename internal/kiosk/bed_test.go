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
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
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
)

// ward is the service that all cells share, and its certificates.
type ward struct {
	server *rehearsal.Server
	roots  *x509.CertPool // of the service
	next   atomic.Int64
	// trusted are issuers that tablets trust and do not pin.
	trusted []*x509.Certificate
}

func openWard(t testing.TB) *ward {
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
func selfSigned(t testing.TB, from, to time.Time) (tls.Certificate, *x509.Certificate) {
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
	t     testing.TB
	ward  *ward
	k     *Kiosk
	sup   *fakeSupervisor
	proxy *faults.Proxy
	email string
	used  string // the newest code that was read
	stale string // an older one, since another was asked for
	// stopped is how long the tablet stood still, in nanoseconds: its clock since boot is
	// later by as much.
	stopped *atomic.Int64
	leave   func() // ends kiosk and proxy; at the end of the test at the latest

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

// way is a proxy to the service, what vouches for it, and the pin of that.
func (w *ward) way(t testing.TB) (*faults.Proxy, *x509.CertPool, string) {
	t.Helper()
	now := time.Now()
	certificate, root := selfSigned(t, now.Add(-30*24*time.Hour), now.Add(30*24*time.Hour))
	proxy, err := faults.Start(w.server.Issuer, w.roots, certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range w.trusted {
		roots.AddCert(c)
	}
	pin := sha256.Sum256(root.RawSubjectPublicKeyInfo)
	return proxy, roots, "sha256/" + base64.StdEncoding.EncodeToString(pin[:])
}

// lie down, with a tablet whose clock is off by so much. Who watches is shown every view.
func (w *ward) bed(t testing.TB, off time.Duration, watches ...func(login.View)) *bed {
	t.Helper()
	proxy, roots, pin := w.way(t)
	wall := func() time.Time { return time.Now().Add(off) }
	key, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	provider, err := fipa.New(fipa.Config{Issuer: w.server.Issuer, ClientID: "portillon", Scope: "openid profile offline_access",
		Pins: []string{pin}, RootCAs: roots, Dial: proxy.Dial, Prover: prover{key, wall}, Now: wall})
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, ward: w, proxy: proxy, stopped: new(atomic.Int64), sup: &fakeSupervisor{events: make(chan supervisor.Event)},
		email: people.StormAddress(int(w.next.Add(1)))}
	b.k = New(Options{
		Settings: login.Settings{Domains: []string{"etu.univ-uness.fr"}, IdleReset: 30 * time.Minute},
		Provider: provider, Vault: vault.Memory(), Supervisor: b.sup, Hello: supervisor.Hello{BootID: "boot", Thumbprint: key.Thumbprint()},
		Checks: func() []preflight.Check { return nil }, Clock: shifted{SystemClock(time.UTC), off, b.stopped}, MaxAge: time.Hour,
		Show: func(v login.View) {
			b.mu.Lock()
			b.view = v
			b.mu.Unlock()
			for _, watch := range watches {
				watch(v)
			}
		},
		Log:  slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Rand: func() float64 { return 0.2 },
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.k.Run(ctx) // ended by cancel, or by the student's end
	}()
	b.leave = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.leave)
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
	off     time.Duration
	stopped *atomic.Int64
}

func (s shifted) Now() login.Instant {
	i := s.Clock.Now()
	i.Wall = i.Wall.Add(s.off)
	i.Boot += time.Duration(s.stopped.Load())
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
