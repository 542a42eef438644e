package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/e2e/vm"
	tablet "portillon/internal/image"
	"portillon/internal/login"
	"portillon/internal/ui"
)

// examFrame is the frame of a tablet that is no demonstration.
func examFrame(f *ui.Frame) { f.Demonstration, f.ConfigSerial, f.Version = false, "1", "dev" }

func nextMonth() time.Time { return time.Now().AddDate(0, 1, 0) }

// ledger counts what was tried and what got through.
type ledger struct{ attempts, escapes int }

// note says how an attempt ended.
func (l *ledger) note(t *testing.T, what string, escaped error) {
	t.Helper()
	l.attempts++
	if escaped != nil {
		l.escapes++
		t.Errorf("ESCAPE: %s: %v", what, escaped)
		return
	}
	fmt.Println("held:", what)
}

// length is in which runs of the suite a case is.
type length int

const (
	inShort  length = iota // IMAGE_SHORT=1 too
	inNormal               // unless IMAGE_SHORT=1
	inLong                 // IMAGE_LONG=1 alone
)

// TestImage boots the built image and attacks it.
func TestImage(t *testing.T) {
	i, ok := findImage(t)
	if !ok {
		return
	}
	l := &ledger{}
	for _, c := range []struct {
		name string
		in   length
		run  func(*testing.T, imageUnderTest, *ledger)
	}{
		{"login", inShort, imageLogin},
		{"tampered", inShort, imageTampered},
		{"unsigned", inShort, imageUnsigned},
		{"control", inShort, imageControl},
		{"refusals", inNormal, imageRefusals},
		{"root", inNormal, imageRootCorrupted},
		{"cuts", inNormal, imagePowerCuts},
		{"doctor", inLong, imageDoctor},
		{"unsealed", inLong, imageUnsealed},
		{"boot", inLong, imageBoot},
		{"interrupted", inLong, imageInterrupted},
		{"state", inLong, imageState},
		{"remembered", inLong, imageRemembered},
		{"wifi", inLong, imageWiFi},
		{"traces", inLong, imageTraces},
		{"hardware", inLong, imageHardware},
		{"slots", inLong, imageSlots},
		{"pulled", inLong, imagePulled},
		{"lost", inLong, imageLost},
		{"network", inLong, imageNetwork},
	} {
		if c.in > i.length {
			fmt.Println("not tried:", c.name)
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.run(t, i, l) })
	}
	summary := fmt.Sprintf("%d attempts, %d escapes\n", l.attempts, l.escapes)
	fmt.Print(summary)
	if err := os.WriteFile(filepath.Join(i.out, "summary.txt"), []byte(summary), 0o644); err != nil {
		t.Error(err)
	}
}

// imageLogin: from the firmware to the exam: keys enrolled, the kernel and the root verified, the
// configuration adopted; a student logs in by touch, the exam begins and ends; keys that leave other
// kiosks leave nothing here.
func imageLogin(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	began := time.Now()
	s.boot()
	s.says(enrolledWords)
	s.on("email")
	s.keepEnrolled()
	t.Logf("from power to the login screen, keys enrolled on the way, emulated: %s", time.Since(began).Round(time.Second))
	s.sit()
	s.on("email") // the next candidate's, after a minute untouched
	s.attackKeys(l)
	s.keep("6-attacked")
}

// sit is a candidate's whole exam, by touch.
func (s *slate) sit() {
	s.t.Helper()
	s.see(emailScreen(""))
	s.keep("1-email")
	s.identify(camille)
	s.keep("2-password")
	s.touch(camille.password)
	s.tap("SE CONNECTER")
	s.connect()
	s.keep("3-connected")
	s.exam(camille)
}

// exam is what begins when somebody is connected, until it is ended.
func (s *slate) exam(p person) {
	s.t.Helper()
	player, err := newPlayerMirror(p, s.set.size)
	s.must(err)
	s.reads(player, "player")
	s.keep("4-exam")
	where, err := player.button("Terminer l’épreuve")
	s.must(err)
	at := where.Min.Add(where.Max).Div(2)
	s.must(s.Tap(at.X, at.Y))
	s.on("ended")
	s.glimpse(login.View{Screen: login.ScreenEnded, Ended: &login.EndedView{Seconds: 59}})
	s.keep("5-ended")
}

// welcome is what stands on the login screen whatever was typed.
func (s *slate) welcome() error {
	s.mirror.show(emailScreen(""))
	want, texts := s.mirror.picture()
	var missing string
	for end := time.Now().Add(s.patience()); time.Now().Before(end); {
		got, err := s.Look()
		if err != nil {
			return err
		}
		missing = ""
		for text, where := range texts {
			if strings.HasPrefix(text, "Bienvenue") && !same(want, got, where) {
				missing = text
			}
		}
		if missing == "" {
			return nil
		}
	}
	return fmt.Errorf("%q is not on the screen", missing)
}

// attackKeys presses what leaves other kiosks. After each the login is on the screen, the machine did
// not start anew, and no shell answers.
func (s *slate) attackKeys(l *ledger) {
	s.t.Helper()
	chord := func(keys ...string) func() error {
		return func() error { return s.vm.Keys(keys...) }
	}
	sysrq := func(key string) func() error {
		return func() error { return s.vm.Keys("alt", "sysrq", key) }
	}
	type attack struct {
		name string
		do   []func() error
	}
	attacks := []attack{
		{"alt-sysrq-r, ctrl-alt-f2", []func() error{sysrq("r"), chord("ctrl", "alt", "f2")}},
		{"ctrl-alt-f3", []func() error{chord("ctrl", "alt", "f3")}},
		{"alt-left, alt-right", []func() error{chord("alt", "left"), chord("alt", "right")}},
		{"ctrl-alt-backspace", []func() error{chord("ctrl", "alt", "backspace")}},
		{"alt-f4, ctrl-q, ctrl-w", []func() error{chord("alt", "f4"), chord("ctrl", "q"), chord("ctrl", "w")}},
		{"ctrl-alt-delete x 8", []func() error{func() error {
			for range 8 {
				if err := s.vm.Keys("ctrl", "alt", "delete"); err != nil {
					return err
				}
			}
			return nil
		}}},
	}
	starts := func() int { return strings.Count(s.vm.Said(), startWord) }
	before := starts()
	for _, key := range []string{"e", "i", "k", "f", "c", "b", "o"} {
		attacks = append(attacks, attack{"alt-sysrq-" + key, []func() error{sysrq(key)}})
	}
	for _, a := range attacks {
		for _, do := range a.do {
			s.must(do())
		}
		<-time.After(2 * time.Second) // for what it does to be seen
		err := s.welcome()
		if err == nil && starts() > before {
			err = errors.New("the machine started anew")
		}
		l.note(s.t, a.name, err)
		if err != nil {
			s.keep("escape-" + strings.ReplaceAll(a.name, " ", ""))
		}
	}
	// What cannot be seen may still listen.
	s.vmType("root\ncontrol\necho ESCA''PED >/dev/ttyS0\n")
	err := s.welcome()
	if strings.Contains(s.vm.Said(), escapedWord) {
		err = errors.New("a shell answered")
	}
	l.note(s.t, "a shell behind the screen", err)
}

// startWord is what the firmware says at each start.
const startWord = "BdsDxe: starting"

// escapedWord is what a shell writes on the serial line, and nobody who merely echoes.
const escapedWord = "ESCAPED"

// vmType types on the machine's hardware keyboard, as a US one has the keys.
func (s *slate) vmType(text string) {
	s.t.Helper()
	names := map[rune]string{'\n': "ret", ' ': "spc", '\'': "apostrophe", '/': "slash", '-': "minus", '>': "shift dot", '=': "equal"}
	for _, c := range text {
		name, ok := names[c]
		switch {
		case ok:
		case c >= 'A' && c <= 'Z':
			name = "shift " + strings.ToLower(string(c))
		default:
			name = string(c)
		}
		s.must(s.vm.Keys(strings.Fields(name)...))
	}
}

// unconfigured waits for «Tablette non configurée» with its reason, and sees that nothing else runs.
func (s *slate) unconfigured(reason string) error {
	s.says("refused (" + reason + ")")
	s.says(`"screen":"unconfigured","reason":"` + reason + `"`)
	for _, line := range s.vm.Lines() {
		if line.Screen != "" && line.Screen != "unconfigured" {
			return fmt.Errorf("it showed %s", line.Screen)
		}
	}
	if strings.Contains(s.vm.Said(), "Started portillon-egress.service") {
		return errors.New("the firewall was opened")
	}
	return nil
}

// imageTampered: one letter of the configuration is another.
func imageTampered(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	b := s.signed(1, nextMonth())
	b[tablet.ConfigName] = bytes.Replace(b[tablet.ConfigName], []byte("B12"), []byte("B13"), 1)
	s.configure(b)
	s.enrol()
	s.boot()
	l.note(t, "configuration tampered", s.unconfigured("altered"))
	s.settle()
	s.keep("unconfigured")
}

// imageUnsigned: the kernel on the disk is exchanged for itself without its signature.
func imageUnsigned(t *testing.T, i imageUnderTest, l *ledger) {
	s := newSlate(t, i)
	s.configure(s.signed(1, nextMonth()))
	s.enrol()
	b, err := os.ReadFile(i.efi)
	s.must(err)
	s.must(os.WriteFile(s.file("unsigned.efi"), withoutSignature(b), 0o600))
	out, err := s.lab("sh", "-c", `k=$(mdir -b -i "$0" ::/EFI/Linux | head -n 1); mcopy -o -i "$0" /vm/unsigned.efi "$k"`, s.bootPartition())
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.boot()
	l.note(t, "kernel unsigned", s.refusesKernel())
	s.keep("unsigned")
}

// refusesKernel waits until the firmware says no, in the boot loader's words or its own, and fails where
// the kernel runs all the same.
func (s *slate) refusesKernel() error {
	s.t.Helper()
	s.saysLike(`(?i)access denied|security (policy )?violation`)
	if strings.Contains(s.vm.Said(), "initrd") || strings.Contains(s.vm.Said(), "systemd[1]") {
		return errors.New("it started an unsigned kernel")
	}
	return nil
}

// withoutSignature clears a PE file's certificate table (PE format, optional header data
// directory 4).
func withoutSignature(b []byte) []byte {
	b = bytes.Clone(b)
	pe := int(b[0x3c]) | int(b[0x3d])<<8 | int(b[0x3e])<<16
	const optional, directories, security = 24, 112, 4 // PE32+
	entry := pe + optional + directories + security*8
	clear(b[entry : entry+8])
	return b
}

// lab runs a tool of the machine's tree on its directory.
func (s *slate) lab(argv ...string) ([]byte, error) {
	return tablet.Command(s.t.Context(), s.image.tree, []tablet.Mount{{From: s.path("vm"), To: "/vm"}}, argv...).CombinedOutput()
}

// enrol gives the machine a firmware that has the centre's keys: once by the disk itself, in
// setup mode, as a tablet gets them; a copy of that from then on.
func (s *slate) enrol() {
	s.t.Helper()
	if b, err := os.ReadFile(s.enrolled()); err == nil {
		s.must(os.WriteFile(s.file("vars.fd"), b, 0o600))
		s.boots++
		return
	}
	s.boot()
	s.says(enrolledWords)
	s.off()
	s.keepEnrolled()
}

// enrolledWords are the boot loader's, when the firmware has taken the keys.
const enrolledWords = "successfully enrolled"

func (s *slate) enrolled() string { return filepath.Join(s.image.out, "enrolled.fd") }

// keepEnrolled keeps this machine's firmware for the machines of the cases that follow.
func (s *slate) keepEnrolled() {
	s.t.Helper()
	b, err := os.ReadFile(s.file("vars.fd"))
	s.must(err)
	s.must(os.WriteFile(s.enrolled(), b, 0o600))
}

// controlRoot names the control's root, as an installed Debian's command line does: its initial RAM
// disk has no driver for the firmware variable that would tell. Nobody is asked to press a key on the
// serial line, either.
const controlRoot = " root=PARTLABEL=root-x86-64 rw systemd.firstboot=no"

// imageControl: a Debian as it comes must be escaped from by the first attack, or the attacks
// prove nothing.
func imageControl(t *testing.T, i imageUnderTest, l *ledger) {
	s := &slate{room: &room{t: t, log: &buffer{}, slow: emulation, set: settings{size: image.Pt(vm.Width, vm.Height)}}, image: i, disk: "control.raw"}
	s.furnish()
	s.glass, s.teller = s, s
	s.must(os.Mkdir(s.path("vm"), 0o700))
	s.must(exec.CommandContext(t.Context(), "cp", "--sparse=always", controlDisk(t, i), s.file(s.disk)).Run())
	s.boot(func(o *vm.Options) { o.CommandLine = vm.Console + controlRoot })
	s.says(`"screen":"unconfigured"`)
	s.keep("before")
	for _, keys := range [][]string{{"alt", "sysrq", "r"}, {"ctrl", "alt", "f2"}} {
		s.must(s.vm.Keys(keys...))
	}
	// How long a login takes to ask for the password is the machine's business; what is typed before that
	// is lost. Each round waits longer.
	pause := 4 * time.Second
	for end := time.Now().Add(s.patience()); !strings.Contains(s.vm.Said(), escapedWord); pause = min(2*pause, 40*time.Second) {
		if time.Now().After(end) {
			s.keep("not-escaped")
			t.Fatal("the control was not escaped from: the attacks prove nothing")
		}
		for _, text := range []string{"root\n", "control\n", "echo ESCA''PED >/dev/ttyS0\n"} {
			s.vmType(text)
			<-time.After(pause)
		}
	}
	s.keep("escaped")
	fmt.Println("control: escaped from, as it must be")
}
