package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"time"

	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// tokens is a successful token answer (RFC 6749 §5.1).
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	AuthSession  string `json:"auth_session,omitempty"`
}

// token exchanges an authorization code or a refresh token.
func (s *Service) token(r *request) (reply, error) {
	var exchange func(*request, *store.Tx) (store.Grant, *problem, error)
	switch r.get("grant_type") {
	case grantCode:
		exchange = s.exchangeCode
	case grantRefresh:
		exchange = s.exchangeRefresh
	case "":
		return reply{}, refuse(wire.ErrorInvalidRequest, "wanted grant_type")
	default:
		return reply{}, refuse(wire.ErrorUnsupportedGrantType, "wanted authorization_code or refresh_token")
	}
	var refused *problem
	var out reply
	err := s.step(r, func(tx *store.Tx) error {
		grant, bad, err := exchange(r, tx)
		if bad != nil || err != nil {
			refused = bad
			return err // nil for a refusal: the revocation that came with it stays
		}
		body, err := s.issue(tx, grant)
		out = ok(body)
		return err
	})
	switch {
	case err != nil:
		return reply{}, err
	case refused != nil:
		return reply{}, refused
	}
	return out, nil
}

func invalidGrant(why string) *problem { return refuse(wire.ErrorInvalidGrant, why) }

// exchangeCode redeems an authorization code, once. A second use ends what the
// first one gave (RFC 6749 §4.1.2).
func (s *Service) exchangeCode(r *request, tx *store.Tx) (store.Grant, *problem, error) {
	now := s.Now()
	hash := hashOf(r.get("code"))
	c, found, err := tx.AuthorizationCode(hash)
	switch {
	case err != nil:
		return store.Grant{}, nil, err
	case !found || c.JKT != r.jkt || c.ClientID != r.get(wire.FieldClientID):
		return store.Grant{}, invalidGrant("unknown code, or another client's"), nil
	case !c.UsedAt.IsZero():
		return store.Grant{}, invalidGrant("code was used before"), tx.RevokeGrant(c.GrantID, now)
	case now.After(c.ExpiresAt):
		return store.Grant{}, invalidGrant("code has expired"), nil
	case !verifyPKCE(c.CodeChallenge, r.get("code_verifier")):
		return store.Grant{}, invalidGrant("code_verifier does not fit"), nil
	}
	g := store.Grant{
		AccountID: c.AccountID, SessionID: c.SessionID, ClientID: c.ClientID, JKT: c.JKT, Scope: c.Scope,
		GrantedAt: c.GrantedAt, ExpiresAt: c.GrantedAt.Add(grantLife),
	}
	if err := tx.InsertGrant(&g); err != nil {
		return g, nil, err
	}
	return g, nil, tx.UseAuthorizationCode(hash, g.ID, now)
}

// exchangeRefresh redeems a refresh token, once. A second use means that two
// parties hold the family: it ends (RFC 9700 §4.14.2).
func (s *Service) exchangeRefresh(r *request, tx *store.Tx) (store.Grant, *problem, error) {
	now := s.Now()
	hash := hashOf(r.get("refresh_token"))
	g, used, found, err := tx.GrantByRefreshToken(hash)
	switch {
	case err != nil:
		return g, nil, err
	case !found || g.JKT != r.jkt || g.ClientID != r.get(wire.FieldClientID):
		return g, invalidGrant("unknown refresh token, or another client's"), nil
	case !g.RevokedAt.IsZero():
		return g, invalidGrant("the login was revoked"), nil
	case now.After(g.ExpiresAt):
		return g, invalidGrant("the login has expired"), nil
	case !used.IsZero():
		return g, invalidGrant("refresh token was used before"), tx.RevokeGrant(g.ID, now)
	}
	if !narrower(r.get(wire.FieldScope), g.Scope) {
		return g, refuse(wire.ErrorInvalidScope, "wider than what was granted"), nil
	}
	return g, nil, tx.UseRefreshToken(hash, now)
}

// narrower reports whether scope asks for nothing beyond granted.
func narrower(scope, granted string) bool {
	for f := range strings.FieldsSeq(scope) {
		if !slices.Contains(strings.Fields(granted), f) {
			return false
		}
	}
	return true
}

// verifierShape is RFC 7636 §4.1.
var verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

func verifyPKCE(challenge, verifier string) bool {
	if !verifierShape.MatchString(verifier) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(got), []byte(challenge)) == 1
}

// issue makes the tokens of a grant, and moves its session to a new name.
func (s *Service) issue(tx *store.Tx, g store.Grant) (tokens, error) {
	now := s.Now()
	account, found, err := tx.AccountByID(g.AccountID)
	if err != nil {
		return tokens{}, err
	}
	if !found {
		return tokens{}, invalidGrant("the account is gone")
	}
	refresh := newToken()
	if err := tx.InsertRefreshToken(refresh.hash, g.ID); err != nil {
		return tokens{}, err
	}
	out := tokens{
		TokenType: wire.TokenTypeDPoP, ExpiresIn: int(accessTokenLife / time.Second),
		RefreshToken: refresh.text, Scope: g.Scope,
	}
	next := newToken()
	if alive, err := tx.RenewSession(g.SessionID, next.hash, now); err != nil {
		return tokens{}, err
	} else if alive {
		out.AuthSession = next.text
	}
	if out.AccessToken, err = s.signer.access(s.Issuer, g, account, now); err != nil {
		return tokens{}, err
	}
	if slices.Contains(strings.Fields(g.Scope), scopeOpenID) {
		out.IDToken, err = s.signer.identity(s.Issuer, g, account, now)
	}
	return out, err
}

// revoke ends the login a token belongs to (RFC 7009). An unknown token, or another
// key's, is answered like a known one.
func (s *Service) revoke(r *request) (reply, error) {
	tok := r.get("token")
	if tok == "" {
		return reply{}, refuse(wire.ErrorInvalidRequest, "wanted token")
	}
	err := s.step(r, func(tx *store.Tx) error {
		g, _, found, err := tx.GrantByRefreshToken(hashOf(tok))
		if err != nil {
			return err
		}
		if !found {
			if id, ok := s.signer.grantOf(tok); ok {
				if g, found, err = tx.GrantByID(id); err != nil {
					return err
				}
			}
		}
		if !found || g.JKT != r.jkt || g.ClientID != r.get(wire.FieldClientID) {
			return nil
		}
		return tx.RevokeGrant(g.ID, s.Now())
	})
	return ok(struct{}{}), err
}
