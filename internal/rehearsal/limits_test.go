package rehearsal_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portillon/internal/rehearsal"
	"portillon/internal/wire"
)

func TestWrongCodesAreCounted(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	tab.identify(camille)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	first := w.newestCode(camille, 1)
	for left := 4; left >= 1; left-- {
		a := w.want(tab.code(wrong(first)), wire.SubInvalidOTP)
		if a.RemainingAttempts == nil || *a.RemainingAttempts != left {
			t.Errorf("%s, want %d left", a.raw, left)
		}
	}
	a := w.want(tab.code(wrong(first)), wire.SubTooManyAttempts)
	if a.RetryAfter == nil || *a.RetryAfter < 1 || *a.RetryAfter > 30 {
		t.Errorf("a spent code is told %s, want the wait until the next may be asked for", a.raw)
	}
	w.want(tab.code(first), wire.SubTooManyAttempts) // the right one comes too late
	w.clock.advance(31 * time.Second)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	second := w.newestCode(camille, 2)
	// A new code does not reset the account's count: five more and it is over.
	for range 4 {
		w.want(tab.code(wrong(first, second)), wire.SubInvalidOTP)
	}
	a = w.want(tab.code(wrong(first, second)), wire.SubTooManyAttempts)
	if *a.RetryAfter < 60 {
		t.Errorf("after ten wrong codes: %s", a.raw)
	}
	w.want(tab.sendCode(), wire.SubTooManyAttempts)
	w.want(tab.password(camillePassword), "granted") // the other way stays open
}

func TestCodeExpires(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{0, "granted"},
		{180 * time.Second, "granted"},
		{195 * time.Second, "granted"}, // the silent grace
		{195*time.Second + time.Millisecond, wire.SubOTPExpired},
	} {
		t.Run(c.after.String(), func(t *testing.T) {
			w := start(t)
			tab := w.tablet()
			tab.identify(camille)
			w.want(tab.sendCode(), wire.SubOTPRequired)
			code := w.newestCode(camille, 1)
			w.clock.advance(c.after)
			w.want(tab.code(code), c.want)
		})
	}
}

func TestSupersededCode(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	tab.identify(camille)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	first := w.newestCode(camille, 1)
	w.clock.advance(30 * time.Second)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	second := w.newestCode(camille, 2)
	w.want(tab.code(first), wire.SubOTPSuperseded)
	// After a crash the tablet has another session; the older mails are still there.
	w.clock.advance(30 * time.Second)
	tab.session = ""
	tab.identify(camille)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	third := w.newestCode(camille, 3)
	w.want(tab.code(second), wire.SubOTPSuperseded)
	w.want(tab.code(third), "granted")
}

func TestTwoTabletsDoNotDisturbEachOther(t *testing.T) {
	w := start(t)
	a, b := w.tablet(), w.tablet()
	a.identify(camille)
	b.identify(camille)
	w.want(a.sendCode(), wire.SubOTPRequired)
	first := w.newestCode(camille, 1)
	w.want(b.sendCode(), wire.SubOTPRequired) // at once: another tablet
	second := w.newestCode(camille, 2)
	w.want(b.code(first), wire.SubInvalidOTP)
	w.want(a.code(first), "granted")
	w.want(b.code(second), "granted")
}

func TestSendsAreLimited(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	tab.identify(camille)
	for i := range 5 {
		w.want(tab.sendCode(), wire.SubOTPRequired)
		a := w.want(tab.sendCode(), wire.SubTooManyAttempts)
		if i < 4 && *a.RetryAfter != 30 {
			t.Errorf("asked again at once: %s, want a wait of 30", a.raw)
		}
		w.newestCode(camille, i+1)
		w.clock.advance(31 * time.Second)
	}
	a := w.want(tab.sendCode(), wire.SubTooManyAttempts)
	if *a.RetryAfter < 600 {
		t.Errorf("a sixth mail within 15 minutes: %s", a.raw)
	}
	w.clock.advance(time.Duration(*a.RetryAfter) * time.Second)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	w.newestCode(camille, 6)
}

func TestWrongPasswordsNeverBlockTheCode(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	tab.identify(camille)
	for range 9 {
		w.want(tab.password("faux"), wire.SubInvalidCredentials)
	}
	a := w.want(tab.password("faux"), wire.SubTooManyAttempts)
	if *a.RetryAfter < 1 || *a.RetryAfter > 900 {
		t.Errorf("%s", a.raw)
	}
	w.want(tab.password(camillePassword), wire.SubTooManyAttempts)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	w.want(tab.code(w.newestCode(camille, 1)), "granted")
	w.want(tab.identify(camille), wire.SubCredentialsRequired)
	w.want(tab.password(camillePassword), "granted") // success forgives
}

func TestStrangersCannotLockATabletOut(t *testing.T) {
	w := start(t, strangers)
	tab := w.known()
	for range 12 {
		phone := w.tablet()
		phone.identify(camille)
		phone.password("faux")
	}
	phone := w.tablet()
	phone.identify(camille)
	w.want(phone.password(camillePassword), wire.SubTooManyAttempts) // all strangers count together
	w.want(phone.sendCode(), wire.SubOTPRequired)
	tab.identify(camille)
	w.want(tab.sendCode(), wire.SubOTPRequired) // no wait because of theirs
	w.want(tab.password(camillePassword), "granted")
}

func TestKnownTabletIsToldTheTruth(t *testing.T) {
	w := start(t, strangers)
	tab := w.known()
	w.want(tab.identify(nobody), wire.SubAccountUnknown)
	a := w.want(tab.identify(lea), wire.SubAccountNotConfigured)
	if a.SetupURI != w.PortalURL {
		t.Errorf("setup_uri %q", a.SetupURI)
	}
	w.want(tab.identify(ines), wire.SubCredentialsRequired)
	w.want(tab.password(inesPassword), wire.SubTooManyAttempts)
	w.want(tab.sendCode(), wire.SubTooManyAttempts)
	w.want(tab.identify(camille), wire.SubCredentialsRequired)
	w.want(tab.password(camillePassword), "granted")
}

// changing is what differs between any two answers, whoever asks.
var changing = regexp.MustCompile(`"auth_session":"[^"]*"`)

// TestStrangersLearnNobody plays the same clumsy student through every step as
// somebody, nobody, somebody without a password and somebody blocked.
func TestStrangersLearnNobody(t *testing.T) {
	w := start(t, strangers)
	play := func(address string) (out []string) {
		phone := w.tablet()
		keep := func(a answer) {
			header := a.header.Clone()
			for _, h := range []string{"Date", wire.HeaderCorrelation, wire.HeaderDPoPNonce} {
				header.Del(h)
			}
			head, err := json.Marshal(header)
			if err != nil {
				t.Fatal(err)
			}
			body := strings.ReplaceAll(changing.ReplaceAllString(a.raw, "S"), address[:1]+"•••", "X•••")
			out = append(out, http.StatusText(a.status)+" "+string(head)+" "+body)
		}
		keep(phone.identify(address))
		keep(phone.password("faux"))
		keep(phone.code("000000"))
		keep(phone.sendCode())
		keep(phone.sendCode())
		for range 6 {
			keep(phone.code("00000"))
		}
		w.idle() // an expired mail is not sent
		w.clock.advance(31 * time.Second)
		keep(phone.sendCode())
		w.idle()
		w.clock.advance(200 * time.Second)
		keep(phone.code("00000"))
		for range 11 {
			keep(phone.password("faux"))
		}
		return out
	}
	want := play(camille)
	for _, address := range []string{nobody, lea, ines} {
		if got := play(address); !slices.Equal(got, want) {
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("step %d tells %s apart:\n%s\n%s", i, address, got[i], want[i])
				}
			}
		}
	}
	w.newestCode(camille, 2)
	if n := len(w.mails("")); n != 2 {
		t.Errorf("%d mails went out, want camille's 2", n)
	}
	w.idle()
	if strings.Contains(w.log.String(), "given up") {
		t.Error("a phantom's mail was tried")
	}
}

// TestStrangersCannotLinkAddresses guesses at a person's one address and looks for
// a trace of it at the other.
func TestStrangersCannotLinkAddresses(t *testing.T) {
	w := start(t, strangers)
	phone := w.tablet()
	w.want(phone.identify(yanis), wire.SubCredentialsRequired)
	w.want(phone.password("faux"), wire.SubInvalidCredentials)
	w.want(phone.sendCode(), wire.SubOTPRequired)
	phone.session = ""
	w.want(phone.identify(yanisSecondary), wire.SubCredentialsRequired)
	if a := w.want(phone.password("faux"), wire.SubInvalidCredentials); *a.RemainingAttempts != 9 {
		t.Errorf("%s: the addresses share a count", a.raw)
	}
	w.want(phone.sendCode(), wire.SubOTPRequired)
	// A known tablet is counted by person: two addresses are not two chances.
	tab := w.known()
	tab.identify(yanis)
	w.want(tab.password("faux"), wire.SubInvalidCredentials)
	tab.identify(yanisSecondary)
	if a := w.want(tab.password("faux"), wire.SubInvalidCredentials); *a.RemainingAttempts != 8 {
		t.Errorf("%s: the addresses do not share a count", a.raw)
	}
}

// TestStrangersLearnNothingByTime: each wrong password costs one hash, for nobody too. What
// a clock measures depends on what else the machine does.
func TestStrangersLearnNothingByTime(t *testing.T) {
	w := start(t, strangers)
	for _, address := range []string{camille, nobody, lea, ines} {
		phone := w.tablet()
		phone.identify(address)
		for range 3 {
			before := w.PasswordsHashed()
			w.want(phone.password("faux"), wire.SubInvalidCredentials)
			if n := w.PasswordsHashed() - before; n != 1 {
				t.Errorf("%s: %d passwords were hashed, want 1", address, n)
			}
		}
	}
}

func TestBusyKeepsTheSession(t *testing.T) {
	w := start(t, func(o *rehearsal.Options) { o.PasswordQueue = 1 })
	tablets := make([]*tablet, 12)
	for i := range tablets {
		tablets[i] = w.tablet()
		tablets[i].identify(camille)
	}
	results := make(chan answer, len(tablets))
	for _, tab := range tablets {
		go func() { results <- tab.password(camillePassword) }()
	}
	busy := 0
	for range tablets {
		switch a := <-results; a.kind() {
		case "granted":
		case wire.ErrorTemporarilyUnavailable:
			busy++
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.AuthSession != "" {
				t.Errorf("busy answers %d %v %s", a.status, a.header, a.raw)
			}
		default:
			t.Errorf("answered %s", a.raw)
		}
	}
	if busy == 0 || busy == len(tablets) {
		t.Fatalf("%d of %d were busy", busy, len(tablets))
	}
	for _, tab := range tablets { // nobody lost a session or an attempt
		if a := tab.password(camillePassword); a.kind() != "granted" {
			t.Errorf("afterwards: %s", a.raw)
		}
	}
}

func TestProofs(t *testing.T) {
	w := start(t)
	form := url.Values{"client_id": {"portillon"}, "response_type": {"code"}, "auth_session": {"x"}, "otp": {"000000"}}
	t.Run("nonce is demanded", func(t *testing.T) {
		tab := w.tablet()
		a := tab.once("/challenge", form, nil)
		if a.Error != wire.ErrorUseDPoPNonce || a.header.Get(wire.HeaderDPoPNonce) == "" || a.status != http.StatusBadRequest {
			t.Errorf("without a nonce: %d %s", a.status, a.raw)
		}
		tab.nonce = a.header.Get(wire.HeaderDPoPNonce)
		w.want(tab.once("/challenge", form, nil), wire.ErrorInvalidSession)
		w.clock.advance(6 * time.Minute)
		w.want(tab.once("/challenge", form, nil), wire.ErrorUseDPoPNonce) // grown old
	})
	t.Run("replay", func(t *testing.T) {
		tab := w.tablet()
		tab.nonce = tab.once("/challenge", form, nil).header.Get(wire.HeaderDPoPNonce)
		var proof string
		w.want(tab.once("/challenge", form, func(r *http.Request) { proof = r.Header.Get(wire.HeaderDPoP) }), wire.ErrorInvalidSession)
		w.want(tab.once("/challenge", form, func(r *http.Request) { r.Header.Set(wire.HeaderDPoP, proof) }), wire.ErrorInvalidDPoPProof)
		w.want(tab.once("/token", form, func(r *http.Request) { r.Header.Set(wire.HeaderDPoP, proof) }), wire.ErrorInvalidDPoPProof)
	})
	for name, edit := range map[string]func(*http.Request){
		"none": func(r *http.Request) { r.Header.Del(wire.HeaderDPoP) },
		"two":  func(r *http.Request) { r.Header.Add(wire.HeaderDPoP, r.Header.Get(wire.HeaderDPoP)) },
	} {
		t.Run(name, func(t *testing.T) {
			w.want(w.tablet().once("/challenge", form, edit), wire.ErrorInvalidDPoPProof)
		})
	}
}

func TestMalformedRequests(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	tab.nonce = tab.once("/challenge", url.Values{}, nil).header.Get(wire.HeaderDPoPNonce)
	good := "client_id=portillon&response_type=code&login_hint=a%40b.fr&code_challenge_method=S256&code_challenge=" + strings.Repeat("A", 43)
	for name, c := range map[string]struct {
		form, want string
		edit       func(*http.Request)
	}{
		"another client":    {strings.Replace(good, "portillon", "autre", 1), wire.ErrorInvalidClient, nil},
		"repeated field":    {good + "&login_hint=c%40d.fr", wire.ErrorInvalidRequest, nil},
		"two steps":         {good + "&password=x", wire.ErrorInvalidRequest, nil},
		"no PKCE":           {"client_id=portillon&response_type=code&login_hint=a%40b.fr", wire.ErrorInvalidRequest, nil},
		"plain PKCE":        {strings.Replace(good, "S256", "plain", 1), wire.ErrorInvalidRequest, nil},
		"unknown scope":     {good + "&scope=openid+admin", wire.ErrorInvalidScope, nil},
		"token response":    {strings.Replace(good, "=code", "=token", 1), wire.ErrorInvalidRequest, nil},
		"not UTF-8":         {strings.Replace(good, "a%40", "%ff%40", 1), wire.ErrorInvalidRequest, nil},
		"control character": {strings.Replace(good, "a%40", "a%00%40", 1), wire.ErrorInvalidRequest, nil},
		"no session":        {"client_id=portillon&response_type=code&password=x", wire.ErrorInvalidRequest, nil},
		"too large":         {good + "&x=" + strings.Repeat("a", 20<<10), wire.ErrorInvalidRequest, nil},
		"in the URL":        {good, wire.ErrorInvalidRequest, func(r *http.Request) { r.URL.RawQuery = "password=x" }},
		"JSON":              {good, wire.ErrorInvalidRequest, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }},
	} {
		t.Run(name, func(t *testing.T) {
			a := tab.once("/challenge", nil, func(r *http.Request) {
				r.Body, r.ContentLength = body(c.form), int64(len(c.form))
				r.GetBody = nil
				if c.edit != nil {
					c.edit(r)
				}
			})
			w.want(a, c.want)
		})
	}
}
