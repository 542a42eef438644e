package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
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
		tally.add(t, r)
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
			_, list, ok := strings.Cut(l.Err, "open: ")
			if !ok { // in other words than it was: everything the suite knows is open
				e.t.Errorf("probes went through, and this is not understood: %s", l.Err)
			}
			out = append(out, strings.Split(list, ", ")...)
		}
	}
	return out
}

var egressWay = regexp.MustCompile(`(?m)^way (held|ESCAPE) (\S+)$`)

// network runs the firewall's tests, which build namespaces with real servers (root alone can),
// and counts every way that was to be refused.
func network(t *testing.T, tally *escapeTally) {
	t.Parallel()
	cmd := exec.Command("go", "test", "-count=1", "-v", "-run", "^TestEgress$", "portillon/internal/lockdown")
	cmd.Env = append(os.Environ(), "ESCAPE=1")
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("NOT RUN")) {
		fmt.Println("not tried: network namespaces need root")
		return
	}
	escapes, ways := 0, egressWay.FindAllSubmatch(out, -1)
	for _, m := range ways {
		r := escapeResult{Name: "network/" + string(m[2]), Item: "egress"}
		if string(m[1]) == "ESCAPE" {
			r.Escaped, r.Why = true, "it arrived"
			escapes++
		}
		tally.add(t, r)
	}
	if len(ways) == 0 || err != nil && escapes == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
}
