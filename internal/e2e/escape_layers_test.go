package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"portillon/internal/lockdown"
)

// inside counts what the running screen process tried from inside, behind its own seals: the
// program does so before every first screen, and logs what went through.
func inside(t *testing.T, tally *escapeTally) {
	e := lock(t)
	e.start(atEmail)
	open := e.open()
	for _, id := range lockdown.ProbeIDs(lockdown.ScreenOptions{Session: e.path("state")}.Probes()) {
		r := escapeResult{Name: "inside/" + id, Item: "inside"}
		if slices.Contains(open, id) {
			r.Escaped, r.Why = true, "went through"
		}
		tally.add(r)
	}
	if why := e.verdict(); why != "" {
		t.Error(why)
	}
}

// open are the probes that the running tablet says went through.
func (e *escapee) open() []string {
	var out []string
	for line := range strings.Lines(e.tablet.Log()) {
		var l struct{ Msg, Err string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "a way out is open" {
			out = append(out, strings.Split(strings.TrimPrefix(l.Err, "lockdown: open: "), ", ")...)
		}
	}
	return out
}

var (
	egressWays    = regexp.MustCompile(`(\d+) ways tried by`)
	egressReaches = regexp.MustCompile(`user \d+ reaches (\S+ \S+)`)
)

// network runs the firewall's test, which builds namespaces with real servers (root alone can),
// and counts every way that was tried.
func network(t *testing.T, tally *escapeTally) {
	t.Parallel()
	out, err := exec.Command("go", "test", "-count=1", "-v", "-run", "^TestEgress$", "portillon/internal/lockdown").CombinedOutput()
	if bytes.Contains(out, []byte("NOT RUN")) {
		fmt.Println("not tried: network namespaces need root")
		return
	}
	reached := egressReaches.FindAllSubmatch(out, -1)
	for _, m := range reached {
		tally.add(escapeResult{Name: "network/" + string(m[1]), Item: "egress", Escaped: true, Why: "it arrived"})
	}
	m := egressWays.FindSubmatch(out)
	if m == nil || err != nil && len(reached) == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	var ways int
	if _, err := fmt.Sscan(string(m[1]), &ways); err != nil {
		t.Fatal(err)
	}
	for i := range ways - len(reached) {
		tally.add(escapeResult{Name: fmt.Sprintf("network/%d", i+1), Item: "egress"})
	}
}
