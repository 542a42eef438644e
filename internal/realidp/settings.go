package realidp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// KratosOptions say how a Kratos is set up. The zero value is what docs/servers.md
// recommends.
type KratosOptions struct {
	// CodeLife is how long a code lives (0: 3 minutes), FlowLife a login flow (0: 1 hour).
	CodeLife, FlowLife time.Duration
	// Unified asks for everything at once instead of the identifier first.
	Unified bool
	// HideAccounts turns Kratos's mitigation of account enumeration on.
	HideAccounts bool
	// Database is a PostgreSQL's address; "" for SQLite, which is quick to start, and where logins at
	// once lock each other out: two locks are taken in no order (gobuffalo/pop, dialect_sqlite.go).
	Database string
	// NoCode leaves the code out of what is on offer.
	NoCode bool
}

type object = map[string]any

// schema is a person with two addresses, both good for both methods, and a name.
func schema() object {
	address := object{
		"type": "string", "format": "email",
		"ory.sh/kratos": object{
			"credentials": object{
				"password": object{"identifier": true},
				"code":     object{"identifier": true, "via": "email"},
			},
			"verification": object{"via": "email"},
		},
	}
	return object{
		"$id": "https://person.invalid/", "$schema": "http://json-schema.org/draft-07/schema#", "title": "Person",
		"type": "object",
		"properties": object{"traits": object{
			"type":       "object",
			"properties": object{"email": address, "secondary": address, "name": object{"type": "string"}},
			"required":   []string{"email"}, "additionalProperties": false,
		}},
	}
}

// settings is Kratos's configuration.
func (k *Kratos) settings(o KratosOptions, c certificate) (object, error) {
	person, err := json.Marshal(schema())
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	style := "identifier_first"
	if o.Unified {
		style = "unified"
	}
	code, flow := o.CodeLife, o.FlowLife
	if code == 0 {
		code = 3 * time.Minute
	}
	if flow == 0 {
		flow = time.Hour
	}
	const secret = "only-for-tests-on-one-machine-32"
	door := func(port int, scheme string) object {
		return object{
			"host": "127.0.0.1", "port": port,
			"base_url": scheme + "://127.0.0.1:" + strconv.Itoa(port) + "/",
		}
	}
	public := door(k.publicPort, "https")
	// In the text, not as files: Kratos watches each file with an inotify instance of its own,
	// and a machine has but 128.
	inline := base64.StdEncoding.EncodeToString
	public["tls"] = object{"cert": object{"base64": inline(c.chain)}, "key": object{"base64": inline(c.key)}}
	return object{
		"version": KratosVersion,
		"dsn":     k.dsn,
		"serve":   object{"public": public, "admin": door(k.adminPort, "http")},
		"selfservice": object{
			"default_browser_return_url": k.URL + "/",
			"methods": object{
				"password": object{"enabled": true},
				"code": object{
					"enabled": !o.NoCode, "passwordless_enabled": !o.NoCode,
					"config": object{"lifespan": code.String()},
				},
			},
			"flows": object{"login": object{"style": style, "lifespan": flow.String(), "ui_url": k.URL + "/login"}},
		},
		"session":  object{"lifespan": "12h"},
		"identity": object{"default_schema_id": "person", "schemas": []object{{"id": "person", "url": "base64://" + inline(person)}}},
		"courier": object{
			"smtp":   object{"connection_uri": "smtp://" + k.mail.SMTPAddr + "/?disable_starttls=true"},
			"worker": object{"pull_wait": "100ms"},
		},
		// Argon2 takes passwords of any length, bcrypt no more than 72 bytes.
		"hashers": object{"algorithm": "argon2", "argon2": object{
			"memory": "8MB", "iterations": 1, "parallelism": 1, "salt_length": 16, "key_length": 32,
			"expected_duration": "10ms", "expected_deviation": "5ms", "dedicated_memory": "256MB",
		}},
		"secrets":  object{"default": []string{secret}, "cookie": []string{secret}, "cipher": []string{secret}},
		"security": object{"account_enumeration": object{"mitigate": o.HideAccounts}},
		// The log is evidence: with everything in it, it shows what was in addresses.
		"log": object{"level": "info", "format": "json", "leak_sensitive_values": true},
	}, nil
}

// write puts the configuration where Kratos reads it, and the authority where tablets do.
func (k *Kratos) write(o KratosOptions) error {
	c, err := certify(time.Now())
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	settings, err := k.settings(o, c)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(settings, "", " ")
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	k.Pin, k.CAFile = c.pin, filepath.Join(k.dir, "ca.crt")
	return errors.Join(
		os.WriteFile(k.CAFile, c.authority, 0o600),
		os.WriteFile(k.settingsFile(), text, 0o600),
	)
}

func (k *Kratos) settingsFile() string { return filepath.Join(k.dir, "kratos.json") }
