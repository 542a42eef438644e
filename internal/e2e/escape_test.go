package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The escape suite: everything a student might try to get out, on a tablet as an exam
// has it. docs/escape.md says what is tried and how it is judged.
//
//	TestEscape        the attempts, in groups of one room each (make escape runs it)
//	escapeGroups      what is tried, as data; every case names its item of escapeItems
//	verdict           how each attempt is judged: screen, window, processes, baits
//	TestEscapeItems   nothing on the list is forgotten

// try is one attempt to get out.
type try struct {
	name string
	item string // which line of escapeItems it belongs to
	do   func(e *escapee)
	// after is what the tablet should show afterwards, if one screen alone will do.
	after func(e *escapee)
	// elsewhere: another screen of ours is right as well; the group goes on from home.
	elsewhere bool
}

// escapeGroup is a room, and what is tried in it one after the other.
type escapeGroup struct {
	name   string
	change []func(*settings)
	home   func(e *escapee) // brings a fresh tablet to the state the tries start from
	tries  []try
	end    func(e *escapee) // what must still work after all that
}

// escapeResult is a line of results.jsonl.
type escapeResult struct {
	Name    string `json:"name"`
	Item    string `json:"item"`
	Escaped bool   `json:"escaped"`
	Why     string `json:"why,omitempty"`
	// Once: it got out in an earlier run of this suite, and not in the one that was made again.
	Once   bool  `json:"once,omitempty"`
	Millis int64 `json:"ms"`
}

// escapeTally collects results of groups that run at once.
type escapeTally struct {
	mu  sync.Mutex
	all []escapeResult
}

// add counts an attempt. One that got out fails its group, which alone is tried again where
// RERUNS says so.
func (y *escapeTally) add(t *testing.T, r escapeResult) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	y.all = append(y.all, r)
	if r.Escaped {
		t.Errorf("%s: %s", r.Name, r.Why)
		fmt.Printf("ESCAPE  %s: %s\n", r.Name, r.Why)
		return
	}
	fmt.Printf("held    %s\n", r.Name)
}

func (y *escapeTally) count(is func(escapeResult) bool) int {
	n := 0
	for _, r := range y.all {
		if is(r) {
			n++
		}
	}
	return n
}

func (y *escapeTally) summary() string {
	s := fmt.Sprintf("%d attempts, %d escapes", len(y.all), y.count(func(r escapeResult) bool { return r.Escaped }))
	if n := y.count(func(r escapeResult) bool { return r.Once }); n > 0 {
		s += fmt.Sprintf(", %d in one run of two", n)
	}
	return s
}

// again takes in what an earlier run left in the directory: of what was tried now as well, the
// newer result counts, and says if the older was another.
func (y *escapeTally) again(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, resultsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	now := map[string]int{}
	for i, r := range y.all {
		now[r.Name] = i
	}
	for line := range strings.Lines(string(b)) {
		var old escapeResult
		if err := json.Unmarshal([]byte(line), &old); err != nil {
			return fmt.Errorf("%s: %w", resultsName, err)
		}
		i, ok := now[old.Name]
		switch {
		case !ok:
			y.all = append(y.all, old)
		case old.Escaped && !y.all[i].Escaped:
			y.all[i].Once, y.all[i].Why = true, old.Why
		}
	}
	return nil
}

const resultsName = "results.jsonl"

// write leaves the results, one JSON object a line, and the summary, in which every escape is named.
func (y *escapeTally) write(dir string) error {
	var lines, summary strings.Builder
	enc := json.NewEncoder(&lines)
	for _, r := range y.all {
		if err := enc.Encode(r); err != nil {
			return err
		}
		switch {
		case r.Escaped:
			fmt.Fprintf(&summary, "ESCAPE  %s: %s\n", r.Name, r.Why)
		case r.Once:
			fmt.Fprintf(&summary, "ESCAPE in one run of two  %s: %s\n", r.Name, r.Why)
		}
	}
	fmt.Fprintln(&summary, y.summary())
	return errors.Join(os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, resultsName), []byte(lines.String()), 0o644),
		os.WriteFile(filepath.Join(dir, "summary.txt"), []byte(summary.String()), 0o644))
}

// TestEscapeAgain: a run made again replaces what it tried, keeps the rest, and forgets no escape.
func TestEscapeAgain(t *testing.T) {
	dir := t.TempDir()
	run := func(all ...escapeResult) string {
		y := &escapeTally{all: all}
		if err := errors.Join(y.again(dir), y.write(dir)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "summary.txt"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	out := escapeResult{Name: "a/x", Escaped: true, Why: "a window"}
	held := escapeResult{Name: "a/x"}
	other := escapeResult{Name: "b/y"}
	if got, want := run(out, other), "ESCAPE  a/x: a window\n2 attempts, 1 escapes\n"; got != want {
		t.Errorf("first: %q, not %q", got, want)
	}
	if got, want := run(out), "ESCAPE  a/x: a window\n2 attempts, 1 escapes\n"; got != want {
		t.Errorf("and again: %q, not %q", got, want)
	}
	if got, want := run(held), "ESCAPE in one run of two  a/x: a window\n2 attempts, 0 escapes, 1 in one run of two\n"; got != want {
		t.Errorf("then held: %q, not %q", got, want)
	}
}

// TestEscape tries every way out. It takes minutes, so make escape alone runs it: ESCAPE names
// the directory for its results.
func TestEscape(t *testing.T) {
	dir := os.Getenv("ESCAPE")
	if dir == "" {
		t.Log("NOT RUN: the escape suite takes minutes; make escape runs it")
		return
	}
	if !landlocked(t) {
		return
	}
	tally := &escapeTally{}
	t.Run("groups", func(t *testing.T) {
		for _, g := range escapeGroups() {
			t.Run(g.name, func(t *testing.T) { g.run(t, tally) })
		}
		t.Run("inside", func(t *testing.T) { inside(t, tally) })
		t.Run("outside", func(t *testing.T) { outside(t, tally) })
		t.Run("network", func(t *testing.T) { network(t, tally) })
	})
	for _, i := range escapeItems() {
		if i.todo != "" {
			fmt.Printf("not tried: %s (%s)\n", i.words, i.todo)
		}
	}
	if err := errors.Join(tally.again(dir), tally.write(dir)); err != nil {
		t.Error(err)
	}
}

// run tries a group. An attempt that cannot be made is a failure of the suite; one that got out
// is counted, and the next starts from a fresh tablet.
func (g escapeGroup) run(t *testing.T, tally *escapeTally) {
	e := lock(t, g.change...)
	e.start(g.home)
	for i, c := range g.tries {
		began := time.Now()
		c.do(e)
		why := e.verdict()
		if why == "" && c.after != nil {
			c.after(e)
		}
		tally.add(t, escapeResult{Name: g.name + "/" + c.name, Item: c.item, Escaped: why != "", Why: why, Millis: time.Since(began).Milliseconds()})
		if why != "" {
			e.photograph(c.name)
		}
		last := i == len(g.tries)-1 && g.end == nil
		if (why != "" || c.elsewhere) && !last {
			e.start(g.home)
		}
	}
	if g.end != nil {
		g.end(e)
	}
}
