package ctl

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"portillon/internal/config"
	"portillon/internal/image"
	"portillon/internal/lockdown"
	"portillon/internal/preflight"
	"portillon/internal/provider"
	"portillon/internal/update"
)

// Files of portillon-update.service.
const (
	updateDir = "/run/portillon-update"
	// idleFile is the supervisor's IdleFile, as the unit sees it.
	idleFile = "/run/portillon-idle"
)

// freshFile is what imagePull leaves for imageTake.
func freshFile() string { return filepath.Join(updateDir, "fresh") }

// imagePull looks for a newer configuration, with no right to change anything: it leaves it in a
// file. It ends with 1 where there is nothing to take, whatever the reason.
func imagePull(ctx context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	file := flags.String("config", filepath.Join("/run/portillon", image.ConfigName), "")
	key := flags.String("key", image.ConfigKeyPath, "")
	sys := flags.String("sys", "/sys", "")
	idle := flags.String("idle", idleFile, "")
	looked := flags.String("looked", filepath.Join(updateDir, "looked"), "")
	to := flags.String("to", freshFile(), "")
	if _, err := parseAround(flags, args, 0); err != nil {
		return err
	}
	c, err := config.Load(*file)
	if err != nil {
		return err
	}
	now := time.Now()
	if answer := update.Decide(tabletNow(c, *sys, *idle, age(*looked, now), now)); answer != update.Look {
		return errors.Join(r.sayImage(*asJSON, imageAnswer{Refused: string(answer)}, "not now: %s\n", answer), errSaid)
	}
	if err := touch(*looked, now); err != nil {
		return err
	}
	held, err := config.LoadSignature(*file)
	if err != nil {
		return err
	}
	client, err := pullClient(c)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	b, err := image.Pull(ctx, image.PullOptions{URI: c.Centre.UpdateURI, Held: held.Serial, Key: *key, Now: time.Now, Client: client})
	if errors.Is(err, image.ErrNothingNewer) {
		return errors.Join(r.sayImage(*asJSON, imageAnswer{OK: true, Refused: err.Error()}, "%v\n", err), errSaid)
	}
	if err != nil {
		return err
	}
	raw, err := b.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(*to, raw, 0o644); err != nil { //nolint:gosec // signed and public; root, without its rights, reads it
		return err
	}
	return r.sayImage(*asJSON, imageAnswer{OK: true}, "a newer configuration: %s\n", *to)
}

// tabletNow is what decides whether the tablet looks for anything: last is how long ago it did.
func tabletNow(c *config.Config, sys, idle string, last time.Duration, now time.Time) update.Tablet {
	power := preflight.ReadStatus(sys)
	return update.Tablet{URI: c.Centre.UpdateURI, Mains: power.Charging, Battery: power.Battery, Idle: age(idle, now), Last: last}
}

// age is how long ago a file was written; -1: never.
func age(file string, now time.Time) time.Duration {
	info, err := os.Stat(file)
	if err != nil {
		return -1
	}
	return now.Sub(info.ModTime())
}

// pullClient trusts whom the login trusts, resolves as it does, and uses no proxy.
func pullClient(c *config.Config) (*http.Client, error) {
	roots, err := provider.Roots(c.Identity.CAFile)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: image.PullLimit, Resolver: lockdown.Resolver()}
	d.SetMultipathTCP(false) // the firewall knows TCP
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, Proxy: nil,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}, nil
}

// errInUse: somebody has come to the tablet since.
var errInUse = errors.New("somebody is at the tablet by now; it is fetched again later")

// imageTake puts in force what imagePull left, once more verified.
func imageTake(_ context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	o, asJSON := adoptFlags(flags)
	o.Wait = 0
	from := flags.String("from", freshFile(), "")
	idle := flags.String("idle", idleFile, "")
	if _, err := parseAround(flags, args, 0); err != nil {
		return err
	}
	if since := age(*idle, time.Now()); since < 0 || since > update.IdleMost {
		return errInUse
	}
	f, err := os.Open(*from)
	if err != nil {
		return err
	}
	b, err := image.ReadBundle(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := image.Take(*o, b); err != nil {
		return err
	}
	return r.sayImage(*asJSON, imageAnswer{OK: true}, "taken\n")
}

// adoptFlags are where a booted tablet has everything.
func adoptFlags(flags *flag.FlagSet) (o *image.AdoptOptions, asJSON *bool) {
	o = &image.AdoptOptions{Now: time.Now}
	asJSON = flags.Bool("json", false, "")
	flags.StringVar(&o.Partition, "partition", "/dev/disk/by-partuuid/"+image.ConfigPartition, "")
	flags.StringVar(&o.Key, "key", image.ConfigKeyPath, "")
	flags.StringVar(&o.Run, "run", "/run/portillon", "")
	flags.StringVar(&o.Serial, "serial", "/var/lib/portillon-adopt/serial", "")
	flags.StringVar(&o.WiFi, "wifi", "/var/lib/iwd", "")
	flags.StringVar(&o.Hardware, "hardware", "/sys/class/dmi/id/product_serial", "")
	return o, asJSON
}
