package config

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// LabelFile is the file beside a configuration that says which room and tablet this is, where the signed one leaves them
// open: the image's boot writes it.
const LabelFile = "label.json"

// SignatureSuffix is what a configuration's signature is called after its file.
const SignatureSuffix = ".sig"

// Why a signature is no good; wrapped with what was found.
var (
	ErrUnsigned     = errors.New("not signed")
	ErrBadSignature = errors.New("signature is not good")
	ErrAltered      = errors.New("altered since it was signed")
	ErrExpired      = errors.New("expired")
	ErrRolledBack   = errors.New("older than one this tablet has seen")
	// ErrKeyTooOpen: someone beside the owner may read or write the private key.
	ErrKeyTooOpen = errors.New("accessible to others; wanted mode 0600")
	// ErrKeyBroken: the file is no Ed25519 key in PEM.
	ErrKeyBroken = errors.New("not an Ed25519 key in PEM")
)

// Signature is the content of FILE.sig.
type Signature struct {
	SHA256   string    `json:"sha256"` // of the file, in hex
	Serial   uint64    `json:"serial"` // grows with every signature; at least 1
	NotAfter time.Time `json:"not_after"`
	Value    string    `json:"signature"` // base64 of the Ed25519 signature over message
}

const maxSignature = 4 << 10

// message is what is signed: every member but the signature, so that none can be
// exchanged.
func (s Signature) message() []byte {
	return []byte("portillon configuration v1\n" + s.SHA256 + "\n" + strconv.FormatUint(s.Serial, 10) + "\n" +
		s.NotAfter.UTC().Format(time.RFC3339) + "\n")
}

// Sign signs a configuration's bytes. The serial must be at least 1 and the expiry is kept to
// the second.
func Sign(data []byte, key ed25519.PrivateKey, serial uint64, notAfter time.Time) (Signature, error) {
	if serial == 0 {
		return Signature{}, fmt.Errorf("config: sign: the serial must be at least 1")
	}
	sum := sha256.Sum256(data)
	s := Signature{SHA256: hex.EncodeToString(sum[:]), Serial: serial, NotAfter: notAfter.UTC().Truncate(time.Second)}
	s.Value = base64.StdEncoding.EncodeToString(ed25519.Sign(key, s.message()))
	return s, nil
}

// ParseSignature reads FILE.sig's bytes; it fails with ErrBadSignature.
func ParseSignature(b []byte) (Signature, error) {
	if len(b) > maxSignature {
		return Signature{}, fmt.Errorf("%w: longer than %d bytes", ErrBadSignature, maxSignature)
	}
	var s Signature
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Signature{}, fmt.Errorf("%w: not the JSON object of a signature", ErrBadSignature)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Signature{}, fmt.Errorf("%w: something follows the JSON object", ErrBadSignature)
	}
	return s, nil
}

// SHA256 is the hash, in hex, of the bytes the configuration was read from.
func (c *Config) SHA256() string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Verify holds a configuration's bytes against its signature. highest is the
// highest serial this tablet has accepted before; 0 for none. It fails with
// ErrBadSignature, ErrAltered, ErrExpired or ErrRolledBack, in this order.
func (s Signature) Verify(data []byte, key ed25519.PublicKey, now time.Time, highest uint64) error {
	value, err := base64.StdEncoding.DecodeString(s.Value)
	if err != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, s.message(), value) {
		return fmt.Errorf("%w: not made with this centre's key", ErrBadSignature)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != s.SHA256 {
		return ErrAltered
	}
	if now.After(s.NotAfter) {
		return fmt.Errorf("%w on %s", ErrExpired, s.NotAfter.Format(time.DateOnly))
	}
	if s.Serial < highest {
		return fmt.Errorf("%w: serial %d after %d", ErrRolledBack, s.Serial, highest)
	}
	return nil
}

// LoadSignature reads path's FILE.sig. A missing one is ErrUnsigned.
func LoadSignature(path string) (Signature, error) {
	b, err := readBounded(path+SignatureSuffix, maxSignature)
	if errors.Is(err, fs.ErrNotExist) {
		return Signature{}, fmt.Errorf("%s: %w: there is no %s", path, ErrUnsigned, filepath.Base(path)+SignatureSuffix)
	}
	if err != nil {
		return Signature{}, err
	}
	s, err := ParseSignature(b)
	if err != nil {
		return Signature{}, fmt.Errorf("%s: %w", path+SignatureSuffix, err)
	}
	return s, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	return b, errors.Join(err, f.Close())
}

// PEM block types of the two key files.
const (
	privateType = "PRIVATE KEY"
	publicType  = "PUBLIC KEY"
)

// NewKey makes a key pair: PKCS#8 and PKIX, in PEM.
func NewKey() (private, public []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	pubDER, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateType, Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: publicType, Bytes: pubDER}), nil
}

// LoadPrivateKey reads a key made by NewKey. A file that others may read or write is
// refused with ErrKeyTooOpen.
func LoadPrivateKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w, is %04o", path, ErrKeyTooOpen, info.Mode().Perm())
	}
	b, err := readBounded(path, maxSignature)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != privateType {
		return nil, fmt.Errorf("%s: %w", path, ErrKeyBroken)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if private, ok := key.(ed25519.PrivateKey); ok && err == nil {
		return private, nil
	}
	return nil, fmt.Errorf("%s: %w", path, ErrKeyBroken) // the cause could quote the key
}

// LoadPublicKey reads the public half.
func LoadPublicKey(path string) (ed25519.PublicKey, error) {
	b, err := readBounded(path, maxSignature)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != publicType {
		return nil, fmt.Errorf("%s: %w", path, ErrKeyBroken)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if public, ok := key.(ed25519.PublicKey); ok && err == nil {
		return public, nil
	}
	return nil, fmt.Errorf("%s: %w", path, ErrKeyBroken)
}
