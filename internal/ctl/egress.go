package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"portillon/internal/config"
	"portillon/internal/egress"
	"portillon/internal/lockdown"
)

// egressFlags are those of the four commands.
type egressFlags struct {
	options                  lockdown.EgressOptions
	users, stub              string
	asJSON, unsigned, closed bool
	key, state               string
	upstream                 string
	file                     string
}

// The tablet's own, as the image has them.
const (
	tabletKey = "/usr/lib/portillon/config.pub"
	// localResolver is systemd-resolved, as it answers on loopback.
	localResolver = "127.0.0.53:53"
)

func parseEgress(args []string) (egressFlags, error) {
	var f egressFlags
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Main says it
	flags.StringVar(&f.users, "users", "kiosk", "")
	flags.StringVar(&f.options.Resolver, "resolver", "systemd-resolve", "")
	flags.StringVar(&f.options.Time, "time", "systemd-timesync", "")
	flags.StringVar(&f.options.DHCP, "dhcp", "systemd-network", "")
	flags.BoolVar(&f.options.UDP, "udp", false, "")
	flags.StringVar(&f.stub, "stub", lockdown.Stub().String(), "")
	flags.StringVar(&f.upstream, "upstream", localResolver, "")
	flags.StringVar(&f.key, "key", tabletKey, "")
	flags.BoolVar(&f.unsigned, "unsigned", false, "")
	flags.BoolVar(&f.closed, "closed", false, "")
	flags.StringVar(&f.state, "state", os.Getenv("STATE_DIRECTORY"), "")
	flags.BoolVar(&f.asJSON, "json", false, "")
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return f, fmt.Errorf("%w: %w", errUsage, err)
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		if f.file != "" {
			return f, fmt.Errorf("%w: one FILE at a time", errUsage)
		}
		f.file, args = args[0], args[1:]
	}
	if f.file == "" && !f.closed {
		return f, fmt.Errorf("%w: which FILE?", errUsage)
	}
	f.options.Users = strings.Split(f.users, ",")
	var err error
	if f.options.Stub, err = netip.ParseAddr(f.stub); err != nil {
		return f, fmt.Errorf("%w: --stub: %w", errUsage, err)
	}
	return f, nil
}

// errClosed: it is the ruleset of no configuration.
var errClosed = fmt.Errorf("%w: --closed is for printing", errUsage)

// rules renders the ruleset for hosts.
func (f egressFlags) rules(hosts []string) (string, error) {
	o := f.options
	o.Hosts = hosts
	return lockdown.Ruleset(o)
}

// egressAnswer is the JSON of egress and egress check.
type egressAnswer struct {
	OK      bool     `json:"ok"`
	File    string   `json:"file"`
	Hosts   []string `json:"hosts"`
	Ruleset string   `json:"ruleset,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func (f egressFlags) load() (*config.Config, string, error) {
	c, err := config.Load(f.file)
	if err != nil {
		return nil, "", err
	}
	rules, err := f.rules(c.EgressHosts())
	return c, rules, err
}

func egressRender(_ context.Context, r run, args []string) error {
	f, err := parseEgress(args)
	if err != nil {
		return err
	}
	if f.closed { // what a tablet has until its configuration is accepted
		rules, err := f.rules(nil)
		if err != nil {
			return err
		}
		_, err = io.WriteString(r.out, rules)
		return err
	}
	c, rules, err := f.load()
	if err != nil {
		return err
	}
	if f.asJSON {
		return json.NewEncoder(r.out).Encode(egressAnswer{OK: true, File: f.file, Hosts: c.EgressHosts(), Ruleset: rules})
	}
	_, err = io.WriteString(r.out, rules)
	return err
}

// firewall is nft, where this process may use it.
func firewall() (egress.Nft, error) {
	if err := egress.MayAdminister(); err != nil {
		return egress.Nft{}, err
	}
	return egress.FindNft()
}

func egressCheck(ctx context.Context, r run, args []string) error {
	f, err := parseEgress(args)
	if err == nil && f.closed {
		err = errClosed
	}
	if err != nil {
		return err
	}
	c, rules, err := f.load()
	if err != nil {
		return err
	}
	nft, err := firewall()
	if err == nil {
		err = nft.Compare(ctx, rules, lockdown.Table)
	}
	if f.asJSON {
		a := egressAnswer{OK: err == nil, File: f.file, Hosts: c.EgressHosts()}
		if err != nil {
			a.Error, err = err.Error(), errSaid
		}
		return errors.Join(json.NewEncoder(r.out).Encode(a), err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "%s: in force\n", f.file)
	return err
}

// accepted is the configuration, once its signature is good.
func (f egressFlags) accepted(now time.Time) (*config.Config, error) {
	c, err := config.Load(f.file)
	if err != nil || f.unsigned {
		return c, err
	}
	if f.state != "" {
		_, err = c.Accept(f.key, filepath.Join(f.state, "serial"), now)
		return c, err
	}
	_, err = verify(signing{key: f.key, file: f.file})
	return c, err
}

// egressApply is for a technician: the hosts' addresses of this moment, for an hour.
func egressApply(ctx context.Context, r run, args []string) error {
	f, err := parseEgress(args)
	if err == nil && f.closed {
		err = errClosed
	}
	if err != nil {
		return err
	}
	c, err := f.accepted(time.Now())
	if err != nil {
		return err
	}
	nft, err := firewall()
	if err != nil {
		return err
	}
	rules, err := f.rules(c.EgressHosts())
	if err != nil {
		return err
	}
	addrs, err := resolveAll(ctx, c.EgressHosts())
	if err != nil {
		return err
	}
	open, err := lockdown.Elements(addrs, time.Hour)
	if err != nil {
		return err
	}
	if err := nft.Load(ctx, rules+open); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "%s: in force, %d addresses open for an hour\n", f.file, len(addrs))
	return err
}

// resolveAll are the addresses of every host now; one without any is an error.
func resolveAll(ctx context.Context, hosts []string) ([]netip.AddrPort, error) {
	var out []netip.AddrPort
	for _, h := range hosts {
		host, port, err := net.SplitHostPort(h)
		if err != nil {
			return nil, err
		}
		number, err := net.LookupPort("tcp", port)
		if err != nil {
			return nil, err
		}
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			out = append(out, netip.AddrPortFrom(a, uint16(number)))
		}
	}
	return out, nil
}

func egressServe(ctx context.Context, r run, args []string) error {
	f, err := parseEgress(args)
	if err == nil && f.closed {
		err = errClosed
	}
	if err != nil {
		return err
	}
	if f.unsigned {
		return fmt.Errorf("%w: serve asks for a signature", errUsage)
	}
	if f.state == "" {
		return fmt.Errorf("%w: serve remembers serials: --state DIR or STATE_DIRECTORY", errUsage)
	}
	nft, err := firewall()
	if err != nil {
		return err
	}
	stub := net.JoinHostPort(f.options.Stub.String(), "53")
	var sockets net.ListenConfig
	sockets.SetMultipathTCP(false)
	tcp, err := sockets.Listen(ctx, "tcp", stub)
	if err != nil {
		return err
	}
	udp, err := sockets.ListenPacket(ctx, "udp", stub)
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	return egress.New(egress.Options{
		Verify: func() ([]string, error) {
			c, err := f.accepted(time.Now())
			if err != nil {
				return nil, err
			}
			return c.EgressHosts(), nil
		},
		Rules: f.rules, Load: nft.Load, Upstream: f.upstream,
		Log: slog.New(slog.NewJSONHandler(r.err, nil)),
	}).Run(ctx, tcp, udp)
}
