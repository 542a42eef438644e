package image

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"portillon/internal/config"
)

// Names of a centre's keys in their directory.
const (
	SecureBootKey  = "secure-boot.key" // stays with the centre
	SecureBootCert = "secure-boot.crt" // goes into the tablets' firmware
	ConfigKey      = "config.key"      // stays with the centre
	ConfigPublic   = "config.key.pub"  // goes into the image
)

// keyYears is how long the certificate says it is good for; firmware does not look.
const keyYears = 20

// Keygen makes a centre's keys in dir, which it creates: RSA of 2048 bits for Secure Boot,
// the one kind that all firmware verifies (UEFI 2.10, section 32.2.4), and Ed25519 for
// configurations. It replaces no key: tablets that trust the old one would be lost.
func Keygen(dir, centre string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Portillon, " + centre},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(keyYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	private, public, err := config.NewKey()
	if err != nil {
		return err
	}
	files := []File{
		{Path: SecureBootKey, Mode: 0o600, Data: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		{Path: SecureBootCert, Mode: 0o644, Data: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})},
		{Path: ConfigKey, Mode: 0o600, Data: private},
		{Path: ConfigPublic, Mode: 0o644, Data: public},
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.Path)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", filepath.Join(dir, f.Path), fs.ErrExist)
		}
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Path), f.Data, f.Mode); err != nil {
			return err
		}
	}
	return nil
}
