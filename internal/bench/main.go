// Command bench is `make bench`: what portillon costs, beside browsers' kiosks on an
// equal page and beside two floors, a bare Fyne window and an X client without a
// toolkit. One display, one run, the candidates in turn, medians. Nothing but its own
// children is started, and nothing leaves the machine.
//
//	display, service ─→ candidates in turn, runs times
//	     start ─→ painted ─→ settled on the code screen ─→ idle window ─→ memory ─→ keys
//	medians ─→ table or JSON (table.go)
//
// docs/performance.md says what the figures mean and what they must be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jezek/xgb"

	"portillon/internal/demo"
	"portillon/internal/e2e/hands"
)

// process is a candidate under way.
type process interface {
	Pid() int
	Kill() error
}

// candidate is one line of the table.
type candidate interface {
	name() string
	// start begins as nobody has before (caches of its own empty), or as ever.
	start(fresh bool) (process, error)
	settle(*hands.Hands) error // as far as the state that is compared
	field() image.Rectangle    // where a typed key shows, then
	files() ([]string, error)  // what it takes on disk
}

// parked is where the pointer rests: over every candidate's window, over nothing in it.
var parked = image.Pt(12, 400)

type options struct {
	bin          string
	runs, keys   int
	starts       int
	idle, settle time.Duration
	only         string
	json         bool
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "the `directory` of the built programs")
	flag.IntVar(&o.runs, "runs", 7, "runs of each candidate, beside one that is thrown away")
	flag.IntVar(&o.starts, "starts", 3, "starts in each run, beside the first one")
	flag.DurationVar(&o.idle, "idle", 15*time.Second, "the window in which idle time is counted")
	flag.DurationVar(&o.settle, "settle", 4*time.Second, "rest before that window")
	flag.IntVar(&o.keys, "keys", 30, "keys typed in each run")
	flag.StringVar(&o.only, "only", "", "candidates whose name begins with one of these, separated by commas")
	flag.BoolVar(&o.json, "json", false, "JSON instead of a table")
	flag.Parse()
	xgb.Logger.SetOutput(io.Discard) // it tells of every display without a password
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	dir, err := os.MkdirTemp("", "portillon-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	display, err := demo.StartDisplay("1280x800")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, display.Stop()) }()
	candidates, service, err := prepare(ctx, o, dir, display)
	if service != nil {
		defer func() { err = errors.Join(err, service.Stop()) }()
	}
	if err != nil {
		return err
	}
	b, err := newBench(o, display.Name)
	if err != nil {
		return err
	}
	defer b.hands.Close()
	var results []*result
	for _, c := range candidates {
		results = append(results, &result{Name: c.name()})
	}
	for turn := range o.runs + 1 {
		for i, c := range candidates {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			fmt.Fprintf(os.Stderr, "\rrun %d of %d: %-20s", turn, o.runs, c.name())
			s, err := b.once(c, turn == 0)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name(), err)
			}
			if turn > 0 { // the first run warms the disk's cache and is thrown away
				results[i].add(s)
			}
		}
	}
	fmt.Fprintf(os.Stderr, "\r%40s\r", "")
	for i, c := range candidates {
		files, err := c.files()
		if err != nil {
			return err
		}
		if results[i].Disk, err = bytesOf(files); err != nil {
			return err
		}
	}
	return report(os.Stdout, o, results)
}

// prepare makes what the candidates need and leaves out those that are not asked for.
func prepare(ctx context.Context, o options, dir string, display *demo.Display) ([]candidate, *demo.Service, error) {
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return nil, nil, err
	}
	// A bus address that leads nowhere: without one, browser and toolkit start a bus that stays.
	env := append(os.Environ(), "DISPLAY="+display.Name, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent")
	t, service, err := newTablet(ctx, bin, dir, display)
	if err != nil {
		return nil, service, err
	}
	all := []candidate{t,
		&floor{label: "bare Fyne window", dir: dir, bin: filepath.Join(bin, "bench", "bare"), env: append(slices.Clone(env), "FYNE_THEME=light"), at: image.Rect(560, 400, 720, 440)}}
	for _, b := range browsers(dir, env) {
		all = append(all, b)
	}
	all = append(all, &floor{label: "empty X client", dir: dir, bin: filepath.Join(bin, "bench", "empty"), env: env, at: image.Rect(620, 396, 660, 420)})
	return slices.DeleteFunc(all, func(c candidate) bool { return !wanted(c.name(), o.only) }), service, nil
}

func wanted(name, only string) bool {
	return only == "" || slices.ContainsFunc(strings.Split(only, ","), func(p string) bool { return strings.HasPrefix(name, p) })
}

// bench is the person who measures.
type bench struct {
	options
	hands *hands.Hands
	eye   *eye
}

func newBench(o options, display string) (*bench, error) {
	h, err := hands.Open(display)
	if err != nil {
		return nil, err
	}
	e, err := openEye(display)
	if err != nil {
		return nil, err
	}
	return &bench{o, h, e}, nil
}

// sample is one run of one candidate.
type sample struct {
	first     float64   // ms
	starts    []float64 // ms
	idle      float64   // CPU seconds a minute
	memory    float64   // MB
	processes int
	keys      []float64 // ms
}

// begin starts a candidate on the bare display and waits until it is painted: after
// how many milliseconds.
func (b *bench) begin(c candidate, fresh bool) (p process, ms float64, err error) {
	whole := image.Rect(0, 0, 1280, 800)
	if _, err := b.eye.until(whole, paintLimit, errNotEmpty, empty); err != nil {
		return nil, 0, err
	}
	<-time.After(breath)
	began := time.Now()
	if p, err = c.start(fresh); err != nil {
		return nil, 0, err
	}
	seen, err := b.eye.until(middle(), paintLimit, errNotPainted, painted)
	if err != nil {
		return nil, 0, errors.Join(err, p.Kill())
	}
	return p, float64(seen.Sub(began).Microseconds()) / 1000, nil
}

// failedPicture is what the display showed when a candidate did not come as far as it
// should.
const failedPicture = "out/bench-failed.png"

// breath is what the system has to put away a candidate that is gone.
const breath = 200 * time.Millisecond

// keeping is how long a first start has to put away what later ones find again.
const keeping = 2 * time.Second

// once runs a candidate from the bare display to the bare display. A short run looks
// only whether everything is there.
func (b *bench) once(c candidate, short bool) (s sample, err error) {
	if err := b.hands.Move(parked.X, parked.Y); err != nil {
		return s, err
	}
	p, first, err := b.begin(c, true)
	if err != nil {
		return s, err
	}
	<-time.After(keeping)
	if err := p.Kill(); err != nil {
		return s, err
	}
	s.first = first
	for n := range max(b.starts, 1) {
		if n > 0 {
			if err := p.Kill(); err != nil {
				return s, err
			}
		}
		var ms float64
		if p, ms, err = b.begin(c, false); err != nil {
			return s, err
		}
		s.starts = append(s.starts, ms)
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	if err := c.settle(b.hands); err != nil {
		return s, errors.Join(err, b.hands.Photograph(failedPicture))
	}
	<-time.After(b.settle)
	window, keys := b.idle, b.keys
	if short {
		window, keys = time.Second, 4
	}
	if s.idle, err = idle(p.Pid(), window); err != nil {
		return s, err
	}
	if s.memory, s.processes, err = memory(p.Pid()); err != nil {
		return s, err
	}
	s.keys, err = b.eye.keyToPixel(b.hands, c.field(), keys)
	return s, err
}
