package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Why Verify refuses. ErrStale is kept apart: the tablet's clock is wrong, not
// the proof. Both are answered with invalid_dpop_proof.
var (
	ErrInvalid = errors.New("dpop: invalid proof")
	ErrStale   = errors.New("dpop: proof issued outside the accepted time")
)

// Bounds of a proof.
const (
	maxProof = 8 << 10
	// minJTI is 96 bits in base64, the least RFC 9449 §4.2 speaks of.
	minJTI, maxJTI = 16, 256
	maxNonce       = 1024
)

// Want is the request a service received.
type Want struct {
	Method string
	// URL is the absolute URL by which clients call the endpoint, whatever a reverse
	// proxy made of it. Query and fragment do not count.
	URL string
	// ATH, when not empty, is the hash of the presented access token, which the
	// proof must carry; when empty, the proof's is not looked at.
	ATH string
	Now time.Time
	// Leeway is how far iat may lie from Now, before or after.
	Leeway time.Duration
}

// Proof is what a valid proof said.
type Proof struct {
	// Thumbprint names the key that signed (Key.Thumbprint).
	Thumbprint string
	// JTI is unique to the proof: the service refuses one it has seen from this key within the leeway.
	JTI string
	// Nonce is the server's, given back; empty for none. The service compares it.
	Nonce    string
	IssuedAt time.Time
}

// Verify makes the checks of RFC 9449 §4.3 that need no memory: all but replay
// (JTI) and the nonce's value (Nonce), which are the service's, and that there is
// exactly one DPoP header. It fails with ErrInvalid or ErrStale, and never
// quotes the proof.
func Verify(proof string, w Want) (Proof, error) {
	bad := func(why string) (Proof, error) { return Proof{}, fmt.Errorf("%w: %s", ErrInvalid, why) }
	if len(proof) > maxProof {
		return bad("too long")
	}
	signed, err := jose.ParseSignedCompact(proof, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return bad("not a compact JWS with ES256")
	}
	header := signed.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != Type {
		return bad("wrong typ")
	}
	jwk := header.JSONWebKey
	if jwk == nil || !jwk.Valid() || !jwk.IsPublic() {
		return bad("no public jwk")
	}
	public, ok := jwk.Key.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return bad("jwk is not on P-256")
	}
	payload, err := signed.Verify(public)
	if err != nil {
		return bad("wrong signature")
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return bad("payload is not a claims object")
	}
	if why := c.mismatch(w); why != "" {
		return bad(why)
	}
	issued, ok := numericDate(c.IAT)
	if !ok {
		return bad("no usable iat")
	}
	if d := w.Now.Sub(issued).Abs(); d > w.Leeway {
		return Proof{}, ErrStale
	}
	thumb, err := thumbprint(jwk)
	if err != nil {
		return bad("jwk has no thumbprint")
	}
	return Proof{Thumbprint: thumb, JTI: c.JTI, Nonce: c.Nonce, IssuedAt: issued}, nil
}

// mismatch says which claim does not fit the request; "" for none.
func (c *claims) mismatch(w Want) string {
	if len(c.JTI) < minJTI || len(c.JTI) > maxJTI {
		return "jti too short or too long"
	}
	if len(c.Nonce) > maxNonce {
		return "nonce too long"
	}
	if c.HTM == "" || c.HTM != w.Method {
		return "htm is another method"
	}
	want, err := normalise(w.URL)
	if err != nil {
		return "the request's own URL cannot be compared"
	}
	if got, err := normalise(c.HTU); err != nil || got != want {
		return "htu is another URL"
	}
	if w.ATH != "" && subtle.ConstantTimeCompare([]byte(w.ATH), []byte(c.ATH)) != 1 {
		return "ath is another token's"
	}
	return ""
}

// numericDate reads RFC 7519's NumericDate, whole seconds or a fraction, between
// 1970 and 9999: outside, time arithmetic would wrap.
func numericDate(claim any) (time.Time, bool) {
	const year9999 = 253402300799
	f, ok := claim.(float64)
	if !ok || f < 0 || f > year9999 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}
