package lockdown

import (
	"testing"
	"time"

	"portillon/internal/config"
)

// BenchmarkSeal gives the cost of sealing a screen process (both calls) and of probing it:
// some 2 ms each on two quiet cores, where 5 are allowed. No test holds it to that: a busy
// machine would fail it.
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
