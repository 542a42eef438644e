package lockdown

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"
)

// EgressOptions is who may reach what. Users are names or numbers that exist where the
// ruleset is loaded; an empty one has no rule, and so no network.
type EgressOptions struct {
	// Hosts are config.Config's EgressHosts, "host:port".
	Hosts []string
	// Users may connect to Hosts: the kiosk, and the player where it has one of its own.
	Users []string
	// Stub is the local resolver the Users may ask, over TCP; it must answer listed names
	// only, or questions themselves are a way out. The zero value:
	// the guard of internal/egress, at Stub.
	Stub netip.Addr
	// UDP lets Users ask the stub over UDP too: for a player that resolves with glibc.
	UDP bool
	// Resolver, Time and DHCP are the users that speak DNS, NTP and DHCP to anybody:
	// systemd-resolve, systemd-timesync, systemd-network.
	Resolver, Time, DHCP string
}

// Table is the nftables table (family inet) that Ruleset makes; SetV4 and SetV6 are its
// sets of "address . port".
const (
	Table = "portillon"
	SetV4 = "hosts4"
	SetV6 = "hosts6"
)

// Stub is where the guard of internal/egress answers on a tablet. Not 127.0.0.53 or .54, which are
// systemd-resolved's: it answers any name, and so carries a tunnel.
func Stub() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 55}) }

// ErrEgress: a host or user that does not belong into a ruleset.
var ErrEgress = errors.New("lockdown: not for a ruleset")

// Ruleset renders the tablet's firewall for nft -f: IPv4 and IPv6, everything dropped but what
// EgressOptions says. Loading it again replaces it. Its sets of addresses are empty, so a
// freshly loaded one lets nothing out; Elements fills them. What it refuses is
// counted ("nft list counters") and answered with "administratively prohibited" (TCP over IPv6:
// with a reset), so that a program fails at once instead of waiting.
//
// Names are comments only: a packet has none. Connections that stand outlive the
// address that left the set. DHCPv4's first exchange goes through a packet socket that no
// firewall sees.
func Ruleset(o EgressOptions) (string, error) {
	v := view{EgressOptions: o, Table: Table, V4: SetV4, V6: SetV6}
	for _, h := range o.Hosts {
		host, port, err := splitHost(h)
		if err != nil {
			return "", err
		}
		v.Names = append(v.Names, net.JoinHostPort(host, port))
		v.ports = append(v.ports, port)
	}
	users := append([]string{o.Resolver, o.Time, o.DHCP}, o.Users...)
	for _, u := range users {
		if u != "" && !regexp.MustCompile(`^[a-z_0-9][a-z0-9_-]{0,31}$`).MatchString(u) {
			return "", fmt.Errorf("%w: user %q", ErrEgress, u)
		}
	}
	if !v.Stub.IsValid() {
		v.Stub = Stub()
	}
	if !v.Stub.IsLoopback() {
		return "", fmt.Errorf("%w: the stub resolver is not on loopback", ErrEgress)
	}
	var b strings.Builder
	t, err := template.New("egress").Parse(rulesetText)
	if err == nil {
		err = t.Execute(&b, v)
	}
	if err != nil {
		return "", fmt.Errorf("lockdown: ruleset: %w", err)
	}
	return b.String(), nil
}

// splitHost takes "host:port" and lets through nothing that a comment or a set could
// trip over.
func splitHost(h string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(h)
	if err != nil || !regexp.MustCompile(`^[A-Za-z0-9:._-]+$`).MatchString(host) {
		return "", "", fmt.Errorf("%w: host %q", ErrEgress, h)
	}
	if _, err := tcpPorts([]string{h}); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrEgress, err)
	}
	return host, port, nil
}

// view is what the template sees.
type view struct {
	EgressOptions
	Table, V4, V6 string
	Names         []string
	ports         []string
}

// UserSet is the users in nft's notation; "" when there is none.
func (v view) UserSet() string { return set(v.Users) }

// PortSet is the ports in nft's notation; "" when there is none.
func (v view) PortSet() string { return set(v.ports) }

// StubFamily is the stub's address family in nft's notation.
func (v view) StubFamily() string {
	if v.Stub.Is4() {
		return "ip"
	}
	return "ip6"
}

// set is "{ a, b }", sorted.
func set(items []string) string {
	items = slices.DeleteFunc(slices.Clone(items), func(s string) bool { return s == "" })
	if len(items) == 0 {
		return ""
	}
	slices.Sort(items)
	return "{ " + strings.Join(slices.Compact(items), ", ") + " }"
}

// Elements renders the nft -f script that adds addresses to the sets of a loaded ruleset, each
// for ttl (at least a second), or gives them that long again. All or nothing. It is for
// the one that may change the firewall to feed, with addresses of config.Config's
// EgressHosts and no others. No addresses: an empty script.
func Elements(addrs []netip.AddrPort, ttl time.Duration) (string, error) {
	if ttl < time.Second {
		return "", fmt.Errorf("%w: time to live %v", ErrEgress, ttl)
	}
	sorted := slices.Clone(addrs)
	slices.SortFunc(sorted, netip.AddrPort.Compare)
	var b strings.Builder
	for _, a := range slices.Compact(sorted) {
		addr := a.Addr().Unmap()
		switch {
		case !addr.IsValid(), addr.IsUnspecified(), addr.IsMulticast(), addr.IsLoopback(), addr.IsLinkLocalUnicast(), addr.Zone() != "", a.Port() == 0:
			return "", fmt.Errorf("%w: address %v", ErrEgress, a)
		}
		name := SetV6
		if addr.Is4() {
			name = SetV4
		}
		element := fmt.Sprintf("inet %s %s { %s . %d", Table, name, addr, a.Port())
		timed := fmt.Sprintf("%s timeout %ds }\n", element, int(ttl.Seconds()))
		// Adding what is there does not renew it, deleting what is not fails.
		b.WriteString("add element " + timed + "delete element " + element + " }\n" + "add element " + timed)
	}
	return b.String(), nil
}
