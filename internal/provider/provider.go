// Package provider is the one place that knows every identity adapter: it makes the one
// a centre's configuration names. cmd/portillon calls it for the screen process, and
// internal/ctl for portillonctl's commands; both get the same adapter, and differ in who
// dials and who signs.
package provider

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"portillon/internal/config"
	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/cas"
	"portillon/internal/identity/fipa"
	"portillon/internal/identity/kratos"
)

// Ways is how an adapter reaches the world.
type Ways struct {
	// Dial opens TCP connections; nil: net.Dialer without multipath TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Prover signs for the tablet's key. Protocols without proofs of possession do not ask it.
	Prover dpop.Prover
	// Now is the tablet's wall clock; nil: time.Now.
	Now func() time.Time
}

// ErrUnsupported is wrapped where no adapter of this build speaks identity.provider.
var ErrUnsupported = errors.New("is not one that this version speaks to")

// Supported fails where New would, as far as that can be known without a way to the
// network: with ErrUnsupported, or for an identity.ca_file that is no certificate.
func Supported(c *config.Config) error {
	switch c.Identity.Provider {
	case "fipa", "kratos", "cas":
		_, err := configured(c)
		return err
	}
	return unsupported(c)
}

// New makes the adapter that identity.provider names. It reaches for no network. It fails
// as Supported does, and with the adapter's ErrConfig.
func New(c *config.Config, w Ways) (identity.Provider, error) {
	roots, err := configured(c)
	if err != nil {
		return nil, err
	}
	switch c.Identity.Provider {
	case "kratos":
		return kratos.New(kratos.Config{
			Base: c.Identity.Issuer, CodeValid: c.Identity.CodeValid,
			NameTraits: []string{"name", "name.first", "name.last"}, // a text, or an object of two
			Pins:       c.Identity.Pins, RootCAs: roots, Dial: w.Dial, Now: w.Now,
		})
	case "cas":
		return cas.New(casConfig(c, roots, w))
	case "fipa":
		return fipa.New(fipa.Config{
			Issuer: c.Identity.Issuer, ClientID: c.Identity.ClientID, Scope: c.Identity.Scope,
			Pins: c.Identity.Pins, RootCAs: roots, Dial: w.Dial, Prover: w.Prover, Now: w.Now,
		})
	}
	return nil, unsupported(c)
}

func casConfig(c *config.Config, roots *x509.CertPool, w Ways) cas.Config {
	cfg := cas.Config{
		Base: c.Identity.Issuer, ClientID: c.Identity.ClientID, Scope: c.Identity.Scope, CodeValid: c.Identity.CodeValid,
		Pins: c.Identity.Pins, RootCAs: roots, Dial: w.Dial, Now: w.Now,
	}
	if own := c.Identity.CAS; own != nil { // config.Load has seen to it
		cfg.Mode, cfg.RedirectURI, cfg.Service = cas.Mode(own.Mode), own.RedirectURI, own.Service
	}
	return cfg
}

func unsupported(c *config.Config) error {
	return fmt.Errorf("%s: identity.provider %q %w", c.Path, c.Identity.Provider, ErrUnsupported)
}

func configured(c *config.Config) (*x509.CertPool, error) {
	roots, err := Roots(c.Identity.CAFile)
	if err != nil {
		return nil, fmt.Errorf("identity.ca_file: %w", err)
	}
	return roots, nil
}

// Roots are those of a private CA's file, PEM; nil, the system's, where file is "". It fails
// for a file that cannot be read or holds no certificate, and names it.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return roots, nil
}
