package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{nil, 0.5, 0},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{3, 1, 2}, 0, 1},
		{[]float64{3, 1, 2}, 1, 3},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}, 0.95, 20},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile(%v, %g) is %g, want %g", c.values, c.q, got, c.want)
		}
	}
}

// TestPainted: neither black, nor blank, nor dark; words on a light ground.
func TestPainted(t *testing.T) {
	light, black := bytes.Repeat([]byte{250, 246, 244, 0}, 1000), make([]byte, 4000)
	words := append(bytes.Clone(light[:3900]), black[:100]...)
	for name, c := range map[string]struct {
		pix  []byte
		want bool
	}{"black": {black, false}, "blank": {light, false}, "words": {words, true}, "dark": {append(bytes.Clone(black[:3000]), light[:1000]...), false}} {
		if got := painted(c.pix); got != c.want {
			t.Errorf("%s: painted is %v", name, got)
		}
	}
	if !empty(black) || empty(words) {
		t.Error("empty is not black")
	}
}

// TestTree: a process's children and theirs are counted, and have memory.
func TestTree(t *testing.T) {
	cmd := exec.Command("sh", "-c", "read x & read x; wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pids, err := tree(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := pids[cmd.Process.Pid]; !ok {
		t.Errorf("%d is not among %v", cmd.Process.Pid, pids)
	}
	if mb, n, err := memory(os.Getpid()); err != nil || mb <= 0 || n < 2 {
		t.Errorf("memory: %g MB of %d, %v", mb, n, err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it read no line
	if _, err := tree(cmd.Process.Pid); err == nil {
		t.Error("a process that has ended has a tree")
	}
}

func TestReport(t *testing.T) {
	a, b := &result{Name: "one"}, &result{Name: "two"}
	a.add(sample{first: 30, starts: []float64{10, 20, 30}, memory: 10, idle: 1, processes: 2, keys: []float64{8}})
	b.add(sample{first: 10, starts: []float64{10}, memory: 20, idle: 0, processes: 1, keys: []float64{4}})
	var out strings.Builder
	if err := report(&out, options{runs: 1}, []*result{a, b}); err != nil {
		t.Fatal(err)
	}
	if want := "| one ÷ two | 3.00 | 2.00 | 0.50 | – | 2.00 | 2.00 | – | |"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
}
