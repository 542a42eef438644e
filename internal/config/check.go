package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Checks are worded for whoever edits the file: what the value must be, not which
// rule it broke.

func oneOf(allowed ...string) check {
	return func(v string) string {
		if slices.Contains(allowed, v) {
			return ""
		}
		return fmt.Sprintf("must be one of %q", allowed)
	}
}

// label is a text for the screen's header or the help.
func label(v string) string {
	switch {
	case utf8.RuneCountInString(v) > 80:
		return "must be at most 80 characters"
	case strings.TrimSpace(v) != v:
		return "must not begin or end with a space"
	case strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return "must hold visible characters only"
	}
	return ""
}

var phoneForm = regexp.MustCompile(`^\+?[0-9](?:[ .-]?[0-9]){2,14}$`)

func phone(v string) string {
	if !phoneForm.MatchString(v) {
		return "must be a telephone number: 3 to 15 digits, with spaces, dots or dashes between them"
	}
	return ""
}

// httpsURI accepts plain HTTP for a loopback address alone (RFC 8252 §8.3).
func httpsURI(v string) string {
	const must = `must be an address such as "https://host/path"`
	u, err := url.Parse(v)
	if err != nil { // its text would quote the value
		return must
	}
	switch {
	case u.Opaque != "" || u.Host == "" || u.Fragment != "" || u.User != nil:
		return must + ", without user or fragment"
	case hostName(u.Hostname()) != "":
		return must + ", with a valid host"
	case u.Port() != "" && portNumber(u.Port()) != "" || strings.HasSuffix(u.Host, ":"):
		return must + ", with a port from 1 to 65535 or none"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "must begin with https:// (http:// is for a loopback address alone)"
	case u.Scheme != "https" && u.Scheme != "http":
		return "must begin with https://"
	}
	return ""
}

func loopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost"
}

// issuer is compared byte for byte with what the server says (RFC 8414 §3.3).
func issuer(v string) string {
	switch {
	case strings.HasSuffix(v, "/"):
		return "must not end with a slash"
	case strings.Contains(v, "?"):
		return "must not have a query"
	}
	return ""
}

// token is VSCHAR without the space (RFC 6749 appendix A.1).
func token(v string) string {
	if strings.ContainsFunc(v, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return "must be visible ASCII characters without a space"
	}
	return ""
}

var scopeForm = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*$`)

// scope is RFC 6749 §3.3.
func scope(v string) string {
	if !scopeForm.MatchString(v) {
		return `must be words with one space between them, such as "openid profile"`
	}
	return ""
}

func pin(v string) string {
	b, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(v, "sha256/"))
	if err != nil || len(b) != 32 || !strings.HasPrefix(v, "sha256/") || strings.ContainsAny(v, "\r\n") {
		return `must be "sha256/" and 32 bytes in base64 (44 characters, ending in =)`
	}
	return ""
}

func absolutePath(v string) string {
	if !filepath.IsAbs(v) || filepath.Clean(v) != v {
		return "must be an absolute path without . or .. in it"
	}
	return argument(v)
}

func argument(v string) string {
	if strings.ContainsFunc(v, unicode.IsControl) {
		return "must not hold control characters"
	}
	return ""
}

var nameForm = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)

// hostName accepts a lower-case DNS name or an IP address.
func hostName(v string) string {
	if _, err := netip.ParseAddr(v); err == nil {
		return ""
	}
	last := v[strings.LastIndexByte(v, '.')+1:]
	if len(v) > 253 || !nameForm.MatchString(v) || strings.Trim(last, "0123456789") == "" {
		return "must be a lower-case host name or an IP address"
	}
	return ""
}

func mailDomain(v string) string {
	_, err := netip.ParseAddr(v)
	if err == nil || hostName(v) != "" || !strings.Contains(v, ".") || len(v)-strings.LastIndexByte(v, '.') < 3 {
		return `must be what follows the @ of an address, in lower case, such as "univ-uness.fr"`
	}
	return ""
}

func portNumber(v string) string {
	if n, err := strconv.ParseUint(v, 10, 16); err != nil || n == 0 {
		return "must be from 1 to 65535"
	}
	return ""
}

func hostPort(v string) string {
	host, port, err := net.SplitHostPort(v)
	if err != nil || hostName(host) != "" || portNumber(port) != "" {
		return `must be host:port, such as "evaluation.example:443"`
	}
	return ""
}
