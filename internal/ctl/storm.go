package ctl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/fipa"
	"portillon/internal/provider"
	"portillon/internal/storm"
	"portillon/internal/wire"
)

const stormUsage = "storm --tablets N --issuer URL [--arrival 60s] [--ca FILE] [--accounts CSV] [--codes 20%] [--wrong 5%] " +
	"[--mailbox URL] [--histogram FILE.svg] [--server-pid PID] [--patience 15m] [--seed N] " +
	"[--find-knee [--knee-p95 1s] [--knee-within 5m]]"

// stormFlags are the command's words.
type stormFlags struct {
	tablets, serverPID           int
	arrival, patience            time.Duration
	issuer, clientID, scope, ca  string
	accounts, mailbox, histogram string
	codes, wrong                 share
	seed                         uint64
	findKnee                     bool
	knee                         storm.KneeOptions
	roots                        *x509.CertPool
	demo                         *wire.Demo
	client                       *http.Client
}

// share is a part of all: «20%» or «0.2».
type share float64

func (s *share) String() string { return strconv.FormatFloat(float64(*s)*100, 'g', -1, 64) + "%" }

// Set implements flag.Value.
func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x <= 1) {
		return errors.New("want 0% to 100%")
	}
	*s = share(x)
	return nil
}

// stormCommand logs in many tablets at once.
func stormCommand(ctx context.Context, r run, args []string) error {
	f, err := parseStorm(args)
	if err != nil {
		return err
	}
	o, err := f.options(ctx)
	if err != nil {
		return err
	}
	if isTerminal(r.err) {
		o.Progress = func(p storm.Progress) {
			_, _ = fmt.Fprintf(r.err, "\r%6.0f s  arrived %d  logged in %d  waiting %d  failed %d  retries %d ",
				p.Elapsed.Seconds(), p.Arrived, p.LoggedIn, p.Waiting, p.Failed, p.Retries) // for people, not for the result
		}
		defer func() { _, _ = fmt.Fprintln(r.err) }()
	}
	sum, err := f.pass(ctx, o)
	if err != nil {
		return err
	}
	if f.serverPID > 0 {
		if sum.ServerPeakMB, err = peakMB(f.serverPID); err != nil {
			return fmt.Errorf("--server-pid: %w", err)
		}
	}
	if f.histogram != "" {
		if err := drawHistogram(f.histogram, sum, fmt.Sprintf("%d tablets within %v", f.tablets, f.arrival)); err != nil {
			return fmt.Errorf("--histogram: %w", err)
		}
	}
	if err := json.NewEncoder(r.out).Encode(sum); err != nil {
		return err
	}
	if sum.Knee != nil && sum.Knee.PerSecond > 0 {
		return nil
	}
	if sum.Failed > 0 {
		return fmt.Errorf("%d of %d logins failed: %v", sum.Failed, sum.Tablets, sum.Failures)
	}
	return nil
}

// pass lets the storm pass, or storms of more and more tablets a second.
func (f *stormFlags) pass(ctx context.Context, o storm.Options) (storm.Summary, error) {
	if f.findKnee {
		return storm.FindKnee(ctx, o, f.knee)
	}
	return storm.Run(ctx, o)
}

func parseStorm(args []string) (*stormFlags, error) {
	f := &stormFlags{}
	fs := flag.NewFlagSet("storm", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // Main says it
	fs.IntVar(&f.tablets, "tablets", 0, "")
	fs.DurationVar(&f.arrival, "arrival", time.Minute, "")
	fs.DurationVar(&f.patience, "patience", 0, "")
	fs.StringVar(&f.issuer, "issuer", "", "")
	fs.StringVar(&f.clientID, "client-id", "portillon", "")
	fs.StringVar(&f.scope, "scope", "openid profile", "")
	fs.StringVar(&f.ca, "ca", "", "")
	fs.StringVar(&f.accounts, "accounts", "", "")
	fs.StringVar(&f.mailbox, "mailbox", "", "")
	fs.StringVar(&f.histogram, "histogram", "", "")
	fs.IntVar(&f.serverPID, "server-pid", 0, "")
	fs.Var(&f.codes, "codes", "")
	fs.Var(&f.wrong, "wrong", "")
	fs.BoolVar(&f.findKnee, "find-knee", false, "")
	fs.DurationVar(&f.knee.P95, "knee-p95", 0, "")
	fs.DurationVar(&f.knee.Within, "knee-within", 0, "")
	fs.Uint64Var(&f.seed, "seed", 1, "")
	fs.Bool("json", true, "") // it always is
	if err := fs.Parse(args); err != nil {
		return nil, fmt.Errorf("%w: %w; %s", errUsage, err, stormUsage)
	}
	if fs.NArg() > 0 || f.tablets < 1 || f.issuer == "" || f.arrival < 0 || f.patience < 0 {
		return nil, fmt.Errorf("%w: %s", errUsage, stormUsage)
	}
	return f, nil
}

// options reads what the flags name and asks the service for what they do not.
func (f *stormFlags) options(ctx context.Context) (storm.Options, error) {
	var none storm.Options
	var err error
	if f.roots, err = provider.Roots(f.ca); err != nil {
		return none, fmt.Errorf("--ca: %w", err)
	}
	f.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 64}}
	account, err := f.people(ctx)
	if err != nil {
		return none, err
	}
	o := storm.Options{
		Tablets: f.tablets, Arrival: f.arrival, Patience: f.patience, Provider: f.provider, Account: account,
		Codes: float64(f.codes), Wrong: float64(f.wrong), Seed: f.seed,
	}
	if f.codes > 0 {
		if f.mailbox == "" {
			demo, err := f.askDemo(ctx)
			if err != nil {
				return none, fmt.Errorf("--mailbox is needed to read codes: %w", err)
			}
			f.mailbox = demo.Mailbox
		}
		o.Mail = storm.Mailbox(f.mailbox, f.client)
	}
	return o, nil
}

// people are those of --accounts, or the demonstration's.
func (f *stormFlags) people(ctx context.Context) (func(int) storm.Account, error) {
	if f.accounts != "" {
		list, err := readAccounts(f.accounts)
		if err != nil {
			return nil, fmt.Errorf("--accounts: %w", err)
		}
		if len(list) < f.tablets {
			return nil, fmt.Errorf("--accounts: %s has %d accounts for %d tablets", f.accounts, len(list), f.tablets)
		}
		return func(i int) storm.Account { return list[i] }, nil
	}
	demo, err := f.askDemo(ctx)
	if err != nil {
		return nil, fmt.Errorf("--accounts is needed: %w", err)
	}
	if demo.Accounts < f.tablets {
		return nil, fmt.Errorf("the demonstration has %d accounts for %d tablets", demo.Accounts, f.tablets)
	}
	if _, err := identity.ParseEmail(fmt.Sprintf(demo.AddressFormat, 1)); err != nil {
		return nil, fmt.Errorf("the demonstration's addresses: %w", err)
	}
	return func(i int) storm.Account {
		email, _ := identity.ParseEmail(fmt.Sprintf(demo.AddressFormat, i+1)) // as good as the first
		return storm.Account{Email: email, Password: demo.Password}
	}, nil
}

// maxDemo bounds a demonstration's description, in bytes.
const maxDemo = 64 << 10

// askDemo asks a demonstration's service what a storm needs to know.
func (f *stormFlags) askDemo(ctx context.Context) (_ *wire.Demo, err error) {
	if f.demo != nil {
		return f.demo, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.issuer+wire.DemoPath, nil)
	if err != nil {
		return nil, fmt.Errorf("--issuer: %w", err)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s is no demonstration (status %d)", f.issuer, res.StatusCode)
	}
	demo := new(wire.Demo)
	if err := json.NewDecoder(io.LimitReader(res.Body, maxDemo)).Decode(demo); err != nil {
		return nil, fmt.Errorf("%s%s: %w", f.issuer, wire.DemoPath, err)
	}
	f.demo = demo
	return demo, nil
}

// readAccounts reads "address,password" lines; a first line that is no address is a heading.
func readAccounts(path string) ([]storm.Account, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	in := csv.NewReader(file)
	in.FieldsPerRecord = 2
	var out []storm.Account
	for line := 1; ; line++ {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		email, err := identity.ParseEmail(row[0])
		if err != nil && line > 1 {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		if err == nil {
			out = append(out, storm.Account{Email: email, Password: row[1]})
		}
	}
}

// provider makes the i-th tablet: its own key, connections and discovery.
func (f *stormFlags) provider(i int) (identity.Provider, error) {
	key, err := dpop.NewKey()
	if err != nil {
		return nil, err
	}
	return fipa.New(fipa.Config{
		Issuer: f.issuer, ClientID: f.clientID, Scope: f.scope, RootCAs: f.roots, Prover: key,
		Dial: dialFrom(f.issuer, i), Now: time.Now,
	})
}

// dialFrom gives tablets of a storm on loopback addresses of their own: one address has
// not enough ports for them all. Elsewhere it is nil, the system's choice.
func dialFrom(issuer string, i int) func(context.Context, string, string) (net.Conn, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil || !ip.IsLoopback() || ip.To4() == nil {
		return nil
	}
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/200%200+1), byte(i%200+1))}}
	d.SetMultipathTCP(false)
	return d.DialContext
}

func drawHistogram(path string, s storm.Summary, title string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return s.Histogram(file, title)
}

// peakMB is the most memory a process of this machine has held (proc(5), VmHWM).
func peakMB(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			return kb / 1024, err
		}
	}
	return 0, errors.New("no VmHWM; is it a running process?")
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
