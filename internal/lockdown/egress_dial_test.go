package lockdown

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// errTarget: a line that dialTargets does not know.
var errTarget = errors.New("no such target")

// dialTargets reads lines "tcp|udp|mptcp|tfo|ping|dhcp|reuse ADDRESS:PORT" and says, as JSON, what came through.
func dialTargets() error {
	var mu sync.Mutex
	through := map[string]bool{}
	var all errgroup.Group // at once: what is dropped takes its time
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		target := lines.Text()
		all.Go(func() error {
			kind, addr, _ := strings.Cut(target, " ")
			ap, err := netip.ParseAddrPort(addr)
			if err != nil {
				return err
			}
			ok, err := reaches(kind, ap)
			mu.Lock()
			defer mu.Unlock()
			through[target] = ok
			return err
		})
	}
	if err := errors.Join(lines.Err(), all.Wait()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(through)
}

func reaches(kind string, to netip.AddrPort) (bool, error) {
	d := net.Dialer{Timeout: 2 * time.Second}
	d.SetMultipathTCP(kind == "mptcp")
	switch kind {
	case "tcp", "mptcp":
		c, err := d.Dial("tcp", to.String())
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	case "udp":
		c, err := d.Dial("udp", to.String())
		if err != nil {
			return false, nil
		}
		return echoes(c, []byte("x")), c.Close()
	case "dhcp": // from its own port
		d.LocalAddr = &net.UDPAddr{Port: 68}
		if to.Port() == 547 {
			d.LocalAddr = &net.UDPAddr{Port: 546}
		}
		c, err := d.Dial("udp", to.String())
		if err != nil {
			return false, nil
		}
		return echoes(c, []byte("x")), c.Close()
	case "reuse": // from the port that another user has just asked from
		d.LocalAddr = &net.UDPAddr{Port: 40053}
		c, err := d.Dial("udp", to.String())
		if err != nil {
			return false, nil
		}
		return echoes(c, []byte("x")), c.Close()
	case "tfo":
		return fastOpen(to)
	case "ping":
		return ping(to.Addr())
	}
	return false, fmt.Errorf("%w: %q", errTarget, kind)
}

// fastOpen sends data with the first packet (RFC 7413).
func fastOpen(to netip.AddrPort) (bool, error) {
	family, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(to.Port())})
	if to.Addr().Is6() {
		family, sa = unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	} else {
		sa.(*unix.SockaddrInet4).Addr = to.Addr().As4()
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	err = unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, sa)
	return err == nil, unix.Close(fd)
}

// ping asks for an echo with a socket that any user has (net.ipv4.ping_group_range).
func ping(to netip.Addr) (bool, error) {
	family, protocol, request := unix.AF_INET, unix.IPPROTO_ICMP, byte(8)
	var sa unix.Sockaddr
	if to.Is6() {
		family, protocol, request = unix.AF_INET6, unix.IPPROTO_ICMPV6, 128
		sa = &unix.SockaddrInet6{Addr: to.As16()}
	} else {
		sa = &unix.SockaddrInet4{Addr: to.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return false, err
	}
	if err := unix.Connect(fd, sa); err != nil {
		return false, unix.Close(fd)
	}
	f := os.NewFile(uintptr(fd), "ping")
	c, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	return echoes(c, []byte{request, 0, 0, 0, 0, 0, 0, 1}), c.Close()
}

// echoes asks a few times: while a neighbor is not known yet, packets are lost.
func echoes(c net.Conn, question []byte) bool {
	for range 4 {
		if err := c.SetDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			return false
		}
		if _, err := c.Write(question); err != nil {
			return false
		}
		if _, err := c.Read(make([]byte, 64)); err == nil {
			return true
		}
	}
	return false
}
