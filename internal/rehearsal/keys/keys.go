// Package keys holds what the rehearsal service keeps secret beside its
// database: the keys under which one-time codes are hashed, waiting mails
// sealed and tokens signed. The oauth and mail packages use them.
//
// They live in DATA/keys, mode 0600 in a directory of 0700, so that a copy of the
// database alone tells neither a code nor a mail.
package keys

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
)

// ErrBroken: a key file does not hold what it should; it is neither repaired
// nor replaced.
var ErrBroken = errors.New("key file is damaged")

// ErrUnsealed: the bytes were not sealed with this key.
var ErrUnsealed = errors.New("sealed data cannot be opened")

const size = 32

// Ring is the set of keys. It is immutable and safe for concurrent use.
type Ring struct {
	id      string
	mac     []byte
	aead    cipher.AEAD
	signing jose.JSONWebKey
}

// Load reads the keys in dir and makes those that are missing.
func Load(dir string) (*Ring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	mac, err := secret(filepath.Join(dir, "mac.key"))
	if err != nil {
		return nil, err
	}
	seal, err := secret(filepath.Join(dir, "mail.key"))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	signing, err := signer(filepath.Join(dir, "signing.pem"))
	if err != nil {
		return nil, err
	}
	r := &Ring{mac: mac, aead: aead, signing: signing}
	// What is under a key of 256 random bits tells nothing of it.
	r.id = base64.RawURLEncoding.EncodeToString(r.MAC("identity of the ring", (&Ring{mac: seal}).MAC("identity"), []byte(signing.KeyID)))
	return r, nil
}

func secret(path string) ([]byte, error) {
	b, err := readOrCreate(path, func() ([]byte, error) {
		raw := make([]byte, size)
		_, _ = rand.Read(raw) // never fails (crypto/rand)
		return []byte(base64.StdEncoding.EncodeToString(raw) + "\n"), nil
	})
	if err != nil {
		return nil, err
	}
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(raw, b)
	if err != nil || n != size {
		return nil, fmt.Errorf("%s: %w", path, ErrBroken)
	}
	return raw[:n], nil
}

func signer(path string) (jose.JSONWebKey, error) {
	b, err := readOrCreate(path, func() ([]byte, error) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
	})
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return jose.JSONWebKey{}, fmt.Errorf("%s: %w", path, ErrBroken)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	k, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return jose.JSONWebKey{}, fmt.Errorf("%s: %w", path, ErrBroken)
	}
	jwk := jose.JSONWebKey{Key: k, Algorithm: string(jose.ES256), Use: "sig"}
	thumb, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("%s: %w", path, err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumb)
	return jwk, nil
}

// readOrCreate reads path; where there is none it writes what create returns,
// complete or not at all.
func readOrCreate(path string, create func() ([]byte, error)) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return b, wrap(err)
	}
	if b, err = create(); err != nil {
		return nil, wrap(err)
	}
	if err := WriteFile(path, b); err != nil {
		return nil, err
	}
	return b, nil
}

// WriteFile writes a secret file, mode 0600, complete or not at all.
func WriteFile(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // CreateTemp makes it 0600
	if err != nil {
		return wrap(err)
	}
	defer func() {
		if err != nil {
			err = wrap(errors.Join(err, os.Remove(f.Name())))
		}
	}()
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keys: %w", err)
}

// ID names the ring without telling a key: two rings with one ID hold the same keys.
func (r *Ring) ID() string { return r.id }

// MAC is HMAC-SHA256 over parts, each with its length, under a key for purpose.
func (r *Ring) MAC(purpose string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, r.mac)
	for _, p := range append([][]byte{[]byte(purpose)}, parts...) {
		h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		h.Write(p)
	}
	return h.Sum(nil)
}

// Seal encrypts and authenticates plain (AES-256-GCM, random nonce).
func (r *Ring) Seal(plain []byte) []byte {
	return r.aead.Seal(nil, nil, plain, nil) //nolint:gosec // NewGCMWithRandomNonce draws the nonce itself
}

// Open reverses Seal; it fails with ErrUnsealed.
func (r *Ring) Open(sealed []byte) ([]byte, error) {
	plain, err := r.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, ErrUnsealed
	}
	return plain, nil
}

// Signing is the private key that signs tokens, with its kid.
func (r *Ring) Signing() jose.JSONWebKey { return r.signing }

// Public is the set published at jwks_uri.
func (r *Ring) Public() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{r.signing.Public()}}
}
