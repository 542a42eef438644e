package e2e

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"portillon/internal/demo"
	"portillon/internal/e2e/hands"
	"portillon/internal/e2e/xorg"
	"portillon/internal/preflight/preflighttest"
)

// patience is how long anything may take that is not a wait by design.
const patience = time.Minute

// nobody is the unprivileged user whom the tablet runs as where the tests are root.
const nobody = 65534

// settings are what a room may have otherwise than usual.
type settings struct {
	size    image.Point // default 1280×800
	serve   []string    // further flags of the service
	centre  demo.Centre
	keyring bool // a Secret Service of the room's own
	wire    bool // a recorder between tablet and service
	hostile bool // somebody hostile there
	// required: a tablet as an exam has it, signed with this serial, full screen. 0: a demonstration.
	required uint64
	// touchscreen: a real X server with one, instead of Xvfb, which has none.
	touchscreen bool
	uid         uint32 // the tablet's user where the tests are root; 0: nobody
	bin         string // another build of the tablet's program
}

// glass is a screen that is looked at and touched.
type glass interface {
	Tap(x, y int) error
	Look() (*image.RGBA, error)
}

// teller is a tablet's log.
type teller interface {
	Wait(mark int, limit time.Duration, match func(demo.Event) bool) (int, error)
}

// room is one exam room with one tablet.
type room struct {
	t       *testing.T
	dir     string
	set     settings
	service *demo.Service
	display string       // ":7"
	screen  *xorg.Driver // a touch screen, where there is one
	tablet  *demo.Tablet
	hands   *hands.Hands
	glass   glass  // hands, or a virtual machine's screen
	teller  teller // tablet, or what a virtual machine's serial line says
	slow    int    // how many times longer things may take here; 0: once
	mirror  *mirror
	wire    *recorder
	hostile *hostile
	env     []string
	uid     uint32
	log     *buffer // the service's
	mark    int     // how much of the tablet's log is behind us
	past    []string
}

// buffer is a log that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually waits for what another process does.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// prepare makes a room in which nothing runs yet but the service and the display.
func prepare(t *testing.T, change ...func(*settings)) *room {
	t.Helper()
	t.Parallel()
	r := &room{t: t, log: &buffer{}, set: settings{size: image.Pt(1280, 800)}}
	// How the exam is passed is no matter in most tests.
	r.set.centre.Player = []string{"/bin/sleep", "600"}
	for _, c := range change {
		c(&r.set)
	}
	if os.Getuid() == 0 {
		r.uid = cmp.Or(r.set.uid, nobody)
	}
	r.furnish()
	r.serve("127.0.0.1:0")
	if r.set.touchscreen {
		r.display, r.screen, _ = xorg.Start(t)
	} else {
		d, err := demo.StartDisplay(fmt.Sprintf("%dx%d", r.set.size.X, r.set.size.Y))
		r.must(err)
		r.stopsWith(d.Stop)
		r.display = d.Name
	}
	r.must(exec.Command("setxkbmap", "-display", r.display, "fr").Run())
	var err error
	r.hands, err = hands.Open(r.display)
	r.must(err)
	t.Cleanup(r.hands.Close)
	r.glass = r.hands
	lang := r.set.centre.Language
	if lang == "" {
		lang = "fr"
	}
	r.mirror, err = newMirror(lang, r.set.size)
	r.must(err)
	return r
}

// enter makes a room and waits for its tablet's first screen.
func enter(t *testing.T, change ...func(*settings)) *room {
	t.Helper()
	r := prepare(t, change...)
	r.switchOn()
	r.on("email")
	r.see(emailScreen(""))
	return r
}

// furnish makes the room's directories. The state is the tablet's user's alone.
func (r *room) furnish() {
	r.t.Helper()
	var err error
	// Not t.TempDir: the tablet's user must be able to enter.
	r.dir, err = os.MkdirTemp("", "portillon-room-")
	r.must(err)
	r.t.Cleanup(func() {
		if err := os.RemoveAll(r.dir); err != nil {
			r.t.Error(err)
		}
	})
	r.must(os.Chmod(r.dir, 0o755))
	for _, d := range []string{"state", "run"} {
		r.must(os.Mkdir(r.path(d), 0o700))
		if r.uid != 0 {
			r.must(os.Chown(r.path(d), int(r.uid), int(r.uid)))
		}
	}
	r.must(preflighttest.Compliant(r.path("run/machine"), cmp.Or(int(r.uid), os.Getuid())))
	r.must(os.CopyFS(r.path("data"), os.DirFS(shared.data)))
	r.must(privately(r.path("data")))
	r.env = []string{"XDG_RUNTIME_DIR=" + r.path("run"), "HOME=" + r.path("state"),
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + r.path("run/bus")} // where none is, unless
	if r.set.keyring {
		r.startKeyring()
	}
}

// privately gives a copied data directory the modes its service insists on.
func privately(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	})
}

func (r *room) path(name string) string { return filepath.Join(r.dir, name) }

func (r *room) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) stopsWith(stop func() error) {
	r.t.Cleanup(func() {
		if err := stop(); err != nil {
			r.t.Error(err)
		}
	})
}

// serve starts the service and, once, writes the tablet's configuration.
func (r *room) serve(listen string) {
	r.t.Helper()
	first := r.service == nil
	// The screens show the address tablets have in an exam.
	args := []string{"--listen", listen, "--data", r.path("data"), "--demo", "--setup-uri", "https://portail.uness.fr"}
	if r.set.wire || r.set.hostile {
		// The one between stands where the tablet looks for the service.
		args = []string{"--listen", strings.Replace(listen, "127.0.0.1", "127.0.0.2", 1), "--issuer-host", "127.0.0.1",
			"--data", r.path("data"), "--demo", "--setup-uri", "https://portail.uness.fr"}
	}
	s, err := demo.StartService(r.t.Context(), shared.rehearsal, r.log, append(args, r.set.serve...)...)
	r.must(err)
	r.stopsWith(s.Stop)
	r.service = s
	if !first {
		return
	}
	ca := s.CAFile
	if r.set.wire {
		r.wire = startRecorder(r.t, s)
		ca = r.path("recorder.pem")
		r.must(os.WriteFile(ca, r.wire.ca, 0o644))
	}
	b, err := os.ReadFile(ca)
	r.must(err)
	if r.set.hostile {
		r.hostile, err = startHostile(r.t, s)
		r.must(err)
		b = append(r.hostile.trusted.pem(), r.hostile.unpinned.pem()...) // the first is pinned
	}
	r.must(os.WriteFile(r.path("ca.pem"), b, 0o644)) // the data directory is closed to the tablet
	configured := *s
	configured.CAFile = r.path("ca.pem")
	r.must(configured.WriteConfig(r.path("portillon.toml"), r.set.centre))
	if r.set.required > 0 {
		r.require()
		r.sign(r.set.required)
	}
}

// address is where the service listens.
func (r *room) address() string {
	r.t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.service.Issuer, "https://"))
	r.must(err)
	return net.JoinHostPort("127.0.0.1", port)
}

// switchOn starts the tablet.
func (r *room) switchOn() {
	r.t.Helper()
	if r.tablet != nil {
		r.past = append(r.past, r.tablet.Log())
	}
	size := fmt.Sprintf("%dx%d", r.set.size.X, r.set.size.Y)
	if r.set.required > 0 {
		size = ""
	}
	tablet, err := demo.StartTablet(demo.TabletOptions{Bin: cmp.Or(r.set.bin, shared.portillon), Config: r.path("portillon.toml"),
		Size: size, Display: r.display, StateDir: r.path("state"),
		Uid: r.uid, Gid: r.uid, Env: r.env})
	r.must(err)
	r.tablet, r.teller, r.mark = tablet, tablet, 0
	r.stopsWith(tablet.Stop)
	r.t.Cleanup(func() {
		if r.t.Failed() && tablet == r.tablet {
			r.t.Logf("the tablet said:\n%s", tablet.Log())
		}
	})
}

// logs are everything the tablet ever wrote.
func (r *room) logs() string { return strings.Join(append(r.past, r.tablet.Log()), "") }

func (r *room) patience() time.Duration { return patience * time.Duration(max(1, r.slow)) }

// on waits for a screen in the log, which none of the others may come before.
func (r *room) on(screen string) {
	r.t.Helper()
	r.within(r.patience(), screen)
}

func (r *room) within(limit time.Duration, screen string) {
	r.t.Helper()
	r.await(limit, "the screen "+screen, func(e demo.Event) bool { return e.Screen == screen })
}

// outcome waits for an outcome in the log.
func (r *room) outcome(kind string) {
	r.t.Helper()
	r.await(r.patience(), "the outcome "+kind, func(e demo.Event) bool { return e.Msg == "outcome" && e.Kind == kind })
}

func (r *room) await(limit time.Duration, what string, match func(demo.Event) bool) {
	r.t.Helper()
	mark, err := r.teller.Wait(r.mark, limit, match)
	if err != nil {
		r.photograph("waiting")
		r.t.Fatalf("%s: %v", what, err)
	}
	r.mark = mark
}

// count is how often an event is in the present tablet's log.
func (r *room) count(match func(demo.Event) bool) int {
	n, mark := 0, 0
	for {
		next, err := r.tablet.Wait(mark, 0, match)
		if err != nil {
			return n
		}
		n, mark = n+1, next
	}
}

// photograph leaves what the display shows beside the test's other artifacts.
func (r *room) photograph(name string) {
	r.t.Helper()
	path := filepath.Join(artifacts(r.t), name+".png")
	img, err := r.glass.Look()
	if err == nil {
		err = writePicture(path, img)
	}
	if err != nil {
		r.t.Log(err)
		return
	}
	r.t.Logf("what the tablet showed: %s", path)
}

// artifacts outlives the test where that was asked for (go test -artifacts), or E2E_PICTURES.
func artifacts(t *testing.T) string {
	if dir := os.Getenv("E2E_PICTURES"); dir != "" {
		return filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-"))
	}
	return t.ArtifactDir()
}

func writePicture(path string, img image.Image) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return png.Encode(f, img)
}
