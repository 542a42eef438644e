package main

import (
	_ "embed"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"portillon/internal/e2e/hands"
)

// floor is one of the two small programs beside this one.
type floor struct {
	label, bin, dir string
	env             []string
	at              image.Rectangle
}

func (f *floor) name() string              { return f.label }
func (f *floor) files() ([]string, error)  { return []string{f.bin}, nil }
func (f *floor) field() image.Rectangle    { return f.at }
func (f *floor) settle(*hands.Hands) error { return nil }

// start: a fresh one begins in an empty HOME.
func (f *floor) start(fresh bool) (process, error) {
	env := f.env
	if fresh {
		home, err := os.MkdirTemp(f.dir, "home")
		if err != nil {
			return nil, err
		}
		env = append(slices.Clone(env), "HOME="+home, "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=")
	}
	return startChild(env, f.bin)
}

//go:embed page.html
var page []byte

// browser is Chromium's kiosk on an equal page from a file, everything it would fetch
// in the background switched off, with a profile that is new each time.
type browser struct {
	bin, dir string
	env      []string
	runs     int
}

// errNoBrowser: nothing to compare with.
var errNoBrowser = errors.New("no chromium; `make bench` installs it, -only leaves it out")

func newBrowser(dir string, env []string) (*browser, error) {
	bin := "/usr/lib/chromium/chromium" // the program itself, not the script that looks for it
	if _, err := os.Stat(bin); err != nil {
		if bin, err = exec.LookPath("chromium"); err != nil {
			return nil, fmt.Errorf("%w (%w)", errNoBrowser, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "page.html"), page, 0o600); err != nil {
		return nil, err
	}
	return &browser{bin: bin, dir: dir, env: env}, nil
}

func (b *browser) name() string { return "Chromium kiosk" }

func (b *browser) field() image.Rectangle { return image.Rect(204, 330, 290, 396) }

// start: its profile is new each time.
func (b *browser) start(bool) (process, error) {
	b.runs++
	args := []string{"--kiosk", "--user-data-dir=" + filepath.Join(b.dir, fmt.Sprintf("profile%d", b.runs)),
		"--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
		"--disable-default-apps", "--disable-extensions", "--disable-sync", "--disable-domain-reliability", "--disable-breakpad",
		"--password-store=basic", "--noerrdialogs", "--disable-session-crashed-bubble",
		"--disable-features=Translate,MediaRouter,OptimizationHints", "--window-position=0,0", "--window-size=1280,800"}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses root with its sandbox
	}
	return startChild(b.env, b.bin, append(args, "file://"+filepath.Join(b.dir, "page.html"))...)
}

func (b *browser) settle(h *hands.Hands) error {
	at := b.field().Min.Add(b.field().Max).Div(2)
	return errors.Join(h.Tap(at.X, at.Y), h.Move(parked.X, parked.Y)) // the keys go where the page is touched
}

// files are what its packages install.
func (b *browser) files() ([]string, error) {
	out, err := exec.Command("dpkg", "-L", "chromium", "chromium-common").Output()
	if err != nil {
		return nil, fmt.Errorf("dpkg -L chromium: %w", err)
	}
	return strings.Fields(string(out)), nil
}

// bytesOf is the size of the regular files among names, each counted once.
func bytesOf(names []string) (int64, error) {
	seen := map[string]bool{}
	var sum int64
	for _, name := range names {
		info, err := os.Lstat(name)
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue // documentation that a small system leaves out
			}
			return 0, err
		}
		if info.Mode().IsRegular() && !seen[name] {
			seen[name] = true
			sum += info.Size()
		}
	}
	return sum, nil
}
