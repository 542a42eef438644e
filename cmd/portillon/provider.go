package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"portillon/internal/config"
	"portillon/internal/identity"
	"portillon/internal/identity/fipa"
	"portillon/internal/identity/kratos"
	"portillon/internal/supervisor"
)

// supported fails where no screen process could come up: said at the start instead.
func supported(c *config.Config) error {
	switch c.Identity.Provider {
	case "fipa", "kratos":
		_, err := rootCAs(c.Identity.CAFile)
		return err
	}
	return fmt.Errorf("%s: identity.provider %q is not in this version yet; fipa and kratos are", c.Path, c.Identity.Provider)
}

func newProvider(c *config.Config, client *supervisor.Client) (identity.Provider, error) {
	roots, err := rootCAs(c.Identity.CAFile)
	if err != nil {
		return nil, err
	}
	if c.Identity.Provider == "kratos" {
		return kratos.New(kratos.Config{
			Base: c.Identity.Issuer, CodeValid: c.Identity.CodeValid,
			NameTraits: []string{"name", "name.first", "name.last"}, // a text, or an object of two
			Pins:       c.Identity.Pins, RootCAs: roots, Dial: client.Dial, Now: time.Now,
		})
	}
	return fipa.New(fipa.Config{
		Issuer: c.Identity.Issuer, ClientID: c.Identity.ClientID, Scope: c.Identity.Scope,
		Pins: c.Identity.Pins, RootCAs: roots, Dial: client.Dial, Prover: client, Now: time.Now,
	})
}

// rootCAs are those of a private CA's file; nil, the system's, without one.
func rootCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("identity.ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("identity.ca_file: %s holds no certificate", file)
	}
	return roots, nil
}
