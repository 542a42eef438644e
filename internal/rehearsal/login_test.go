package rehearsal_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"portillon/internal/wire"
)

func TestLoginByPassword(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	a := w.want(tab.identify(hugo), wire.SubCredentialsRequired)
	if len(a.Methods) != 2 || a.OTPExpiresIn == nil || *a.OTPExpiresIn != 180 {
		t.Errorf("credentials_required says %s", a.raw)
	}
	a = w.want(tab.password("pas le bon"), wire.SubInvalidCredentials)
	if a.RemainingAttempts == nil || *a.RemainingAttempts != 9 {
		t.Errorf("a first wrong password leaves %s", a.raw)
	}
	grant := w.want(tab.password(hugoPassword), "granted")
	tok := w.want(tab.redeem(grant.AuthorizationCode), "tokens")
	if tok.TokenType != "DPoP" || tok.RefreshToken == "" || tok.ExpiresIn <= 0 {
		t.Errorf("tokens: type %q, refresh %t, expires in %d", tok.TokenType, tok.RefreshToken != "", tok.ExpiresIn)
	}
	claims := w.verify(tok.IDToken, "portillon")
	if claims["name"] != "Hugo Lefèvre" || claims[wire.ClaimExtraTime] != "1/3" || claims["sub"] == "" {
		t.Errorf("id_token says %v", claims)
	}
	access := w.verify(tok.AccessToken, w.Issuer)
	if cnf, _ := access["cnf"].(map[string]any); cnf["jkt"] != tab.key.Thumbprint() {
		t.Errorf("access token is bound to %v", access["cnf"])
	}
}

// verify checks a token's signature against jwks_uri, its issuer, audience and expiry.
func (w *world) verify(token, audience string) map[string]any {
	w.t.Helper()
	res, err := w.web.Get(w.Issuer + "/jwks")
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
		w.t.Fatal(err)
	}
	if len(set.Keys) != 1 || !set.Keys[0].IsPublic() {
		w.t.Fatalf("jwks publishes %d keys, or a private one", len(set.Keys))
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		w.t.Fatal(err)
	}
	var std jwt.Claims
	out := map[string]any{}
	if err := parsed.Claims(set.Keys[0], &std, &out); err != nil {
		w.t.Fatal(err)
	}
	if err := std.Validate(jwt.Expected{Issuer: w.Issuer, AnyAudience: jwt.Audience{audience}, Time: w.clock.now()}); err != nil {
		w.t.Error(err)
	}
	return out
}

func TestLoginByCode(t *testing.T) {
	for _, address := range []string{camille, yanisSecondary, strings.ToUpper(camille[:7]) + camille[7:]} {
		t.Run(address, func(t *testing.T) {
			w := start(t)
			tab := w.tablet()
			w.want(tab.identify(address), wire.SubCredentialsRequired)
			a := w.want(tab.sendCode(), wire.SubOTPRequired)
			if *a.OTPLength != 6 || *a.OTPExpiresIn != 180 || *a.OTPResendAfter != 30 {
				t.Errorf("otp_required says %s", a.raw)
			}
			if strings.Contains(a.OTPTarget, address[1:6]) || !strings.Contains(a.OTPTarget, "@") {
				t.Errorf("the address is masked as %q", a.OTPTarget)
			}
			code := w.newestCode(strings.ToLower(address), 1)
			if m := w.mails("")[0]; strings.Contains(m.Subject, code) {
				t.Error("the subject holds the code: it shows on a locked phone")
			}
			grant := w.want(tab.code(code), "granted")
			w.want(tab.code(code), wire.SubOTPUsed)
			w.want(tab.redeem(grant.AuthorizationCode), "tokens")
		})
	}
}

func TestAuthSessionRotatesInEveryAnswer(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	seen := map[string]bool{}
	for i, a := range []func() answer{
		func() answer { return tab.identify(camille) },
		func() answer { return tab.password("faux") },
		func() answer { return tab.step("otp_channel", "pigeon") }, // invalid_request
		func() answer { return tab.step() },                        // invalid_request
		func() answer { return tab.code("000000") },                // none was sent
		func() answer { return tab.sendCode() },
		func() answer { return tab.code("00000") },
		func() answer { return tab.sendCode() }, // too soon
		func() answer { return tab.identify(lea) },
		func() answer { return tab.identify(nobody) },
		func() answer { return tab.identify(camille) },
	} {
		got := a()
		if got.AuthSession == "" || seen[got.AuthSession] {
			t.Errorf("answer %d (%s) gives no new auth_session", i, got.kind())
		}
		seen[got.AuthSession] = true
	}
	grant := w.want(tab.password(camillePassword), "granted")
	tok := w.want(tab.redeem(grant.AuthorizationCode), "tokens")
	again := w.want(tab.post("/token", "grant_type", "refresh_token", "refresh_token", tok.RefreshToken), "tokens")
	for i, a := range []answer{grant, tok, again} {
		if a.AuthSession == "" || seen[a.AuthSession] {
			t.Errorf("success %d gives no new auth_session", i)
		}
		seen[a.AuthSession] = true
	}
}

func TestAuthSessionOfAnotherTime(t *testing.T) {
	w := start(t)
	tab, other := w.tablet(), w.tablet()
	old := tab.identify(camille).AuthSession
	newest := tab.password("faux").AuthSession
	tab.session = old
	w.want(tab.password(camillePassword), wire.ErrorInvalidSession)
	other.session = newest
	w.want(other.password(camillePassword), wire.ErrorInvalidSession) // another key
	tab.session = newest
	w.clock.advance(31 * time.Minute)
	w.want(tab.password(camillePassword), wire.ErrorInvalidSession) // idle
}

func TestAuthorizationCode(t *testing.T) {
	w := start(t)
	grant := func(tab *tablet) string {
		t.Helper()
		w.want(tab.identify(camille), wire.SubCredentialsRequired)
		return w.want(tab.password(camillePassword), "granted").AuthorizationCode
	}
	t.Run("another key", func(t *testing.T) {
		tab, thief := w.tablet(), w.tablet()
		code := grant(tab)
		thief.verifier = tab.verifier
		w.want(thief.redeem(code), wire.ErrorInvalidGrant)
		w.want(tab.redeem(code), "tokens")
	})
	t.Run("another verifier", func(t *testing.T) {
		tab := w.tablet()
		code := grant(tab)
		tab.verifier = strings.Repeat("a", 43)
		w.want(tab.redeem(code), wire.ErrorInvalidGrant)
	})
	t.Run("twice", func(t *testing.T) {
		tab := w.tablet()
		code := grant(tab)
		tok := w.want(tab.redeem(code), "tokens")
		w.want(tab.redeem(code), wire.ErrorInvalidGrant)
		// What the first use gave is over (RFC 6749 §4.1.2).
		w.want(tab.post("/token", "grant_type", "refresh_token", "refresh_token", tok.RefreshToken), wire.ErrorInvalidGrant)
	})
	t.Run("late", func(t *testing.T) {
		tab := w.tablet()
		code := grant(tab)
		w.clock.advance(2 * time.Minute)
		w.want(tab.redeem(code), wire.ErrorInvalidGrant)
	})
}

func TestRefreshTokenRotates(t *testing.T) {
	w := start(t)
	tab, thief := w.tablet(), w.tablet()
	tab.identify(camille)
	refresh := func(tab *tablet, token string) answer {
		return tab.post("/token", "grant_type", "refresh_token", "refresh_token", token)
	}
	first := w.want(tab.redeem(tab.password(camillePassword).AuthorizationCode), "tokens")
	w.want(refresh(thief, first.RefreshToken), wire.ErrorInvalidGrant) // DPoP-bound
	second := w.want(refresh(tab, first.RefreshToken), "tokens")
	if second.RefreshToken == first.RefreshToken {
		t.Fatal("the refresh token did not rotate")
	}
	w.want(refresh(tab, first.RefreshToken), wire.ErrorInvalidGrant)  // reuse …
	w.want(refresh(tab, second.RefreshToken), wire.ErrorInvalidGrant) // … ends the family
}

func TestRevocation(t *testing.T) {
	for _, which := range []string{"refresh", "access"} {
		t.Run(which, func(t *testing.T) {
			w := start(t)
			tab, other := w.tablet(), w.tablet()
			tab.identify(camille)
			tok := w.want(tab.redeem(tab.password(camillePassword).AuthorizationCode), "tokens")
			token := tok.RefreshToken
			if which == "access" {
				token = tok.AccessToken
			}
			w.want(other.post("/revoke", "token", token), "ok") // says nothing, does nothing
			tok = w.want(tab.post("/token", "grant_type", "refresh_token", "refresh_token", tok.RefreshToken), "tokens")
			if which == "refresh" {
				token = tok.RefreshToken
			}
			w.want(tab.post("/revoke", "token", token), "ok")
			w.want(tab.post("/token", "grant_type", "refresh_token", "refresh_token", tok.RefreshToken), wire.ErrorInvalidGrant)
			w.want(tab.post("/revoke", "token", "inconnu"), "ok")
		})
	}
}

func TestConcurrentSubmitsGrantOnce(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	tab.identify(camille)
	w.want(tab.sendCode(), wire.SubOTPRequired)
	code := w.newestCode(camille, 1)
	session := tab.session
	var wg sync.WaitGroup
	results := make(chan answer, 16)
	for range cap(results) {
		one := *tab // the same key, the same auth_session, at the same time
		wg.Go(func() {
			one.session = session
			results <- one.code(code)
		})
	}
	wg.Wait()
	close(results)
	granted := 0
	for a := range results {
		switch a.kind() {
		case "granted":
			granted++
		case wire.ErrorInvalidSession, wire.SubOTPUsed:
		default:
			t.Errorf("answered %s", a.raw)
		}
	}
	if granted != 1 {
		t.Errorf("one code granted %d times", granted)
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	w := start(t)
	tab := w.tablet()
	for _, a := range []answer{tab.identify(camille), tab.password("faux"), tab.post("/token", "grant_type", "password")} {
		for h, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json"} {
			if got := a.header.Get(h); got != want {
				t.Errorf("%s: %q, want %q", h, got, want)
			}
		}
		if id := a.header.Get(wire.HeaderCorrelation); len(id) < 8 || !strings.Contains(w.log.String(), id) {
			t.Errorf("correlation id %q is missing, short or not logged", id)
		}
	}
	res, err := w.web.Get(w.Issuer + wire.MetadataPath)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var m wire.Metadata
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil || m.Issuer != w.Issuer {
		t.Errorf("issuer %q, want %q (%v)", m.Issuer, w.Issuer, err)
	}
	if _, err := http.ParseTime(res.Header.Get("Date")); err != nil {
		t.Errorf("the clock check needs a Date: %v", err)
	}
}

// TestDiscoveryBringsTheFirstNonce: who has just read one of the documents need not make a
// proof twice.
func TestDiscoveryBringsTheFirstNonce(t *testing.T) {
	w := start(t)
	form := url.Values{"client_id": {"portillon"}, "response_type": {"code"}, "auth_session": {"x"}, "otp": {"000000"}}
	for _, path := range []string{wire.MetadataPath, "/jwks"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Issuer+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := w.web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		if c := res.Header.Get("Cache-Control"); c != "no-store" {
			t.Errorf("%s: an answer with a nonce may be kept: %q", path, c)
		}
		tab := w.tablet()
		tab.nonce = res.Header.Get(wire.HeaderDPoPNonce)
		w.want(tab.once("/challenge", form, nil), wire.ErrorInvalidSession)
	}
}
