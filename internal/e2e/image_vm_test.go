package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	xdraw "image/draw"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
	"portillon/internal/demo"
	"portillon/internal/e2e/vm"
	tablet "portillon/internal/image"
	"portillon/internal/login"
)

// slate is a tablet of the built image, in a virtual machine, before the room's service.
type slate struct {
	*room
	vm    *vm.VM
	image imageUnderTest
	disk  string
	boots int
}

// imageUnderTest is what was built, and by whom.
type imageUnderTest struct {
	raw, efi, keys, tree, out string
	length                    length
}

// slirp is how a virtual machine reaches this one's loopback.
const slirp = "10.0.2.2"

// emulation is how many times slower than a tablet a machine is that interprets each instruction,
// two of them on a computer that has ten other things to do.
const emulation = 20

// findImage is what the environment says: IMAGE is the built directory, IMAGE_KEYS the keys it was
// built with.
func findImage(t *testing.T) (i imageUnderTest, ok bool) {
	t.Helper()
	dir := os.Getenv("IMAGE")
	if dir == "" {
		if os.Getenv("REQUIRE_IMAGE") == "1" {
			t.Fatal("IMAGE names no built image")
		}
		t.Log("NOT RUN: IMAGE names no built image (make image-test)")
		return i, false
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	one := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		must(err)
		for _, f := range found {
			if !strings.Contains(f, ".root.") && !strings.Contains(f, ".verity.") {
				return f
			}
		}
		t.Fatalf("%s has no %s", dir, pattern)
		return ""
	}
	i = imageUnderTest{raw: one("portillon_*.raw"), efi: one("portillon_*.efi"), keys: os.Getenv("IMAGE_KEYS"), out: os.Getenv("IMAGE_PICTURES"), length: inNormal}
	switch {
	case testing.Short() || os.Getenv("IMAGE_SHORT") == "1":
		i.length = inShort
	case os.Getenv("IMAGE_LONG") == "1":
		i.length = inLong
	}
	if i.out == "" {
		i.out = t.ArtifactDir()
	}
	must(os.MkdirAll(i.out, 0o755))
	mirror, err := tablet.ReadMirror(os.DirFS("/etc/apt"))
	must(err)
	cache := os.Getenv("IMAGE_CACHE")
	if cache == "" {
		cache, err = os.UserCacheDir()
		must(err)
		cache = filepath.Join(cache, "portillon", "image")
	}
	i.tree, err = tablet.Tree{Name: "lab", Packages: vm.Packages()}.Ensure(t.Context(), cache, mirror, os.Stderr)
	must(err)
	return i, true
}

// newSlate makes a disk and a service, and a configuration that joins them; nothing is
// written on the disk yet.
func newSlate(t *testing.T, i imageUnderTest) *slate {
	t.Helper()
	r := &room{t: t, log: &buffer{}, slow: emulation, set: settings{size: image.Pt(vm.Width, vm.Height)}}
	r.set.centre.Player = []string{"/usr/bin/portillon", "demo-player"}
	r.furnish()
	s := &slate{room: r, image: i, disk: "disk.raw"}
	r.must(os.Mkdir(r.path("vm"), 0o700))
	r.must(exec.CommandContext(t.Context(), "cp", "--sparse=always", i.raw, s.file(s.disk)).Run())
	port := freePort(t)
	service, err := demo.StartService(t.Context(), shared.rehearsal, r.log, "--listen", net.JoinHostPort("127.0.0.1", port), "--issuer-host", slirp,
		"--data", r.path("data"), "--demo")
	r.must(err)
	r.stopsWith(service.Stop)
	r.service = service
	configured := *service
	r.must(configured.WriteConfig(r.path("portillon.toml"), r.set.centre))
	r.require()
	r.edit(fmt.Sprintf("ca_file = %q", service.CAFile), `ca_file = "/run/portillon/ca.pem"`)
	r.mirror, err = newMirror("fr", r.set.size, examFrame)
	r.must(err)
	r.glass, r.teller = s, s
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err = errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *slate) file(name string) string { return filepath.Join(s.path("vm"), name) }

// signed is the bundle of a centre that did everything right.
func (s *slate) signed(serial uint64, until time.Time) tablet.Bundle {
	s.t.Helper()
	toml, err := os.ReadFile(s.path("portillon.toml"))
	s.must(err)
	key, err := config.LoadPrivateKey(filepath.Join(s.image.keys, tablet.ConfigKey))
	s.must(err)
	signature, err := config.Sign(toml, key, serial, until)
	s.must(err)
	sig, err := json.Marshal(signature)
	s.must(err)
	ca, err := os.ReadFile(s.service.CAFile)
	s.must(err)
	return tablet.Bundle{tablet.ConfigName: toml, tablet.ConfigName + config.SignatureSuffix: sig, tablet.CAName: ca}
}

func (s *slate) configure(b tablet.Bundle) {
	s.t.Helper()
	s.must(tablet.WriteBundle(s.file(s.disk), b))
}

// boot switches the machine on.
func (s *slate) boot(change ...func(*vm.Options)) {
	s.t.Helper()
	if s.vm != nil {
		s.keepSaid()
	}
	s.boots++
	o := vm.Options{Tree: s.image.tree, Dir: s.path("vm"), Disk: s.disk, CommandLine: vm.Console}
	if s.boots > 1 {
		o.Firmware = "vars.fd"
	}
	for _, c := range change {
		c(&o)
	}
	s.must(os.RemoveAll(s.file("serial")))
	m, err := vm.Start(context.WithoutCancel(s.t.Context()), o)
	s.must(err)
	s.vm, s.mark = m, 0
	s.t.Cleanup(func() {
		if s.t.Failed() && m == s.vm {
			s.keep("failed")
			said := m.Said()
			s.t.Logf("the end of what it said (all of it in %s):\n%s", s.image.out, said[max(0, len(said)-6000):])
		}
		if err := m.Stop(); err != nil {
			s.t.Error(err)
		}
		if m == s.vm {
			s.keepSaid()
		}
	})
}

// keepSaid leaves what the serial line said at this start beside the image.
func (s *slate) keepSaid() {
	s.t.Helper()
	s.must(os.WriteFile(s.beside(fmt.Sprintf("-%d.serial", s.boots)), []byte(s.vm.Said()), 0o644))
}

// beside is a file of this case in the directory of pictures.
func (s *slate) beside(end string) string {
	return filepath.Join(s.image.out, strings.ReplaceAll(s.t.Name(), "/", "-")+end)
}

func (s *slate) off() {
	s.t.Helper()
	s.must(s.vm.Stop())
}

// keep leaves the screen beside the image.
func (s *slate) keep(name string) {
	s.t.Helper()
	if err := s.vm.Picture(s.beside("-" + name + ".png")); err != nil {
		s.t.Log(err)
	}
}

// says waits for words on the serial line.
func (s *slate) says(words string) {
	s.t.Helper()
	s.saysLike(regexp.QuoteMeta(words))
}

func (s *slate) saysLike(pattern string) {
	s.t.Helper()
	limit := time.Now().Add(s.patience())
	for like := regexp.MustCompile(pattern); !like.MatchString(s.vm.Said()); <-time.After(time.Second) {
		if time.Now().After(limit) || !s.vm.Running() {
			s.t.Fatalf("it never said %q", pattern)
		}
	}
}

// Wait is teller's.
func (s *slate) Wait(mark int, limit time.Duration, match func(demo.Event) bool) (int, error) {
	for end := time.Now().Add(limit); ; <-time.After(500 * time.Millisecond) {
		lines := s.vm.Lines()
		for ; mark < len(lines); mark++ {
			l := lines[mark]
			if match(demo.Event{Msg: l.Msg, Screen: l.Screen, Kind: l.Kind}) {
				return mark + 1, nil
			}
		}
		switch {
		case !s.vm.Running():
			return mark, errors.New("the machine ended")
		case time.Now().After(end):
			return mark, fmt.Errorf("not within %s", limit)
		}
	}
}

// Tap is glass's. It waits until the screen answered: what is touched faster than an emulated
// machine reads it is lost on the way, between QEMU and the guest's driver.
func (s *slate) Tap(x, y int) error {
	before, err := s.screen()
	if err == nil {
		err = s.vm.Touch(image.Pt(x, y))
	}
	if err != nil {
		return err
	}
	for end := time.Now().Add(answerLimit); time.Now().Before(end); {
		now, err := s.Look()
		if err != nil || !bytes.Equal(now.Pix, before.Pix) {
			return err
		}
	}
	return nil // some touches change nothing
}

// answerLimit is how long the screen has to show that it was touched.
const answerLimit = time.Minute

// Look is glass's.
func (s *slate) Look() (*image.RGBA, error) {
	<-time.After(300 * time.Millisecond) // each look costs the machine's time
	return s.screen()
}

func (s *slate) screen() (*image.RGBA, error) {
	img, err := s.vm.Screen()
	if err != nil {
		return nil, err
	}
	out := image.NewRGBA(img.Bounds())
	xdraw.Draw(out, out.Bounds(), img, img.Bounds().Min, xdraw.Src)
	return out, nil
}

// glimpse waits until a screen is to be read that goes by itself, as see does, or until it has gone: a
// machine may be too slow to draw within a minute what it has told of.
func (s *slate) glimpse(v login.View) {
	s.t.Helper()
	s.mirror.show(v)
	want, texts := s.mirror.picture()
	for end := time.Now().Add(s.patience()); time.Now().Before(end); {
		got, err := s.Look()
		s.must(err)
		if unseen(want, got, texts) == "" {
			return
		}
		if _, err := s.Wait(s.mark, 0, func(e demo.Event) bool { return e.Screen != "" }); err == nil {
			s.t.Logf("%s had gone before it was seen", v.Screen)
			return
		}
	}
	s.t.Fatalf("%s is not to be read", v.Screen)
}

// gone waits until a screen is not to be read any more.
func (s *slate) gone(v login.View) {
	s.t.Helper()
	s.mirror.show(v)
	want, texts := s.mirror.picture()
	eventually(s.t, s.patience(), "another screen than "+string(v.Screen), func() bool { return unseen(want, s.look(), texts) != "" })
}

// bootPartition is the disk's EFI system partition, as mtools in the lab are told of it.
func (s *slate) bootPartition() string {
	s.t.Helper()
	f, err := os.Open(s.file(s.disk))
	s.must(err)
	esp, err := tablet.FindPartition(f, tablet.ESPPartition)
	s.must(errors.Join(err, f.Close()))
	return fmt.Sprintf("/vm/%s@@%d", s.disk, esp.Start)
}
