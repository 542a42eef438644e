package university

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrRegistrations: a file of registrations cannot be used; the error says why and
// quotes no secret.
var ErrRegistrations = errors.New("registrations with universities")

// registration is one entry of the file.
type registration struct {
	ID         string   `json:"id"` // of the directory; or a new one, with name and domains
	Name       string   `json:"name,omitempty"`
	Domains    []string `json:"domains,omitempty"`
	Issuer     string   `json:"issuer"`
	ClientID   string   `json:"client_id"`
	SecretFile string   `json:"client_secret_file,omitempty"` // beside the file unless absolute; none: a public client
}

// Registrations reads with which universities the portal is registered, from a JSON
// file: a list of objects with id, issuer, client_id and client_secret_file, and for a
// university that the directory lacks its name and domains. It fails with
// ErrRegistrations.
func Registrations(path string, d *Directory) (*Directory, map[string]Client, error) {
	fail := func(format string, args ...any) (*Directory, map[string]Client, error) {
		return nil, nil, fmt.Errorf("%w: %s: "+format, append([]any{ErrRegistrations, path}, args...)...)
	}
	f, err := os.Open(path)
	if err != nil {
		return fail("%w", err)
	}
	defer func() { _ = f.Close() }() // only read
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	var list []registration
	if err := dec.Decode(&list); err != nil {
		return fail("%w", err)
	}
	clients := map[string]Client{}
	for _, r := range list {
		c := Client{Issuer: r.Issuer, ID: r.ClientID}
		if _, twice := clients[r.ID]; twice || !secure(c.Issuer) || c.ID == "" {
			return fail("%q: twice, or no https issuer, or no client_id", r.ID)
		}
		if r.SecretFile != "" {
			if !filepath.IsAbs(r.SecretFile) {
				r.SecretFile = filepath.Join(filepath.Dir(path), r.SecretFile)
			}
			b, err := os.ReadFile(r.SecretFile)
			if err != nil {
				return fail("%q: %w", r.ID, err)
			}
			c.Secret = strings.TrimSpace(string(b))
		}
		clients[r.ID] = c
		if _, known := d.Get(r.ID); known && r.Name == "" && r.Domains == nil {
			continue
		}
		d, err = d.Keep(func(u University) bool { return u.ID != r.ID }).With(University{ID: r.ID, Name: r.Name, Domains: r.Domains})
		if err != nil {
			return fail("%w", err)
		}
	}
	return d, clients, nil
}
