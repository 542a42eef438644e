package demo

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
)

// Centre is what a demonstration's configuration says beside the service.
type Centre struct {
	Player    []string // exam.command
	Language  string   // "" is "fr"
	Scope     string   // "" is "openid profile"
	IdleReset string   // "" is "2m"
	Remember  string   // "" is "offered"
}

// WriteConfig writes the configuration of a tablet that trusts this service and
// no other.
func (s *Service) WriteConfig(path string, c Centre) error {
	pin, err := pinOf(s.CAFile)
	if err != nil {
		return err
	}
	quoted := make([]string, len(c.Player))
	for i, p := range c.Player {
		quoted[i] = fmt.Sprintf("%q", p)
	}
	or := func(v, otherwise string) string {
		if v == "" {
			return otherwise
		}
		return v
	}
	text := fmt.Sprintf(template, or(c.Language, "fr"), s.Issuer, or(c.Scope, "openid profile"), pin, s.CAFile,
		or(c.Remember, "offered"), or(c.IdleReset, "2m"), strings.Join(quoted, ", "))
	return os.WriteFile(path, []byte(text), 0o644)
}

// pinOf is the SPKI pin of the certificate in a PEM file (RFC 7469 §2.4).
func pinOf(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return "", fmt.Errorf("%s: no PEM block", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:]), nil
}

const template = `# A demonstration. A centre's own file starts from docs/portillon.example.toml.
lockdown = "off"
language = %q
timezone = "Europe/Paris"

[centre]
name = "Faculté de médecine"
room = "B12"
tablet = "B12-07"
local_phone = "01 23 45 67 89"
support_phone = "06.49.10.01.97"
support_uri = "https://sos.uness.fr/"
battery_min = 20
update_uri = ""

[identity]
provider = "fipa"
issuer = %q
client_id = "portillon"
scope = %q
pins = [%q]
ca_file = %q
code_valid = "180s"

[login]
exam = "Moodle Evaluation"
domains = ["univ-uness.fr", "etu.univ-uness.fr"]
remember_me = %q
idle_reset = %q
setup_uri = "https://portail.uness.fr"

[session]
max_age = "6h"

[exam]
command = [%s]
hosts = ["evaluation.example:443"]
`
