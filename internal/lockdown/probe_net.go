package lockdown

import (
	"bufio"
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// networkAttempts connect to loopback. That nobody listens there is no matter: a refused
// connection is one that was let out.
func networkAttempts(o ProbeOptions) []attempt {
	var out []attempt
	add := func(id string, layer Part, try func() error) {
		out = append(out, attempt{id, layer, func(context.Context) error { return try() }})
	}
	layer := PartTCP
	if o.Role == RoleScreen {
		layer = PartFilter
	}
	allowed := o.Ports
	if o.Role == RoleSupervisor {
		allowed = append([]uint16{portDNS}, o.Ports...)
	}
	for _, port := range []uint16{25, 53, 80, 110, 143, 443, 465, 587, 853, 993, 995, 8080} {
		if slices.Contains(allowed, port) {
			continue
		}
		for _, f := range []family{ip4, ip6} {
			add("tcp"+f.suffix()+"-"+strconv.Itoa(int(port)), layer, func() error { return connect(f, unix.SOCK_STREAM, 0, port) })
		}
	}
	add("mptcp", PartFilter, func() error { return connect(ip4, unix.SOCK_STREAM, unix.IPPROTO_MPTCP, 25) })
	if !o.UDP {
		for _, port := range []uint16{53, 443} {
			for _, f := range []family{ip4, ip6} {
				add("udp"+f.suffix()+"-"+strconv.Itoa(int(port)), PartFilter, func() error { return connect(f, unix.SOCK_DGRAM, 0, port) })
			}
		}
	}
	add("tfo-send", PartFilter, fastOpenSend)
	add("tfo-option", PartFilter, func() error {
		return onPair(func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1) })
	})
	add("packet-socket", PartFilter, func() error { return open(unix.AF_PACKET, unix.SOCK_DGRAM, 0) })
	add("raw-socket", PartFilter, func() error { return open(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) })
	add("vsock", PartFilter, func() error { return open(unix.AF_VSOCK, unix.SOCK_STREAM, 0) })
	add("kernel-crypto", PartFilter, func() error { return open(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) })
	if o.Role == RoleScreen {
		add("listen", PartFilter, func() error { return onPair(func(fd int) error { return unix.Listen(fd, 1) }) })
		add("abstract-socket", PartAbstract, connectAbstract)
	} else {
		add("tcp-bind", PartTCP, bindTCP)
	}
	return out
}

// family is an internet address family.
type family int

const (
	ip4 family = unix.AF_INET
	ip6 family = unix.AF_INET6
)

func (f family) suffix() string {
	if f == ip6 {
		return "6"
	}
	return ""
}

// loopback is the family's own address.
func (f family) loopback(port int) unix.Sockaddr {
	if f == ip6 {
		a := &unix.SockaddrInet6{Port: port}
		a.Addr[15] = 1
		return a
	}
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

func open(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// connect never waits: the connection is under way when it returns, or refused.
func connect(f family, kind, protocol int, port uint16) error {
	fd, err := unix.Socket(int(f), kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return err
	}
	return errors.Join(unix.Connect(fd, f.loopback(int(port))), unix.Close(fd))
}

func bindTCP() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Bind(fd, ip4.loopback(0)), unix.Close(fd))
}

// fastOpenSend sends with the flag on a UNIX socket, which ignores it: the filter alone
// can refuse.
func fastOpenSend() error {
	return onPair(func(fd int) error { return unix.Sendto(fd, []byte{0}, unix.MSG_FASTOPEN, nil) })
}

// onPair tries something on one end of a socket pair.
func onPair(try func(fd int) error) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return errors.Join(errUnclear, err)
	}
	return errors.Join(try(fds[0]), unix.Close(fds[0]), unix.Close(fds[1]))
}

// connectAbstract connects to an abstract UNIX socket that somebody listens on.
func connectAbstract() error {
	f, err := os.Open("/proc/net/unix")
	if err != nil {
		return errors.Join(errUnclear, err)
	}
	defer func() { _ = f.Close() }() // only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// Num RefCount Protocol Flags Type St Inode Path; Flags 00010000 listens.
		w := strings.Fields(lines.Text())
		if len(w) < 8 || w[3] != "00010000" || !strings.HasPrefix(w[7], "@") {
			continue
		}
		kind, err := strconv.ParseInt(w[4], 16, 0)
		if err != nil {
			continue
		}
		return connectUnix(int(kind), w[7])
	}
	if err := lines.Err(); err != nil {
		return errors.Join(errUnclear, err)
	}
	return errAbsent
}

func connectUnix(kind int, name string) error {
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Connect(fd, &unix.SockaddrUnix{Name: name}), unix.Close(fd))
}
