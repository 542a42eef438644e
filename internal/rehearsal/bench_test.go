package rehearsal_test

import (
	"sync/atomic"
	"testing"

	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/people"
	"portillon/internal/wire"
)

// BenchmarkLogin is a storm's login by password, proofs and TLS on both sides
// included; BenchmarkIdentify is its cheapest step.
func BenchmarkLogin(b *testing.B) {
	benchmark(b, func(tab *tablet, address string) {
		tab.identify(address)
		grant := tab.password(people.StormPassword)
		if a := tab.redeem(grant.AuthorizationCode); a.kind() != "tokens" {
			b.Errorf("answered %s", a.raw)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	benchmark(b, func(tab *tablet, address string) {
		if a := tab.identify(address); a.kind() != wire.SubCredentialsRequired {
			b.Errorf("answered %s", a.raw)
		}
	})
}

func benchmark(b *testing.B, login func(tab *tablet, address string)) {
	w := start(b, func(o *rehearsal.Options) { o.PasswordQueue = 1 << 20 })
	var i atomic.Int64
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		tab := w.tablet()
		for pb.Next() {
			tab.session = ""
			login(tab, people.StormAddress(int(i.Add(1))%people.StormAccounts+1))
		}
	})
}

// BenchmarkFirstStart is how long a demonstration takes to be there with all its accounts:
// 5 s at most on a machine with nothing else to do.
func BenchmarkFirstStart(b *testing.B) {
	for b.Loop() {
		w := start(b, func(o *rehearsal.Options) { o.Data = b.TempDir() })
		if err := w.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
