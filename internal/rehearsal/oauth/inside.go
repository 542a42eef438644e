package oauth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"

	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// ErrNotGranted: an authorization code is unknown, used, expired or another's.
var ErrNotGranted = errors.New("authorization code is not to be claimed")

// Inside takes one step of the challenge for a caller in this process, the portal, on
// behalf of a browser: no HTTP, no proof of possession, everything else as for any
// client that nobody enrolled. So the portal has the same limits, the same phantoms and
// the same time for everybody, and no second way to check a password. form is as
// protocol spells it; holder stands where a key's thumbprint would, and must be a
// secret of the browser's session or derived from one. The answer is what a client
// would read; Claim follows an AuthorizationCode.
func (s *Service) Inside(ctx context.Context, holder string, form url.Values) wire.Answer {
	r := s.inside(ctx, holder, form)
	if form.Get(wire.FieldLoginHint) != "" {
		// Never redeemed at the token endpoint: no key has this thumbprint.
		form.Set(wire.FieldCodeChallengeMethod, wire.MethodS256)
		form.Set(wire.FieldCodeChallenge, base64.RawURLEncoding.EncodeToString(newToken().hash))
	}
	form.Set(wire.FieldClientID, s.ClientID)
	form.Set(wire.FieldResponseType, wire.ResponseTypeCode)
	out, err := s.challenge(r)
	if err != nil {
		out = s.failure(ctx, err)
	}
	note(ctx, out)
	a, _ := out.body.(wire.Answer) // the challenge has no other body
	if out.retryAfter > 0 {
		a.RetryAfter = new(seconds(out.retryAfter))
	}
	return a
}

// Claim takes a code that Inside gave to the same holder and says whose it is, once.
// It fails with ErrNotGranted.
func (s *Service) Claim(ctx context.Context, holder, code string) (account int64, err error) {
	r := s.inside(ctx, holder, nil)
	err = s.DB.Step(ctx, func(tx *store.Tx) error {
		now, hash := s.Now(), hashOf(code)
		c, found, err := tx.AuthorizationCode(hash)
		if err != nil {
			return err
		}
		if !found || c.JKT != r.jkt || now.After(c.ExpiresAt) {
			return ErrNotGranted
		}
		first, err := tx.ClaimAuthorizationCode(hash, now)
		if err == nil && !first {
			err = ErrNotGranted
		}
		account = c.AccountID
		return err
	})
	return account, err
}

// inside is a request of a holder in this process. The colon keeps it apart from every
// thumbprint: it is never a known tablet.
func (s *Service) inside(ctx context.Context, holder string, form url.Values) *request {
	return &request{ctx: ctx, form: form, jkt: "inside:" + base64.RawURLEncoding.EncodeToString(hashOf(holder))}
}
