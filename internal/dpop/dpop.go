// Package dpop makes and checks DPoP proofs (RFC 9449): the small signed
// statement "the holder of this key makes this request, now" that binds a login
// and its tokens to one tablet.
//
// The supervisor holds the tablet's Key and signs; the fipa adapter asks a Prover
// for a proof of each request; the rehearsal service calls Verify. The package
// imports nothing of the project.
//
//	LoadOrCreate(path) → Key ── Prove(Params) → proof ── header DPoP ──→ Verify(proof, Want) → Proof
//
// One algorithm is spoken, ES256: the only one every DPoP server knows, and an
// allow-list of one cannot be negotiated downwards.
package dpop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
)

// Type is the typ header of a proof (RFC 9449 §4.2), Algorithm its alg.
const (
	Type      = "dpop+jwt"
	Algorithm = "ES256"
)

// ErrParams is wrapped by Proof and Prove for a request nothing can be proven about.
var ErrParams = errors.New("dpop: request cannot be proven")

// Params is the request a proof is about.
type Params struct {
	// Method is the HTTP method, as sent: upper case for all standard ones.
	Method string
	// URL is the absolute http or https URL of the request. Its query and fragment are
	// left out of the proof.
	URL string
	// ATH is the hash of the access token that goes with the request (see
	// the function ATH); empty where none does.
	ATH string
	// Nonce is the newest the server gave; empty before it gave one.
	Nonce string
}

// Prover makes proofs. *Key is one; so is whatever asks the process that holds the key.
type Prover interface {
	// Prove returns the value of the DPoP header for one request. Each call gives
	// a new proof with a jti of its own; it may be called from several goroutines.
	Prove(ctx context.Context, p Params) (string, error)
}

// ATH is the hash of an access token that a proof carries when the token is used
// (RFC 9449 §4.2): base64url of its SHA-256.
func ATH(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// normalise gives the form in which two URLs of one resource are equal: RFC 9449
// §4.3 asks for the syntax- and scheme-based normalisation of RFC 3986 §6.2.2 and
// §6.2.3, and leaves query and fragment out.
func normalise(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("URL unreadable") // the cause would quote it
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "https" && scheme != "http" {
		return "", errors.New("URL is neither http nor https")
	}
	if u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", errors.New("URL without host, or with a user")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
	} else {
		host = net.JoinHostPort(host, port)
	}
	p := normalPath(u.EscapedPath())
	return scheme + "://" + host + p, nil
}

// normalPath removes dot segments, decodes the escapes of unreserved characters
// and writes the others in upper case.
func normalPath(escaped string) string {
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		if c != '%' || i+2 >= len(escaped) {
			b.WriteByte(c)
			continue
		}
		d := unhex(escaped[i+1])<<4 | unhex(escaped[i+2])
		if unreserved(d) {
			b.WriteByte(d)
		} else {
			fmt.Fprintf(&b, "%%%02X", d)
		}
		i += 2
	}
	p := b.String()
	if p == "" {
		return "/"
	}
	// path.Clean also merges slashes, which RFC 3986 does not: only where there are dots.
	if strings.Contains(p, "/.") {
		slash := strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/..")
		p = path.Clean(p)
		if slash && p != "/" {
			p += "/"
		}
	}
	return p
}

// unhex is the value of a hexadecimal digit; url.Parse has checked that it is one.
func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// unreserved is RFC 3986 §2.3.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
