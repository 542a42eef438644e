// Package browser is a real Chromium for the tests of the web pages: it starts one,
// trusts one service, does what a person does, and keeps a picture of every page. Tests
// of internal/rehearsal and internal/e2e call it.
package browser

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
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
	// Without it a window that nobody sees has no focus until it is clicked on.
	if err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})); err != nil {
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
	return b.status(res)
}

// status is that of the page that came; none came where the page only changed itself.
func (b *Browser) status(res *network.Response) int {
	b.t.Helper()
	if res == nil {
		b.Picture("failed")
		b.t.Fatal("browser: no page came of it")
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

// Until waits until an expression of the page's script is true, on this page or on one that
// comes meanwhile.
func (b *Browser) Until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		// A page that is just being left has no script to ask: its error is not the end.
		done, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && done {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.Picture("failed")
			b.t.Fatalf("browser: waited for %s: %v", expression, err)
		}
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
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	// On a busy machine the browser may still be replacing the page.
	for err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "Not attached to an active page") {
		<-tick.C
		png, err = chromedp.Run(ctx, chromedp.FullScreenshot(100))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(b.pictures, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Errorf("picture %s: %v", name, err)
	}
}

//go:embed audit.js
var audit string

// Page fails the test for what is wrong with the accessibility of the page shown, as far as a
// program can tell (audit.js says what it looks at), and keeps a picture of it.
func (b *Browser) Page(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	wrong, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](audit))
	if err != nil {
		b.t.Fatalf("browser: %s: %v", name, err)
	}
	for _, w := range wrong {
		b.t.Errorf("%s: %s", name, w)
	}
	b.Picture(name)
}

// Press types keys at whatever has the focus, as a keyboard does: "\t", "\r", letters.
func (b *Browser) Press(keys string) { b.t.Helper(); b.Do(chromedp.KeyEvent(keys)) }

// Reach presses Tab until an element has the focus, as somebody without a pointer does. On the
// way everything that takes the focus has to come into view and to show that it has it, and
// nothing may hold it. It fails the test after 60 keys.
func (b *Browser) Reach(on CSS) {
	b.t.Helper()
	for range 60 {
		f := b.focus(on)
		if !f.Shown || !f.Seen {
			b.t.Errorf("the focus on %s does not show (ring %v, in view %v)", f.Name, f.Shown, f.Seen)
		}
		if f.There {
			return
		}
		b.Press("\t")
	}
	b.Picture("failed")
	b.t.Fatalf("browser: Tab never comes to %s", on)
}

// focused is what has the focus.
type focused struct {
	There bool   // it is what was looked for
	Shown bool   // it has a ring, or is the page itself
	Seen  bool   // it is in view
	Name  string // for the test's log
}

// focus tells what has the focus, once it is in view and shows it: a page that has just come
// may be without its colours, and scrolling takes a moment.
func (b *Browser) focus(looked CSS) (f focused) {
	b.t.Helper()
	state := fmt.Sprintf(`(() => {
		const e = document.activeElement, r = e.getBoundingClientRect(), page = e.matches("body, main");
		const ring = (x) => x && parseFloat(getComputedStyle(x).outlineWidth) >= 2 && getComputedStyle(x).outlineStyle !== "none";
		return { There: document.readyState === "complete" && e.matches(%q), Shown: page || ring(e) || Boolean(ring(e.closest(".option"))),
			Seen: page || r.width > 0 && r.bottom > 0 && r.top < innerHeight, Name: e.localName + "#" + e.id + "." + e.className };
	})()`, string(looked))
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := chromedp.Run(ctx, chromedp.Evaluate[focused](state))
		if err == nil {
			if f = now; f.Shown && f.Seen {
				return f
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return f
		}
	}
}

// Enter presses Return on what has the focus and waits for the page that comes of it.
func (b *Browser) Enter() int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	res, err := chromedp.RunResponse(ctx, chromedp.KeyEvent("\r"))
	if err != nil {
		b.Picture("failed")
		b.t.Fatalf("browser: Return: %v", err)
	}
	return b.status(res)
}

// Resize gives the window another width and height, in CSS pixels: half of each is what a
// reader sees at 200 %.
func (b *Browser) Resize(w Window) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(w.Width, w.Height))
}

// Says waits until the text of an element, its spaces and hyphens made ordinary ones, holds a
// sentence.
func (b *Browser) Says(in CSS, sentence string) {
	b.t.Helper()
	b.Until(fmt.Sprintf(`document.querySelector(%q)?.innerText.replace(/\s+/g, " ").replace(/\u2011/g, "-").includes(%q)`,
		string(in), strings.ReplaceAll(sentence, "\u2011", "-")))
}
