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

// browser is one in its kiosk mode on an equal page from a file, everything it would fetch
// in the background switched off, with a profile that is new each time.
type browser struct {
	label, dir string
	bins       []string // where its program may be, the first that is there
	packages   []string // Debian's
	env        []string
	// args are what it is started with; they may prepare the profile's empty directory.
	args func(profile string) ([]string, error)
	runs int
}

// errNoBrowser: nothing to compare with.
var errNoBrowser = errors.New("no such browser; `make bench` installs it, -only leaves it out")

// browsers are those to compare with. Their programs are named first, since what is in the path is a
// script that looks for them.
func browsers(dir string, env []string) []*browser {
	return []*browser{
		{label: "Chromium kiosk", dir: dir, env: env, args: chromium, packages: []string{"chromium", "chromium-common"},
			bins: []string{"/usr/lib/chromium/chromium", "chromium"}},
		{label: "Firefox kiosk", dir: dir, env: env, args: firefox, packages: []string{"firefox-esr"},
			bins: []string{"/usr/lib/firefox-esr/firefox-esr", "firefox-esr"}},
	}
}

func (b *browser) name() string { return b.label }

func (b *browser) field() image.Rectangle { return image.Rect(204, 330, 290, 396) }

// start: its profile is new each time.
func (b *browser) start(bool) (process, error) {
	b.runs++
	stem := filepath.Join(b.dir, fmt.Sprintf("%.7s%d", b.label, b.runs))
	if err := errors.Join(os.Mkdir(stem, 0o700), os.WriteFile(stem+".html", page, 0o600)); err != nil {
		return nil, err
	}
	args, err := b.args(stem)
	if err != nil {
		return nil, err
	}
	for _, name := range b.bins {
		if bin, err := exec.LookPath(name); err == nil {
			return startChild(append(slices.Clone(b.env), "HOME="+stem), bin, append(args, "file://"+stem+".html")...)
		}
	}
	return nil, fmt.Errorf("%s: %w", b.label, errNoBrowser)
}

func chromium(profile string) ([]string, error) {
	args := []string{"--kiosk", "--user-data-dir=" + profile,
		"--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
		"--disable-default-apps", "--disable-extensions", "--disable-sync", "--disable-domain-reliability", "--disable-breakpad",
		"--password-store=basic", "--noerrdialogs", "--disable-session-crashed-bubble",
		"--disable-features=Translate,MediaRouter,OptimizationHints", "--window-position=0,0", "--window-size=1280,800"}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses root with its sandbox
	}
	return args, nil
}

//go:embed firefox.js
var firefoxPreferences []byte

func firefox(profile string) ([]string, error) {
	const place = `{"chrome://browser/content/browser.xhtml":{"main-window":{"screenX":"0","screenY":"0","width":"1280","height":"800","sizemode":"normal"}}}`
	return []string{"--kiosk", "--no-remote", "--profile", profile},
		errors.Join(os.WriteFile(filepath.Join(profile, "user.js"), firefoxPreferences, 0o600),
			os.WriteFile(filepath.Join(profile, "xulstore.json"), []byte(place), 0o600))
}

func (b *browser) settle(h *hands.Hands) error {
	at := b.field().Min.Add(b.field().Max).Div(2)
	return errors.Join(h.Tap(at.X, at.Y), h.Move(parked.X, parked.Y)) // the keys go where the page is touched
}

// files are what its packages install.
func (b *browser) files() ([]string, error) {
	out, err := exec.Command("dpkg", append([]string{"-L"}, b.packages...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("dpkg -L %s: %w", strings.Join(b.packages, " "), err)
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
