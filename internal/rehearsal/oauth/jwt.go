package oauth

import (
	"crypto/ecdsa"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"portillon/internal/rehearsal/store"
)

// typeAccess is the typ of an access token (RFC 9068 §2.1).
const typeAccess = "at+jwt"

// signer signs access tokens (RFC 9068, bound to a key by RFC 9449 §6.1) and
// id_tokens. It is safe for concurrent use.
type signer struct {
	at, id jose.Signer
	public *ecdsa.PublicKey
}

func newSigner(key jose.JSONWebKey) (*signer, error) {
	private, ok := key.Key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("signing key is not ECDSA")
	}
	build := func(typ jose.ContentType) (jose.Signer, error) {
		return jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(typ))
	}
	at, err := build(typeAccess)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	id, err := build("JWT")
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return &signer{at, id, &private.PublicKey}, nil
}

type confirmation struct {
	JKT string `json:"jkt"`
}

type accessClaims struct {
	ClientID string       `json:"client_id"`
	Scope    string       `json:"scope,omitempty"`
	CNF      confirmation `json:"cnf"`
	Grant    string       `json:"grant"`
}

func (s *signer) access(issuer string, g store.Grant, a store.Account, now time.Time) (string, error) {
	return sign(s.at, jwt.Claims{
		Issuer: issuer, Subject: a.Sub, Audience: jwt.Audience{issuer}, ID: newToken().text,
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(accessTokenLife)),
	}, accessClaims{g.ClientID, g.Scope, confirmation{g.JKT}, strconv.FormatInt(g.ID, 10)})
}

// identityClaims beside the registered ones; wire.ClaimExtraTime names the last.
type identityClaims struct {
	AuthTime  int64  `json:"auth_time"`
	Name      string `json:"name"`
	ExtraTime string `json:"extra_time,omitempty"`
}

func (s *signer) identity(issuer string, g store.Grant, a store.Account, now time.Time) (string, error) {
	return sign(s.id, jwt.Claims{
		Issuer: issuer, Subject: a.Sub, Audience: jwt.Audience{g.ClientID},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(idTokenLife)),
	}, identityClaims{g.GrantedAt.Unix(), a.Name, a.ExtraTime})
}

func sign(s jose.Signer, claims ...any) (string, error) {
	b := jwt.Signed(s)
	for _, c := range claims {
		b = b.Claims(c)
	}
	out, err := b.Serialize()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return out, nil
}

// grantOf reads the grant of an access token of ours, expired or not.
func (s *signer) grantOf(token string) (int64, bool) {
	if strings.Count(token, ".") != 2 {
		return 0, false
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || len(parsed.Headers) != 1 || parsed.Headers[0].ExtraHeaders[jose.HeaderType] != typeAccess {
		return 0, false
	}
	var c accessClaims
	if err := parsed.Claims(s.public, &c); err != nil {
		return 0, false
	}
	id, err := strconv.ParseInt(c.Grant, 10, 64)
	return id, err == nil
}
