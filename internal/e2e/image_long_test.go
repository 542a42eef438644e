package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/config"
	tablet "portillon/internal/image"
)

// controlDisk builds the control, once for each cache and each definition of it.
func controlDisk(t *testing.T, i imageUnderTest) string {
	t.Helper()
	cache := filepath.Dir(i.tree)
	sum := sha256.New()
	for _, name := range []string{"mkosi.conf", "mkosi.postinst.chroot", "mkosi.extra/etc/systemd/system/kiosk.service"} {
		b, err := os.ReadFile(filepath.Join("testdata/control", name))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sum.Write(b) // never fails
	}
	disk := filepath.Join(cache, "control-"+hex.EncodeToString(sum.Sum(nil)[:6])+".raw")
	if _, err := os.Stat(disk); err == nil {
		return disk
	}
	work, err := os.MkdirTemp(cache, "control-")
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(work) }) // of the cache
		err = os.CopyFS(work, os.DirFS("testdata/control"))
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(shared.portillon)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(work, "mkosi.extra/usr/bin"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(work, "mkosi.extra/usr/bin/portillon"), b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := tablet.ReadMirror(os.DirFS("/etc/apt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(work, "mkosi.postinst.chroot"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := tablet.Mkosi(t.Context(), cache, work, m, os.Stderr); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(work, "out", "control.raw"), disk); err != nil {
		t.Fatal(err)
	}
	return disk
}

// imageRefusals: every other way for a configuration to be no good.
func imageRefusals(t *testing.T, i imageUnderTest, l *ledger) {
	for reason, spoil := range map[string]func(s *slate, b tablet.Bundle) tablet.Bundle{
		"absent":  func(_ *slate, b tablet.Bundle) tablet.Bundle { return tablet.Bundle{} },
		"expired": func(s *slate, _ tablet.Bundle) tablet.Bundle { return s.signed(1, time.Now().AddDate(0, 0, -1)) },
		"unsigned": func(_ *slate, b tablet.Bundle) tablet.Bundle {
			delete(b, tablet.ConfigName+config.SignatureSuffix)
			return b
		},
	} {
		t.Run(reason, func(t *testing.T) {
			s := newSlate(t, i)
			if b := spoil(s, s.signed(1, nextMonth())); len(b) > 0 { // else the partition is as the image was built
				s.configure(b)
			}
			s.enrol()
			s.boot()
			l.note(t, "configuration "+reason, s.unconfigured(reason))
			s.settle()
			s.keep("unconfigured")
		})
	}
}

// imageRootCorrupted: a few blocks of the root are others. Reading one ends the machine, which starts
// anew; it never gets to a login.
func imageRootCorrupted(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	f, err := os.OpenFile(s.file(s.disk), os.O_RDWR, 0)
	s.must(err)
	p, err := tablet.FindPartitionOfType(f, tablet.RootType)
	s.must(err)
	noise := make([]byte, 4096)
	for n := range noise {
		noise[n] = 0xa5
	}
	for at := p.Start + 8192; at < p.Start+p.Size-4096; at += p.Size / 2000 {
		_, err := f.WriteAt(noise, at)
		s.must(err)
	}
	s.must(f.Close())
	s.boot()
	s.says("corrupted")
	err = nil
	for _, line := range s.vm.Lines() {
		if line.Screen != "" {
			err = fmt.Errorf("it showed %s", line.Screen)
		}
	}
	l.note(t, "root corrupted", err)
	s.keep("corrupted")
}

// imagePowerCuts: the power goes at any moment of a start, and the next one is a login screen.
func imagePowerCuts(t *testing.T, i imageUnderTest, l *ledger) {
	cuts := 5
	if i.length == inLong {
		cuts = 20
	}
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	for range cuts {
		s.boot()
		<-time.After(time.Duration(15+chance.IntN(85)) * time.Second)
		s.off()
	}
	l.note(t, fmt.Sprintf("power cut %d times", cuts), s.startsAnew())
	s.keep("after")
}

// imageInterrupted: the power goes while a login is answered, and the next start is a login screen; of who was
// there nothing lies on the disk.
func imageInterrupted(t *testing.T, i imageUnderTest, l *ledger) {
	const logins = 3
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	for n := range logins {
		s.boot()
		s.on("email")
		s.see(emailScreen(""))
		s.identify(camille)
		s.touch(camille.password)
		s.tap("SE CONNECTER")
		<-time.After(time.Duration(n) * 2 * time.Second) // asked; answered; the exam begins
		s.off()
	}
	l.note(t, fmt.Sprintf("power cut in a login, %d times", logins), errors.Join(s.diskHas(camille.address, camille.password), s.startsAnew()))
	s.keep("after")
}

// startsAnew: the next start is a login screen, by no way round.
func (s *slate) startsAnew() error {
	s.t.Helper()
	s.boot()
	s.on("email")
	err := s.welcome()
	if strings.Contains(s.vm.Said(), "emergency") {
		err = errors.Join(err, errors.New("it went to emergency mode"))
	}
	return err
}
