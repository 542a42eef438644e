package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
)

// AllowedHosts is what the supervisor may dial for the login, as host:port: the
// identity service alone. The addresses of [identity.cas] are recognised, never
// fetched.
func (c *Config) AllowedHosts() []string {
	return compact([]string{dialled(c.Identity.Issuer)})
}

// Local reports whether the service is on this very machine, as in a demonstration: no network
// is needed to reach it.
func (i Identity) Local() bool {
	u, err := url.Parse(i.Issuer)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// EgressHosts is all that may leave the tablet, as host:port: the login's hosts, the
// exam's, and where updates come from.
func (c *Config) EgressHosts() []string {
	all := append(c.AllowedHosts(), c.Exam.Hosts...)
	return compact(append(all, dialled(c.Centre.UpdateURI)))
}

// dialled is the host:port behind a checked URI, with the scheme's own port where it
// names none; empty for an empty URI.
func dialled(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		return ""
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// compact drops empty and repeated entries and keeps the order.
func compact(hosts []string) []string {
	out := make([]string, 0, len(hosts))
	for _, h := range hosts {
		if h != "" && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// Warnings is what a centre should know before the day of the exam though the
// file is valid. That a pin belongs to a leaf certificate cannot be seen
// offline.
func (c *Config) Warnings() Errors {
	const key = "identity.pins"
	var out Errors
	warn := func(i int, format string, args ...any) {
		w := Error{File: c.Path, Key: key, Msg: fmt.Sprintf(format, args...)}
		if i >= 0 {
			w.Key = fmt.Sprintf("%s[%d]", key, i)
		}
		if e := c.pinsEntry(); e != nil {
			w.Line = e.line
			if i >= 0 && i < len(e.elems) {
				w.Line = e.elems[i].line
			}
		}
		out = append(out, w)
	}
	if len(compact(c.Identity.Pins)) == 1 {
		warn(-1, "one pin alone: when that key is replaced, every tablet stops; pin a second issuing CA")
	}
	for i, p := range c.Identity.Pins {
		if first := slices.Index(c.Identity.Pins, p); first < i {
			warn(i, "the same pin as %s[%d]", key, first)
		}
	}
	return out
}

func (c *Config) pinsEntry() *entry {
	if c.doc == nil { // a Config made in a test
		return nil
	}
	return c.doc.byPath["identity.pins"]
}
