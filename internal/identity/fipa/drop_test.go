package fipa

import (
	"net/http"
	"testing"
	"time"

	"portillon/internal/identity"
)

// revoked waits for both tokens of a login that came to nothing.
func (r *reference) revoked(t *testing.T) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		hints := map[string]bool{}
		for _, s := range r.requests("/revoke") {
			if s.form.Get("token") != "" {
				hints[s.form.Get("token_type_hint")] = true
			}
		}
		if len(hints) == 2 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("revoked: %v", hints)
		}
	}
}

// TestRefusedTokensAreRevoked: whatever is wrong with the answer, the tokens in it are not left
// alive at the service.
func TestRefusedTokensAreRevoked(t *testing.T) {
	for name, spoil := range map[string]func(claims, tok map[string]any){
		"bearer":       func(_, tok map[string]any) { tok["token_type"] = "Bearer" },
		"no id_token":  func(_, tok map[string]any) { tok["id_token"] = "" },
		"other issuer": func(c, _ map[string]any) { c["iss"] = "https://other.example" },
		"run out":      func(c, _ map[string]any) { c["exp"] = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newReference(t)
			r.onToken = spoil
			if s, err := sendPassword(t, begin(t, tabletFor(t, r)), zoe.Password); s != nil || err == nil {
				t.Fatalf("%v %v", s, err)
			}
			r.revoked(t)
		})
	}
}

// TestRenewedForAnother: tokens of somebody else are revoked, and not held.
func TestRenewedForAnother(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	s := login(t, p)
	r.set(func() { r.onToken = func(c, _ map[string]any) { c["sub"] = "somebody else" } })
	if got, err := p.Renew(t.Context(), s); got != nil || identity.KindOf(err) != identity.UnexpectedAnswer {
		t.Errorf("%v %v", got, err)
	}
	r.revoked(t)
}

// TestRotatedButNotChecked: where the keys do not come, the rotated tokens are the caller's all the
// same, and are good for the next renewal.
func TestRotatedButNotChecked(t *testing.T) {
	r := newReference(t)
	p := tabletFor(t, r)
	s := login(t, p)
	r.set(func() {
		r.onToken = func(_, _ map[string]any) {
			r.override = func(w http.ResponseWriter, _ *http.Request) { // what follows breaks
				if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
					_ = c.Close()
				}
			}
		}
	})
	rotated, err := p.Renew(t.Context(), s)
	if rotated == nil || rotated.RefreshToken == s.RefreshToken || rotated.Subject != s.Subject || identity.KindOf(err) != identity.ConnectionLost {
		t.Fatalf("%v %v", rotated, err)
	}
	r.set(func() { r.override, r.onToken = nil, nil })
	if again, err := p.Renew(t.Context(), rotated); err != nil || again.RefreshToken == rotated.RefreshToken {
		t.Errorf("%v %v", again, err)
	}
	if n := len(r.requests("/revoke")); n != 0 {
		t.Errorf("%d revocations", n)
	}
}
