package supervisor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"portillon/internal/dpop"

	"golang.org/x/net/idna"
)

// dialLimit bounds one dial, name and connection together.
const dialLimit = 30 * time.Second

// allowList is a set of "host:port", hosts in lower case and ASCII.
type allowList map[string]bool

// newAllowList takes "host:port" or "host" (then port 443).
func newAllowList(hosts []string) (allowList, error) {
	list := allowList{}
	for _, h := range hosts {
		host, port, err := net.SplitHostPort(h)
		if err != nil {
			host, port = strings.Trim(h, "[]"), "443"
		}
		name, err := canonical(host, port)
		if err != nil {
			return nil, fmt.Errorf("supervisor: host %q: %w", h, err)
		}
		list[name] = true
	}
	return list, nil
}

// issuerList allows the host of the identity service alone.
func issuerList(issuer string) (allowList, error) {
	name, err := urlHost(issuer)
	if err != nil {
		return nil, fmt.Errorf("supervisor: identity.issuer: %w", err)
	}
	return allowList{name: true}, nil
}

// canonical is the one way to write a host and port. A name is as net/http writes it.
func canonical(host, port string) (string, error) {
	if host == "" || port == "" {
		return "", fmt.Errorf("%w: no host or port", ErrNotAllowed)
	}
	if _, err := netip.ParseAddr(host); err != nil {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", fmt.Errorf("%w: not a host name", ErrNotAllowed)
		}
		host = ascii
	}
	return net.JoinHostPort(strings.ToLower(host), port), nil
}

// urlHost is where a request to raw goes. Plain http is for loopback addresses only.
func urlHost(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil {
		return "", fmt.Errorf("%w: not a plain URL", ErrNotAllowed)
	}
	host, port := u.Hostname(), u.Port()
	switch u.Scheme {
	case "https":
		if port == "" {
			port = "443"
		}
	case "http":
		if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
			return "", fmt.Errorf("%w: http beyond loopback", ErrNotAllowed)
		}
		if port == "" {
			port = "80"
		}
	default:
		return "", fmt.Errorf("%w: scheme", ErrNotAllowed)
	}
	return canonical(host, port)
}

// prove signs only for requests to hosts on the list.
func (l allowList) prove(ctx context.Context, key *dpop.Key, p dpop.Params) (string, error) {
	host, err := urlHost(p.URL)
	if err != nil {
		return "", err
	}
	if !l[host] {
		return "", ErrNotAllowed
	}
	proof, err := key.Prove(ctx, p)
	if err != nil {
		return "", fmt.Errorf("supervisor: prove: %w", err)
	}
	return proof, nil
}

// dial resolves and connects to a host on the list, over TCP and nothing else.
func (l allowList) dial(ctx context.Context, r *net.Resolver, p dialParams) (*net.TCPConn, error) {
	switch p.Network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("%w: network", ErrNotAllowed)
	}
	host, port, err := net.SplitHostPort(p.Addr)
	if err != nil {
		return nil, fmt.Errorf("%w: not host:port", ErrNotAllowed)
	}
	addr, err := canonical(host, port)
	if err != nil {
		return nil, err
	}
	if !l[addr] {
		return nil, ErrNotAllowed
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	d := net.Dialer{Resolver: r}
	d.SetMultipathTCP(false) // Landlock and the firewall know TCP
	conn, err := d.DialContext(ctx, p.Network, addr)
	if err != nil {
		return nil, fmt.Errorf("supervisor: dial: %w", err)
	}
	return conn.(*net.TCPConn), nil // what DialContext documents for these networks
}
