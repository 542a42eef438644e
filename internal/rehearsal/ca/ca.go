// Package ca is the rehearsal service's own certificate authority: one root, made
// on first start and kept, and short-lived server certificates issued from it in
// memory. The service's doorway uses it for HTTPS and for the demonstration
// mailbox's STARTTLS.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"portillon/internal/rehearsal/keys"
)

// Lifetimes. Clocks of tablets may be a little behind: certificates start early.
const (
	rootLife   = 10 * 365 * 24 * time.Hour
	leafLife   = 30 * 24 * time.Hour
	renewAhead = 10 * 24 * time.Hour
	backdate   = time.Hour
)

// ErrBroken: the files are not a certificate authority of ours.
var ErrBroken = errors.New("not a usable certificate authority")

// Authority issues server certificates for a fixed set of names. It is safe for
// concurrent use.
type Authority struct {
	path  string
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	hosts []string
	now   func() time.Time

	mu   sync.Mutex
	leaf *tls.Certificate
}

// Open reads the authority in dir, or makes one there when there is none
// (ca.key mode 0600, ca.pem). Leaves are for 127.0.0.1, ::1, localhost and hosts.
func Open(dir string, now func() time.Time, hosts ...string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	a := &Authority{path: filepath.Join(dir, "ca.pem"), now: now}
	for _, h := range append([]string{"127.0.0.1", "::1", "localhost"}, hosts...) {
		if h != "" && !slices.Contains(a.hosts, h) {
			a.hosts = append(a.hosts, h)
		}
	}
	keyPath := filepath.Join(dir, "ca.key")
	err := a.read(keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		err = a.create(keyPath)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return a, nil
}

func (a *Authority) read(keyPath string) error {
	keyPEM, err := os.ReadFile(keyPath)
	if err != nil {
		return err
	}
	certPEM, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		// A new certificate over the old key would be another authority than the one tablets trust.
		return fmt.Errorf("%w: %s is missing beside its key", ErrBroken, a.path)
	}
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBroken, a.path, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return fmt.Errorf("%w: %s", ErrBroken, a.path)
	}
	if a.now().After(pair.Leaf.NotAfter) {
		return fmt.Errorf("%w: %s expired on %s", ErrBroken, a.path, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	a.key, a.cert = key, pair.Leaf
	return nil
}

func (a *Authority) create(keyPath string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := a.now()
	tmpl := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Portillon rehearsal CA"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(rootLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, err := issue(tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The certificate first: a key without it is refused, a certificate without
	// its key is simply replaced.
	if err := keys.WriteFile(a.path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})); err != nil {
		return err
	}
	if err := os.Chmod(a.path, 0o644); err != nil { // public; the directory's mode still applies
		return err
	}
	if err := keys.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return err
	}
	a.key, a.cert = key, cert
	return nil
}

func issue(tmpl, parent *x509.Certificate, public *ecdsa.PublicKey, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	tmpl.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// File is the path of the root's certificate, PEM.
func (a *Authority) File() string { return a.path }

// Pin is the root's public-key pin, "sha256/BASE64".
func (a *Authority) Pin() string {
	sum := sha256.Sum256(a.cert.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// Pool is a pool that holds the root alone.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Config is a server's TLS configuration; certificates renew themselves.
func (a *Authority) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return a.Leaf()
		},
	}
}

// Leaf is the server certificate in force, a new one well before the old expires.
func (a *Authority) Leaf() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.leaf != nil && now.After(a.leaf.Leaf.NotBefore) && now.Before(a.leaf.Leaf.NotAfter.Add(-renewAhead)) {
		return a.leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	tmpl := &x509.Certificate{
		Subject:     pkix.Name{CommonName: a.hosts[0]},
		NotBefore:   now.Add(-backdate),
		NotAfter:    now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if tmpl.NotAfter.After(a.cert.NotAfter) {
		tmpl.NotAfter = a.cert.NotAfter
	}
	for _, h := range a.hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	cert, err := issue(tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	a.leaf = &tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key, Leaf: cert}
	return a.leaf, nil
}
