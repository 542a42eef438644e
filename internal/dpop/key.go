package dpop

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	// It refuses duplicate members and matches names by case, which
	// encoding/json does not.
	"github.com/go-jose/go-jose/v4/json"
)

// Key is a tablet's signing key, P-256. It prints as "[dpop key]". Its methods
// may be called from several goroutines.
type Key struct {
	private *ecdsa.PrivateKey
	signer  jose.Signer
	thumb   string
}

// NewKey makes a fresh key. It fails only where the signer cannot be built.
func NewKey() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("dpop: new key: %w", err)
	}
	return wrap(private)
}

func wrap(private *ecdsa.PrivateKey) (*Key, error) {
	opts := &jose.SignerOptions{EmbedJWK: true}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, opts.WithType(Type))
	if err != nil {
		return nil, fmt.Errorf("dpop: signer: %w", err)
	}
	thumb, err := thumbprint(&jose.JSONWebKey{Key: &private.PublicKey})
	if err != nil {
		return nil, err
	}
	return &Key{private: private, signer: signer, thumb: thumb}, nil
}

func thumbprint(jwk *jose.JSONWebKey) (string, error) {
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", errors.New("dpop: key has no thumbprint") // the cause may quote the key
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// Thumbprint names the key: base64url of its SHA-256 JWK thumbprint (RFC 7638), 43
// characters. It is what a service enrols.
func (k *Key) Thumbprint() string { return k.thumb }

// Format redacts for every verb of fmt.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[dpop key]")) }

// claims are the members of a proof's payload (RFC 9449 §4.2).
type claims struct {
	JTI   string `json:"jti"`
	HTM   string `json:"htm"`
	HTU   string `json:"htu"`
	IAT   any    `json:"iat"` // written as int64, read as float64: a number, never a string
	ATH   string `json:"ath,omitempty"`
	Nonce string `json:"nonce,omitempty"`
}

// Proof signs a proof of the request p, issued at now. It fails with ErrParams.
func (k *Key) Proof(p Params, now time.Time) (string, error) {
	if p.Method == "" {
		return "", fmt.Errorf("%w: no method", ErrParams)
	}
	htu, err := normalise(p.URL)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrParams, err)
	}
	payload, err := json.Marshal(claims{
		JTI: rand.Text(), // 130 bits
		HTM: p.Method, HTU: htu, ATH: p.ATH, Nonce: p.Nonce,
		IAT: now.Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("dpop: encode proof: %w", err)
	}
	signed, err := k.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("dpop: sign proof: %w", err)
	}
	proof, err := signed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("dpop: encode proof: %w", err)
	}
	return proof, nil
}

// Prove is Proof at the clock's present time. It makes *Key a Prover.
func (k *Key) Prove(ctx context.Context, p Params) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return k.Proof(p, time.Now())
}
