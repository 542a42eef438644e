// Package e2e is a student at a tablet: the built programs, a real display, taps and
// keys, a mailbox. Nothing here reaches into a process but its screen, its log, and
// (with root's rights) its memory.
//
//	TestMain    builds portillon and rehearsal, and one database to copy
//	enter       one room per test: service, Xvfb, tablet, hands, mirror
//	room        what a student does (type, tap, wait) and what is seen
//	mirror      the same screens drawn in the test, to know where things are
//
// Tests wait for the tablet's JSON log, for the mailbox, or for what the screen
// shows; they never sleep.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"
	"github.com/jezek/xgb"

	"portillon/internal/config"
	"portillon/internal/demo"
	"portillon/internal/ui/look"
)

// world is what all rooms share: programs, and a database with accounts.
type world struct {
	portillon, rehearsal, portillonctl, data string
	configKey                                string // the centre's private key; the programs trust its public half
}

var shared world // written by TestMain alone

// rooms is how many tests run at once: they mostly wait for people and for clocks.
const rooms = "4"

func TestMain(m *testing.M) {
	if order := os.Getenv(spyVariable); order != "" {
		if err := spy(order); err != nil {
			os.Exit(complain(err))
		}
		os.Exit(0)
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "portillon-e2e-")
	if err != nil {
		return complain(err)
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			code = max(code, complain(err))
		}
	}()
	if err := errors.Join(os.Chmod(dir, 0o755), sources(), build(dir)); err != nil {
		return complain(err)
	}
	if err := shared.prepare(dir); err != nil {
		return complain(err)
	}
	xgb.Logger = log.New(io.Discard, "", 0) // that a display ends with its test is no news
	test.NewApp().Settings().SetTheme(look.Theme(look.New()))
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set(rooms); err != nil {
			return complain(err)
		}
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// sources looks at every file the programs are made of: go test notes it, and takes no
// result out of its cache that was another program's.
func sources() error {
	for _, dir := range []string{"../../cmd", "../../internal", "../../assets"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// build makes the programs with the flags of the Makefile, or takes those in E2E_BIN.
func build(dir string) error {
	bin := os.Getenv("E2E_BIN")
	if bin == "" {
		bin = filepath.Join(dir, "bin")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags=no_animations,no_emoji", "-ldflags="+linking(configKey(dir)),
			"-o", bin+"/", "portillon/cmd/portillon", "portillon/cmd/portillonctl", "portillon/cmd/rehearsal")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
		}
	}
	bin, err := filepath.Abs(bin)
	shared = world{portillon: filepath.Join(bin, "portillon"), rehearsal: filepath.Join(bin, "rehearsal"),
		portillonctl: filepath.Join(bin, "portillonctl"), configKey: configKey(dir)}
	return errors.Join(err, writeConfigKey(shared.configKey))
}

// linking are the linker's flags for a tablet's program under test: it trusts the tests' key, and
// its checks look at a machine of the room's own.
func linking(key string, more ...string) string {
	flags := []string{"-s -w -X main.configKey=" + key + ".pub -X main.machineRoot=$XDG_RUNTIME_DIR/machine"}
	if v := os.Getenv("E2E_VERSION"); v != "" {
		flags = append(flags, "-X main.version="+v)
	}
	return strings.Join(append(flags, more...), " ")
}

func configKey(dir string) string { return filepath.Join(dir, "config.key") }

func writeConfigKey(path string) error {
	private, public, err := config.NewKey()
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, private, 0o600), os.WriteFile(path+".pub", public, 0o644))
}

// prepare makes a demonstration's database with the tests' own people in it. Every
// room's service starts from a copy.
func (w *world) prepare(dir string) error {
	w.data = filepath.Join(dir, "data")
	s, err := demo.StartService(context.Background(), w.rehearsal, io.Discard, "--demo", "--data", w.data)
	if err != nil {
		return err
	}
	people := filepath.Join(dir, "people.csv")
	if err := errors.Join(s.Stop(), writePeople(people)); err != nil {
		return err
	}
	out, err := exec.Command(w.rehearsal, "people", "import", "--data", w.data, "--csv", people).CombinedOutput()
	if err != nil {
		return fmt.Errorf("people import: %w: %s", err, out)
	}
	return nil
}
