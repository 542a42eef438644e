package ctl

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"portillon/internal/config"
	"portillon/internal/image"
	"portillon/internal/update"
)

// imageUpdate writes a later image in the slot of a disk that is not in use: a tablet's, from outside, or an
// image's file.
func imageUpdate(ctx context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	dir := flags.String("image", "", "")
	key := flags.String("key", filepath.Join(defaultKeys, image.ConfigPublic), "")
	rest, err := parseAround(flags, args, 1)
	if err != nil {
		return err
	}
	if len(rest) != 1 || *dir == "" {
		return fmt.Errorf("%w: image update DISK --image DIR [--key KEY.pub]", errUsage)
	}
	public, err := config.LoadPublicKey(*key)
	if err != nil {
		return err
	}
	offer, err := image.LoadOffer(*dir, public, time.Now())
	if err != nil {
		return err
	}
	kernels, err := image.KernelsOn(rest[0])
	if err != nil {
		return err
	}
	disk, err := os.OpenFile(rest[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = disk.Close() }() // what was written is on the disk, or was said
	installation, err := offer.Prepare(ctx, disk, kernels, "")
	if err != nil {
		return fmt.Errorf("%s: %w", rest[0], err)
	}
	say, end := r.progress()
	defer end()
	files := opened{dir: *dir}
	err = installation.Run(ctx, files.open, func(done float64) { say(done, "version "+offer.Version) })
	if err = errors.Join(err, files.close()); err != nil {
		return err
	}
	return r.sayImage(*asJSON, imageAnswer{OK: true, Disk: rest[0], Version: offer.Version},
		"%s: version %s starts next; what it has now stays in the other slot\n", rest[0], offer.Version)
}

// opened are files of a directory, one at a time.
type opened struct {
	dir  string
	last *os.File
}

func (o *opened) open(name string) (io.Reader, error) {
	err := o.close()
	if err == nil {
		o.last, err = os.Open(filepath.Join(o.dir, name))
	}
	return o.last, err
}

func (o *opened) close() error {
	if o.last == nil {
		return nil
	}
	err := o.last.Close()
	o.last = nil
	return err
}

// Where the two halves of an update in the tablet meet, and how long nothing may come.
const (
	installSocket = "/run/portillon-install.sock"
	fetchStall    = time.Minute
	// stillEvery is how often it is asked whether somebody came.
	stillEvery = 5 * time.Second
)

// imageFetch looks for a later image, and hands it to imageInstall as it comes. It has no right to change
// anything itself.
func imageFetch(ctx context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	file := flags.String("config", filepath.Join("/run/portillon", image.ConfigName), "")
	key := flags.String("key", image.ConfigKeyPath, "")
	sys := flags.String("sys", "/sys", "")
	idle := flags.String("idle", idleFile, "")
	looked := flags.String("looked", filepath.Join(updateDir, "looked-image"), "")
	running := flags.String("running", "/usr/lib/portillon/image", "")
	to := flags.String("to", installSocket, "")
	if _, err := parseAround(flags, args, 0); err != nil {
		return err
	}
	c, err := config.Load(*file)
	if err != nil {
		return err
	}
	decide := func(last time.Duration) update.Answer {
		now := time.Now()
		return update.DecideImage(tabletNow(c, *sys, *idle, last, now), c.Centre.ImageWindow, now.In(c.Timezone))
	}
	now := time.Now()
	if answer := decide(age(*looked, now)); answer != update.Look {
		return r.sayImage(*asJSON, imageAnswer{OK: true, Refused: string(answer)}, "not now: %s\n", answer)
	}
	if err := touch(*looked, now); err != nil {
		return err
	}
	version, err := os.ReadFile(*running)
	if err != nil {
		return err
	}
	client, err := pullClient(c)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	writer := &dialled{address: *to}
	defer func() { _ = writer.Close() }() // it said what it had to say
	var asked time.Time
	still := func() error {
		if time.Since(asked) < stillEvery {
			return nil
		}
		asked = time.Now()
		if answer := decide(-1); answer != update.Look {
			return fmt.Errorf("%w: %s", errNotNow, answer)
		}
		return nil
	}
	offer, err := image.Fetch(ctx, image.FetchOptions{PullOptions: image.PullOptions{URI: c.Centre.UpdateURI, Key: *key, Now: time.Now, Client: client},
		Running: strings.TrimSpace(string(version)), Writer: writer, Still: still, Stall: fetchStall})
	if errors.Is(err, image.ErrNothingNewer) || errors.Is(err, errNotNow) {
		return r.sayImage(*asJSON, imageAnswer{OK: true, Refused: err.Error()}, "%v\n", err)
	}
	if err != nil {
		return err
	}
	return r.sayImage(*asJSON, imageAnswer{OK: true, Version: offer.Version}, "version %s is there; it starts when the tablet does next\n", offer.Version)
}

// errNotNow: what allowed the fetching is no more.
var errNotNow = errors.New("not any more; it is fetched again later")

// touch says with a file's time when something was done.
func touch(file string, now time.Time) error {
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	return os.Chtimes(file, now, now)
}

// dialled is a connection that is made when it is first written to: most looks are in vain.
type dialled struct {
	address string
	conn    net.Conn
}

func (d *dialled) Write(b []byte) (n int, err error) {
	if d.conn == nil {
		if d.conn, err = net.Dial("unix", d.address); err != nil {
			return 0, err
		}
	}
	return d.conn.Write(b)
}

func (d *dialled) Read(b []byte) (int, error) { return d.conn.Read(b) }

func (d *dialled) Close() error {
	if d.conn == nil {
		return nil
	}
	return d.conn.Close()
}

// imageInstall is the half that writes: portillon-install@.service runs it for each connection.
func imageInstall(ctx context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	disk := flags.String("disk", "", "")
	esp := flags.String("esp", "/run/esp", "")
	key := flags.String("key", image.ConfigKeyPath, "")
	cmdline := flags.String("cmdline", "/proc/cmdline", "")
	if _, err := parseAround(flags, args, 0); err != nil {
		return err
	}
	public, err := config.LoadPublicKey(*key)
	if err != nil {
		return err
	}
	running, err := rootHash(*cmdline)
	if err != nil {
		return err
	}
	if *disk == "" {
		if *disk, err = ownDisk(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(*disk, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // what was written is on the disk, or was said
	receiver := image.Receiver{Key: public, Now: time.Now, Disk: f, Kernels: image.KernelDir(*esp), Running: running, Say: func(done float64) {
		_, _ = fmt.Fprintf(r.err, "%.0f %% written\n", done*100)
	}}
	offer, err := receiver.Receive(ctx, struct {
		io.Reader
		io.Writer
	}{os.Stdin, r.out})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.err, "version %s starts next\n", offer.Version)
	return err
}

// rootHash is that of the system that runs, from the kernel's command line.
func rootHash(cmdline string) (string, error) {
	b, err := os.ReadFile(cmdline)
	if err != nil {
		return "", err
	}
	for word := range strings.FieldsSeq(string(b)) {
		if hash, ok := strings.CutPrefix(word, "roothash="); ok {
			return hash, nil
		}
	}
	return "", fmt.Errorf("%s: no verified root", cmdline)
}

// ownDisk is the disk that the tablet started from, found by its EFI system partition's number.
func ownDisk() (string, error) {
	device, err := filepath.EvalSymlinks("/dev/disk/by-partuuid/" + image.ESPPartition)
	if err != nil {
		return "", err
	}
	in, err := filepath.EvalSymlinks("/sys/class/block/" + filepath.Base(device))
	if err != nil {
		return "", err
	}
	return "/dev/" + filepath.Base(filepath.Dir(in)), nil
}
