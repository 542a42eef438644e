package identity

import (
	"context"
	"strings"
)

// Surveyor is what a Provider may be beside: one that can tell more of its service than a
// login needs. portillonctl doctor asks it; a login never does.
type Surveyor interface {
	// Survey takes the protocol's first step without naming anybody, and tells what the service
	// shows of itself. Errors are Provider's.
	Survey(ctx context.Context) (Survey, error)
}

// Survey is what a service shows of itself. It holds nobody's data, and no words of the service's
// but a version number.
type Survey struct {
	Health
	Protocol string // what the adapter speaks
	// Version is the service's, as ParseVersion let it through; empty where it is not shown.
	Version string
	// Methods are those on offer to anybody: "password", "email_code" and the like; nil where
	// the service tells them per account.
	Methods []string
}

// String is one line for a technician.
func (s Survey) String() string {
	parts := []string{s.Protocol}
	if s.Version != "" {
		parts[0] += " " + s.Version
	}
	methods := "methods told per account"
	if s.Methods != nil {
		methods = "methods: " + strings.Join(s.Methods, ", ")
	}
	parts = append(parts, methods)
	if s.Detail != "" {
		parts = append(parts, s.Detail)
	}
	return strings.Join(parts, "; ")
}

// ParseVersion lets a version number through and nothing else: digits with dots between them,
// perhaps after a v, perhaps with a short suffix ("v1.3.1", "7.1.0-RC4"). Anything else gives "".
func ParseVersion(s string) string {
	const most = 32
	if len(s) > most {
		return ""
	}
	number := strings.TrimPrefix(s, "v")
	core, suffix, _ := strings.Cut(number, "-")
	for part := range strings.SplitSeq(core, ".") {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return ""
		}
	}
	for _, r := range suffix {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-' || r == '+') {
			return ""
		}
	}
	return s
}
