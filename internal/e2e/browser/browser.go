// Package browser is a real Chromium for the tests of the web pages: it starts one,
// trusts one service, does what a person does, and keeps a picture of every page. Tests
// of internal/rehearsal and internal/e2e call it.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long one thing on a page may take on a busy machine.
const patience = 60 * time.Second

// CSS selects the first element of a page that it fits.
type CSS = chromedp.CSS

// Window is the size of a browser's page, in CSS pixels.
type Window struct {
	Width, Height int64
	Phone         bool // touch
}

// Desk is a computer's window.
func Desk() Window { return Window{Width: 1280, Height: 800} }

// Phone is a phone's.
func Phone() Window { return Window{Width: 390, Height: 844, Phone: true} }

// Browser is a running Chromium with one page.
type Browser struct {
	t        testing.TB
	ctx      context.Context
	pictures string
}

// Start starts a browser that trusts the certificates under pin ("sha256/BASE64", a
// rehearsal service's CAPin) and no other, and ends it with the test. It reaches loopback
// alone. Pictures go to the directory pictures, "": nowhere. A script that fails and an
// error of the page, such as what its policy blocks, fail the test. Without a Chromium it
// says NOT RUN and returns nil, or fails the test where REQUIRE_BROWSER=1.
func Start(t testing.TB, w Window, pin, pictures string) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("REQUIRE_BROWSER") == "1" {
			t.Fatal("REQUIRE_BROWSER=1, and there is no chromium (apt install chromium)")
		}
		t.Log("NOT RUN, nothing was proven here: no chromium on this machine (apt install chromium)")
		return nil
	}
	ctx, stop := chromedp.NewContext(context.WithoutCancel(t.Context()), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.Flag("ignore-certificate-errors-spki-list", strings.TrimPrefix(pin, "sha256/")),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(int(w.Width), int(w.Height)), chromedp.WSURLReadTimeout(patience),
	))
	b := &Browser{t: t, ctx: ctx, pictures: pictures}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("chromium: %v", err)
		}
		stop()
	})
	// The browser lives as long as the context of the first call: no deadline on it.
	var more []chromedp.EmulateViewportOption
	if w.Phone {
		more = append(more, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(w.Width, w.Height, more...)); err != nil {
		t.Fatal("chromium: ", err)
	}
	console := chromedp.Console(ctx)
	go b.hear(func(yield func(chromedp.ConsoleMessage) bool) {
		for m, err := range console {
			if err != nil || !yield(m) {
				return
			}
		}
	})
	if pictures != "" {
		if err := os.MkdirAll(pictures, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// hear fails the test for what the page complains of. A form with mistakes answers 422,
// which the browser logs and which is no failure.
func (b *Browser) hear(console func(func(chromedp.ConsoleMessage) bool)) {
	for m := range console {
		if m.IsException() || m.Type == "error" && m.Source != "network" {
			b.t.Errorf("browser: %s: %s", m.Source, m)
		}
	}
}

// Do does things one after the other; each has to be done within a minute.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		err := chromedp.Do(ctx, step)
		cancel()
		if err != nil {
			b.Picture("failed")
			b.t.Fatalf("browser: step %d: %v", i+1, err)
		}
	}
}

// Open goes to an address.
func (b *Browser) Open(address string) { b.t.Helper(); b.Do(chromedp.Navigate(address)) }

// Type replaces what stands in a field, key by key.
func (b *Browser) Type(field CSS, text string) {
	b.t.Helper()
	empty := fmt.Sprintf(`{ const e = document.querySelector(%q); e.value = ""; e.dispatchEvent(new Event("input", {bubbles: true})); }`, string(field))
	b.Do(chromedp.WaitVisible(field), chromedp.Evaluate[chromedp.Void](empty), chromedp.SendKeys(field, text))
}

// Click clicks on what does not leave the page.
func (b *Browser) Click(on CSS) { b.t.Helper(); b.Do(chromedp.Click(on)) }

// Submit clicks on a link or a button and waits for the page that comes of it; it returns
// its status.
func (b *Browser) Submit(on CSS) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	res, err := chromedp.RunResponse(ctx, chromedp.Click(on))
	if err != nil {
		b.Picture("failed")
		b.t.Fatalf("browser: click %s: %v", on, err)
	}
	return int(res.Status)
}

// Text is the visible text of an element.
func (b *Browser) Text(of CSS) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Text(of))
	if err != nil {
		b.Picture("failed")
		b.t.Fatalf("browser: text of %s: %v", of, err)
	}
	return out
}

// Until waits until an expression of the page's script is true.
func (b *Browser) Until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("Boolean("+expression+")", chromedp.WithPollingTimeout(patience))); err != nil {
		b.Picture("failed")
		b.t.Fatalf("browser: waited for %s: %v", expression, err)
	}
}

// Picture keeps the page, whole, as NAME.png.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	if b.pictures == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.pictures, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Errorf("picture %s: %v", name, err)
	}
}
