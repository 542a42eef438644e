package rehearsal_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portillon/internal/e2e/browser"
	"portillon/internal/rehearsal"
)

// pictures is where the web pages' pictures go: outside git.
func pictures(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../out/web")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestProcedure3 is the guide's: the invigilator adds a secondary address in the cockpit,
// waits for the quarter of an hour, and the student logs in with it.
func TestProcedure3(t *testing.T) {
	for name, window := range map[string]browser.Window{"desk": browser.Desk(), "phone": browser.Phone()} {
		t.Run(name, func(t *testing.T) { procedure3(t, name, window) })
	}
}

func procedure3(t *testing.T, size string, window browser.Window) {
	w := start(t, func(o *rehearsal.Options) { o.Policy.RequireNonce = false })
	w.clock.advance(w.clock.now().Truncate(time.Hour).Add(time.Hour + 7*time.Minute).Sub(w.clock.now())) // :07
	b := browser.Start(t, window, w.CAPin, pictures(t))
	if b == nil {
		return
	}
	shot := func(name string) { b.Picture("cockpit-" + size + "-" + name) }
	b.Open(w.CockpitURL)
	shot("1-signin")
	b.Type("#login", "scolarite")
	b.Type("#password", "Faux-2026!")
	if status := b.Submit("button.main"); status != 401 {
		t.Errorf("a wrong password: %d", status)
	}
	shot("2-signin-wrong")
	b.Type("#password", "Scolarite-2026!")
	b.Submit("button.main")
	shot("3-list")
	b.Type("#q", "léa mor")
	b.Until(`document.querySelectorAll("#rows tr").length == 1 && document.getElementById("rows").innerText.includes("lea.moreau@")`)
	shot("4-found")
	b.Submit("td.edit a")
	shot("5-person")
	b.Type("#address", "lea@@courriel.example")
	b.Submit(".adder button")
	shot("6-address-wrong")
	b.Type("#address", "lea@courriel.example")
	b.Submit(".adder button")
	if got := b.Text(".notice.ok"); !strings.Contains(got, "\u00a0h\u00a015.") {
		t.Errorf("the page does not say when: %q", got)
	}
	shot("7-address-added")
}
