package kiosk

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"portillon/internal/faults"
	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/rehearsal/people"
	"portillon/internal/supervisor"
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
	case faults.Stopped().Name:
		return []identity.Kind{identity.ConnectionLost, identity.TimedOut}
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
	if f.Name == faults.Stopped().Name {
		b.until("the request", func(login.View) bool { return b.proxy.Count(s.is) > before })
		b.stopped.Store(int64(2 * time.Minute))
		b.proxy.Cut()
	}
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

// TestMildFaults: a login, a renewal and an end get through bad Wi-Fi and a slow service by
// themselves, or by a second try. The fault meets every request of theirs: with the password
// or the code go discovery, the address, asking for the code, the token and the keys.
func TestMildFaults(t *testing.T) {
	w := openWard(t)
	for _, f := range faults.Mild() {
		for _, s := range []step{passwords, giveCode, refresh, revoke} {
			t.Run(f.Name+"/"+string(s), func(t *testing.T) {
				t.Parallel()
				b := w.bed(t, 0)
				everything := func(faults.Request) bool { return true }
				switch s {
				case refresh:
					b.to(s)
					b.proxy.Break(f, everything)
					b.renew()
				case revoke:
					b.to(s)
					b.proxy.Break(f, everything)
					b.act(s)
					b.on(login.ScreenEnded)
				default:
					b.on(login.ScreenEmail)
					b.k.Post(login.Insert{Text: b.email})
					b.until("the address", func(v login.View) bool { return v.Email != nil && v.Email.Text == b.email })
					b.proxy.Break(f, everything)
					b.persist(s, func(v login.View) bool { return in(s, v) })
				}
			})
		}
	}
}

// renew asks for a token, as a player does, until there is one.
func (b *bed) renew() {
	b.t.Helper()
	for n := 1; ; n++ {
		b.sup.events <- supervisor.RenewRequested{ID: uint64(n)}
		var got []byte
		b.until("an answer to the player", func(login.View) bool {
			b.sup.mu.Lock()
			defer b.sup.mu.Unlock()
			if len(b.sup.renewals) < n {
				return false
			}
			got = b.sup.renewals[n-1]
			return true
		})
		if len(got) > 0 {
			return
		}
		if n == 20 {
			b.t.Fatal("no token after twenty tries")
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
		for _, f := range append(slices.Clone(network), append(faults.Answers(), faults.Stopped())...) {
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
