package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"portillon/internal/image"
)

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// parseAround reads flags before, between and after at most n other arguments.
func parseAround(flags *flag.FlagSet, args []string, n int) ([]string, error) {
	flags.SetOutput(io.Discard) // Main says it
	var rest []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		if rest, args = append(rest, args[0]), args[1:]; len(rest) > n {
			return nil, fmt.Errorf("%w: %q is too much", errUsage, rest[n])
		}
	}
	return rest, nil
}

// imageAnswer is the JSON of the image commands.
type imageAnswer struct {
	OK      bool     `json:"ok"`
	Image   string   `json:"image,omitempty"`
	Keys    string   `json:"keys,omitempty"`
	Disk    string   `json:"disk,omitempty"`
	Holds   []string `json:"holds,omitempty"`
	Differ  []string `json:"differ,omitempty"` // files of two builds
	Version string   `json:"version,omitempty"`
	// Systems are a disk's, what starts next first.
	Systems    []image.System `json:"systems,omitempty"`
	Thumbprint string         `json:"thumbprint,omitempty"`
	Refused    string         `json:"refused,omitempty"`
	Error      string         `json:"error,omitempty"`
}

func (r run) sayImage(asJSON bool, a imageAnswer, plain string, args ...any) error {
	if asJSON {
		return json.NewEncoder(r.out).Encode(a)
	}
	_, err := fmt.Fprintf(r.out, plain, args...)
	return err
}

// defaultKeys is where a centre's keys are when nobody says.
const defaultKeys = "portillon-keys"

func imageKeygen(_ context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	centre := flags.String("centre", "exam centre", "")
	rest, err := parseAround(flags, args, 1)
	if err != nil {
		return err
	}
	dir := strings.Join(append(rest, defaultKeys)[:1], "")
	if err := image.Keygen(dir, *centre, time.Now()); err != nil {
		return err
	}
	return r.sayImage(*asJSON, imageAnswer{OK: true, Keys: dir},
		"%s: keep the two .key files off every tablet and off the network\n", dir)
}

// buildFlags are image build's.
type buildFlags struct {
	asJSON, plan          bool
	keys, cache, out      string
	programs, lock        string
	options               image.Options
	epoch                 int64
	days                  int
	timeServers, keyboard list
}

func parseBuild(args []string) (buildFlags, error) {
	var f buildFlags
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.BoolVar(&f.asJSON, "json", false, "")
	flags.BoolVar(&f.plan, "plan", false, "")
	flags.StringVar(&f.keys, "keys", defaultKeys, "")
	flags.StringVar(&f.cache, "cache", "", "")
	flags.StringVar(&f.out, "out", filepath.Join("out", "image"), "")
	flags.StringVar(&f.programs, "programs", "", "")
	flags.StringVar(&f.options.Version, "version", "1", "")
	flags.Int64Var(&f.epoch, "epoch", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), "")
	flags.IntVar(&f.days, "days", 365, "")
	flags.BoolVar(&f.options.Firmware, "firmware", false, "")
	flags.StringVar(&f.lock, "lock", "", "")
	flags.Var(&f.timeServers, "ntp", "")
	flags.Var(&f.keyboard, "keyboard", "")
	if _, err := parseAround(flags, args, 0); err != nil {
		return f, err
	}
	return f, f.complete()
}

// complete fills in what is the machine's.
func (f *buildFlags) complete() (err error) {
	if f.programs == "" {
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		f.programs = filepath.Dir(exe)
	}
	if f.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		f.cache = filepath.Join(dir, "portillon", "image")
	}
	for _, p := range []*string{&f.programs, &f.keys, &f.cache, &f.out} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	o := &f.options
	o.Programs, o.ConfigKey = f.programs, filepath.Join(f.keys, image.ConfigPublic)
	o.SecureBootKey, o.SecureBootCert = filepath.Join(f.keys, image.SecureBootKey), filepath.Join(f.keys, image.SecureBootCert)
	o.Epoch = time.Unix(f.epoch, 0)
	o.TimeServers, o.Keyboards = f.timeServers, f.keyboard
	if f.lock != "" {
		if o.Lock, err = image.LoadLock(f.lock); err != nil {
			return err
		}
	}
	o.Mirror, err = image.ReadMirror(os.DirFS("/etc/apt"))
	return err
}

func imageBuild(ctx context.Context, r run, args []string) error {
	f, err := parseBuild(args)
	if err != nil {
		return err
	}
	for _, file := range []string{f.options.ConfigKey, f.options.SecureBootKey, f.options.SecureBootCert} {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("%w; portillonctl image keygen %s makes the keys", err, f.keys)
		}
	}
	plan, err := image.NewPlan(f.options, image.Definitions())
	if err != nil {
		return err
	}
	if f.plan {
		_, err := io.WriteString(r.out, plan.String())
		return err
	}
	say, end := r.progress()
	dir, err := plan.Apply(ctx, image.Where{Cache: f.cache, Out: f.out, Say: say})
	end()
	if err != nil {
		return err
	}
	signed, err := signOffer(filepath.Join(dir, image.OfferName), filepath.Join(f.keys, image.ConfigKey), f.days)
	if err != nil {
		return err
	}
	return r.sayImage(f.asJSON, imageAnswer{OK: true, Image: dir}, "%s\n%s\n", dir, signed)
}

// signOffer signs what tablets are offered, where the centre's key is at hand, and says so.
func signOffer(file, key string, days int) (string, error) {
	if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("%s: not signed (no %s here); tablets take it once it is: portillonctl config sign --key KEY --days %d %s", file, key, days, file), nil
	}
	signature, err := sign(signing{key: key, days: days, file: file})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: signed for updates, until %s", file, signature.NotAfter.Format(time.DateOnly)), nil
}

// progress draws a bar on a terminal, and writes a line a step where there is none.
func (r run) progress() (say func(float64, string), end func()) {
	if !terminal(r.err) {
		return func(done float64, what string) { _, _ = fmt.Fprintf(r.err, "%3.0f %% %s\n", done*100, what) }, func() {}
	}
	const width = 30
	say = func(done float64, what string) {
		n := int(done * width)
		_, _ = fmt.Fprintf(r.err, "\r\x1b[K[%s%s] %3.0f %% %s", strings.Repeat("#", n), strings.Repeat("·", width-n), done*100, what)
	}
	return say, func() { _, _ = fmt.Fprint(r.err, "\r\x1b[K") }
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}

// imageAdopt is what the image's boot runs: see portillon-adopt.service.
func imageAdopt(_ context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	o, asJSON := adoptFlags(flags)
	o.Wait = 20 * time.Second
	if _, err := parseAround(flags, args, 0); err != nil {
		return err
	}
	refusal, err := image.Adopt(*o)
	if err != nil {
		return err
	}
	if refusal != nil { // an answer, not a failure: the screen says it
		return r.sayImage(*asJSON, imageAnswer{Refused: refusal.Reason, Error: refusal.Detail}, "refused (%s): %s\n", refusal.Reason, refusal.Detail)
	}
	return r.sayImage(*asJSON, imageAnswer{OK: true}, "adopted\n")
}

// imageUSB is what the image's udev rules ask: may this device be plugged in?
func imageUSB(_ context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	file := flags.String("list", "/usr/lib/portillon/keyboards", "")
	rest, err := parseAround(flags, args, 1)
	if err != nil || len(rest) != 1 {
		return errors.Join(err, fmt.Errorf("%w: which VENDOR:PRODUCT?", errUsage))
	}
	b, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	answer := "refused"
	for line := range strings.Lines(string(b)) {
		if strings.TrimSpace(line) == strings.ToLower(rest[0]) {
			answer = "allowed"
		}
	}
	_, err = fmt.Fprintf(r.out, "PORTILLON_USB=%s\n", answer)
	return err
}
