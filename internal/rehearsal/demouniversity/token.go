package demouniversity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"portillon/internal/rehearsal/university"
)

// claims are an id_token's (Core §2) and userinfo's.
type claims struct {
	jwt.Claims
	Nonce    string `json:"nonce,omitempty"`
	Email    string `json:"email"`
	Verified bool   `json:"email_verified"`
	Name     string `json:"name"`
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request, u university.University) {
	id, password, ok := r.BasicAuth()
	// RFC 6749 §2.3.1: both are form-encoded first.
	id, err1 := url.QueryUnescape(id)
	password, err2 := url.QueryUnescape(password)
	if !ok || err1 != nil || err2 != nil || id != p.Client || subtle.ConstantTimeCompare([]byte(password), []byte(p.Secret)) != 1 {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
		reply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	g, err := p.redeem(r, u)
	if err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	idToken, err := p.sign(g)
	if err != nil {
		reply(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	access := secret()
	p.mu.Lock()
	sweep(p.tokens, func(g granted) bool { return p.Now().Sub(g.at) > tokenLife })
	g.at = p.Now()
	p.tokens[access] = g
	p.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife / time.Second), "id_token": idToken,
	})
}

// redeem takes a code, once, for whoever holds its verifier.
func (p *Provider) redeem(r *http.Request, u university.University) (granted, error) {
	code := r.PostFormValue("code")
	p.mu.Lock()
	g, ok := p.codes[code]
	delete(p.codes, code)
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case r.PostFormValue("grant_type") != "authorization_code", !ok, g.university != u.ID,
		p.Now().Sub(g.at) > codeLife, r.PostFormValue("redirect_uri") != p.Redirect+u.ID,
		subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(g.challenge)) != 1:
		return g, errGrant
	}
	return g, nil
}

func (p *Provider) sign(g granted) (string, error) {
	now := p.Now()
	return jwt.Signed(p.signer).Claims(p.claims(g, claims{
		Claims: jwt.Claims{
			Issuer: p.issuer(g.university), Audience: jwt.Audience{p.Client}, IssuedAt: jwt.NewNumericDate(now),
			Expiry: jwt.NewNumericDate(now.Add(tokenLife)),
		},
		Nonce: g.nonce,
	})).Serialize()
}

func (p *Provider) claims(g granted, c claims) claims {
	c.Subject, c.Email, c.Verified, c.Name = g.university+":"+g.student.Login, g.student.Address, true, g.student.Name
	return c
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request, u university.University) {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	g, found := p.tokens[bearer]
	p.mu.Unlock()
	if !ok || !found || g.university != u.ID || p.Now().Sub(g.at) > tokenLife {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		reply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	reply(w, http.StatusOK, p.claims(g, claims{}))
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client hung up: nothing to do
}
