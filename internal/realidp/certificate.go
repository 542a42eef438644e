package realidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certify makes an authority and a certificate of it for 127.0.0.1, good for a day.
func (k *Kratos) certify(now time.Time) error {
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "realidp"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &authority.PublicKey, authority)
	if err != nil {
		return fmt.Errorf("authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, authority)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&authority.PublicKey)
	if err != nil {
		return fmt.Errorf("pin: %w", err)
	}
	sum := sha256.Sum256(spki)
	k.Pin = "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
	k.CAFile = filepath.Join(k.dir, "ca.crt")
	block := func(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }
	for name, text := range map[string][]byte{
		"ca.crt":  block("CERTIFICATE", caDER),
		"tls.crt": append(block("CERTIFICATE", der), block("CERTIFICATE", caDER)...),
		"tls.key": block("PRIVATE KEY", keyDER),
	} {
		if err := os.WriteFile(filepath.Join(k.dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Roots are the authority of the server's certificate.
func (k *Kratos) Roots() (*x509.CertPool, error) {
	text, err := os.ReadFile(k.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("realidp: %s holds no certificate", k.CAFile)
	}
	return pool, nil
}
