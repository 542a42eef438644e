package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
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
	Millis  int64  `json:"ms"`
}

// escapeTally collects results of groups that run at once.
type escapeTally struct {
	mu  sync.Mutex
	all []escapeResult
}

func (y *escapeTally) add(r escapeResult) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.all = append(y.all, r)
	if r.Escaped {
		fmt.Printf("ESCAPE  %s: %s\n", r.Name, r.Why)
		return
	}
	fmt.Printf("held    %s\n", r.Name)
}

func (y *escapeTally) escapes() int {
	n := 0
	for _, r := range y.all {
		if r.Escaped {
			n++
		}
	}
	return n
}

func (y *escapeTally) summary() string {
	return fmt.Sprintf("%d attempts, %d escapes", len(y.all), y.escapes())
}

// write leaves the results, one JSON object a line, and the summary.
func (y *escapeTally) write(dir string) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	for _, r := range y.all {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return errors.Join(os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "results.jsonl"), []byte(b.String()), 0o644),
		os.WriteFile(filepath.Join(dir, "summary.txt"), []byte(y.summary()+"\n"), 0o644))
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
	if err := tally.write(dir); err != nil {
		t.Error(err)
	}
	if n := tally.escapes(); n > 0 {
		t.Errorf("%d escapes", n)
	}
	fmt.Println(tally.summary())
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
		tally.add(escapeResult{Name: g.name + "/" + c.name, Item: c.item, Escaped: why != "", Why: why, Millis: time.Since(began).Milliseconds()})
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
