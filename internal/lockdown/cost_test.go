package lockdown

import (
	"testing"
	"time"

	"portillon/internal/config"
)

// sealLimit is what sealing may add to the start of a process.
const sealLimit = 5 * time.Millisecond

// TestSealingIsQuick: the best of some runs, since the machine may be busy with others.
func TestSealingIsQuick(t *testing.T) {
	if !kernelOK(t) {
		return
	}
	for _, do := range []string{"screen", "supervisor"} {
		best := finding{Sealing: time.Hour}
		dir := openDir(t)
		for range 10 {
			f := order{Do: do, Mode: config.LockdownRequired, Dir: dir, Threads: 2}.run(t)
			if f.Err != "" {
				t.Fatal(f.Err)
			}
			if f.Sealing < best.Sealing {
				best = f
			}
		}
		if best.Sealing > sealLimit {
			t.Errorf("%s: %v, at most %v", do, best.Sealing, sealLimit)
		}
		t.Logf("%s: sealed in %v, %d probes in %v", do, best.Sealing, len(best.Probes), best.Probing)
	}
}

// BenchmarkSeal gives the cost of sealing a screen process (both calls) and of probing it.
func BenchmarkSeal(b *testing.B) {
	if !kernelOK(b) {
		return
	}
	o := order{Do: "screen", Mode: config.LockdownRequired, Dir: openDir(b), Threads: 2}
	var sealing, probing time.Duration
	n := 0
	for b.Loop() {
		f := o.run(b)
		sealing, probing, n = sealing+f.Sealing, probing+f.Probing, n+1
	}
	b.ReportMetric(float64(sealing.Microseconds())/float64(n), "µs/seal")
	b.ReportMetric(float64(probing.Microseconds())/float64(n), "µs/probe")
	b.ReportMetric(0, "ns/op") // of starting a process, which says nothing
}
