package storm_test

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/fipa"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/people"
	"portillon/internal/storm"
)

// BenchmarkStorm lets STORM_TABLETS (500) log in at the rate of 11,250 a minute, tablets
// and service in one process on the same cores, and compares the logins a second with
// what argon2id alone reaches there just before and just after.
func BenchmarkStorm(b *testing.B) {
	tablets := 500
	if s := os.Getenv("STORM_TABLETS"); s != "" {
		var err error
		if tablets, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	provider := service(b)
	for b.Loop() {
		before := hashes(b)
		sum, err := storm.Run(b.Context(), storm.Options{
			Tablets: tablets, Arrival: time.Duration(tablets) * time.Minute / 11250, Provider: provider,
			Account: func(i int) storm.Account {
				email, err := identity.ParseEmail(people.StormAddress(i + 1))
				if err != nil {
					b.Error(err)
				}
				return storm.Account{Email: email, Password: people.StormPassword}
			},
		})
		if err != nil || sum.Failed > 0 {
			b.Fatalf("%+v, %v", sum, err)
		}
		alone := (before + hashes(b)) / 2
		b.ReportMetric(sum.PerSecond, "logins/s")
		b.ReportMetric(alone, "argon2id/s")
		b.ReportMetric(sum.PerSecond/alone, "of-argon2id")
		b.ReportMetric(float64(sum.Retries)/float64(tablets), "retries/login")
	}
}

// hashes is how many passwords a second all cores check when they do nothing else.
func hashes(b *testing.B) float64 {
	b.Helper()
	const each = 40
	h := password.New(1 << 20)
	phc := password.Hash(people.StormPassword)
	begin := time.Now()
	var all sync.WaitGroup
	for range each {
		all.Go(func() {
			ticket, err := h.Enter("bench")
			if err != nil {
				b.Error(err)
				return
			}
			if ok, err := ticket.Check(context.Background(), phc, people.StormPassword); !ok || err != nil {
				b.Errorf("%t, %v", ok, err)
			}
		})
	}
	all.Wait()
	return each / time.Since(begin).Seconds()
}

// service starts a demonstration and returns its tablets.
func service(b *testing.B) func(int) (identity.Provider, error) {
	b.Helper()
	s, err := rehearsal.Start(b.Context(), rehearsal.Options{
		Listen: "127.0.0.1:0", Data: b.TempDir(), Demo: true, Policy: policy(),
		Log: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return func(i int) (identity.Provider, error) {
		key, err := dpop.NewKey()
		if err != nil {
			return nil, err
		}
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, 1, byte(i%200+1))}}
		return fipa.New(fipa.Config{Issuer: s.Issuer, ClientID: "portillon", Scope: "openid profile", RootCAs: roots,
			Prover: key, Dial: d.DialContext, Now: time.Now})
	}
}

func policy() oauth.Policy {
	p := oauth.DefaultPolicy()
	p.EnrolLoopback = true
	return p
}
