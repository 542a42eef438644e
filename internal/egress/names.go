package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// ErrHost: a host of the configuration that cannot be let through.
var ErrHost = errors.New("egress: not a host and port")

// Names are the hosts that may be reached.
type Names struct {
	ports map[string][]uint16 // by name: lower case, ASCII, no dot at the end
	// Fixed are the hosts that were given as addresses.
	Fixed []netip.AddrPort
}

// NewNames takes config.Config's EgressHosts, "host:port". It fails with ErrHost.
func NewNames(hosts []string) (Names, error) {
	n := Names{ports: map[string][]uint16{}}
	for _, h := range hosts {
		host, text, err := net.SplitHostPort(h)
		if err != nil {
			return Names{}, fmt.Errorf("%w: %q", ErrHost, h)
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return Names{}, fmt.Errorf("%w: %q", ErrHost, h)
		}
		if addr, err := netip.ParseAddr(host); err == nil {
			n.Fixed = append(n.Fixed, netip.AddrPortFrom(addr, uint16(port)))
			continue
		}
		name, err := idna.Lookup.ToASCII(host)
		if err != nil || name == "" {
			return Names{}, fmt.Errorf("%w: %q", ErrHost, h)
		}
		name = canonical(name)
		n.ports[name] = append(n.ports[name], uint16(port))
	}
	return n, nil
}

// Ports are those that may be reached at a name; none for a name that is not listed.
func (n Names) Ports(name string) []uint16 { return n.ports[canonical(name)] }

func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }
