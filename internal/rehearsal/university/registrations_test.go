package university_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portillon/internal/rehearsal/university"
)

func registrations(t *testing.T, content string) (*university.Directory, map[string]university.Client, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "universities.json")
	for name, text := range map[string]string{path: content, filepath.Join(dir, "rouen.secret"): "hush-hush\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return university.Registrations(path, france(t))
}

func TestRegistrations(t *testing.T) {
	d, clients, err := registrations(t, `[
		{"id": "rouen", "issuer": "https://cas.univ-rouen.fr/oidc", "client_id": "uness", "client_secret_file": "rouen.secret"},
		{"id": "neuve", "name": "Université Neuve", "domains": ["univ-neuve.fr"], "issuer": "https://op.univ-neuve.fr", "client_id": "uness"}]`)
	if err != nil {
		t.Fatal(err)
	}
	if c := clients["rouen"]; c.Secret != "hush-hush" || c.Issuer != "https://cas.univ-rouen.fr/oidc" || len(clients) != 2 {
		t.Errorf("%+v", clients)
	}
	if u, ok := d.Get("neuve"); !ok || !u.Speaks("a@etu.univ-neuve.fr") {
		t.Errorf("%+v", u)
	}
}

func TestRegistrationsRefuse(t *testing.T) {
	for _, bad := range []string{
		"", "{}", `[{"id": "rouen"}]`, `[{"id": "rouen", "issuer": "http://x.fr", "client_id": "u"}]`,
		`[{"id": "rouen", "issuer": "https://x.fr", "client_id": "u", "secret": "hush"}]`,
		`[{"id": "rouen", "issuer": "https://x.fr", "client_id": "u", "client_secret_file": "none"}]`,
		`[{"id": "neuve", "issuer": "https://x.fr", "client_id": "u"}]`,
		`[{"id": "rouen", "issuer": "https://x.fr", "client_id": "u"}, {"id": "rouen", "issuer": "https://x.fr", "client_id": "u"}]`,
	} {
		if _, _, err := registrations(t, bad); !errors.Is(err, university.ErrRegistrations) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
