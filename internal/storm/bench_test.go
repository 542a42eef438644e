package storm_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"portillon/internal/demo"
	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/fipa"
	"portillon/internal/provider"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
	"portillon/internal/storm"
)

// The storm of BenchmarkStorm: 11,250 tablets a minute, of whom some use a code, and some
// mistype.
const (
	rate  = 11250.0 / 60 // arrivals a second
	codes = 0.05
	wrong = 0.02
)

// owasp is what every stored hash must begin with: a choice of OWASP's Password Storage Cheat
// Sheet.
const owasp = "$argon2id$v=19$m=19456,t=2,p=1$"

// BenchmarkStorm lets STORM_TABLETS (500) log in at the rate of 11,250 a minute: the real
// service, a process of its own, and the tablets, this one, on the same cores. It compares
// the logins a second with what argon2id alone reaches on those cores just before and just
// after, says where the cores' time went, and fails if a login does, a code is mailed twice
// or a hash in the database is cheaper than OWASP's.
//
// Four ratios are printed. "of-argon2id" subtracts nothing from the service's own argon2id: the
// tablets' cryptography, which on the day runs on 11,250 other machines, counts as the service's
// loss, and so does whatever else the machine did. "of-x/crypto-argon2id" is the same against that
// package as it comes, which takes longer (package argon2id says why). "of-argon2id-in-cores" is the
// first in time of cores, what one check of argon2id took alone to what one login took service and
// tablet: idle cores and other programs count for nobody. "of-what-tablets-leave" is of argon2id on
// the cores' time that this process did not use.
func BenchmarkStorm(b *testing.B) {
	data := b.TempDir()
	service := startService(b, buildService(b), "--demo", "--data", data)
	pass(b, tabletsWanted(b), service)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, store.File)+"?mode=ro")
	if err != nil {
		b.Fatal(err)
	}
	checkHashes(b, db)
}

// tabletsWanted is how many come.
func tabletsWanted(b *testing.B) int {
	b.Helper()
	s := os.Getenv("STORM_TABLETS")
	if s == "" {
		return 500
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// pass lets so many tablets log in at services of one issuer, connection by connection in turn.
func pass(b *testing.B, tablets int, services ...*demo.Service) {
	b.Helper()
	// For x/crypto's argon2id, which leaves 19 MB a hash to the collector.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for b.Loop() {
		debug.FreeOSMemory()
		plain, before := xcryptoAlone(b), hashAlone(b)
		seen := &stopwatch{}
		tablet := tabletsOf(b, tablets, services, seen)
		ours, theirs, nobody, begin := cpuOf(b, os.Getpid()), cpuOfAll(b, services), idleOf(b), time.Now()
		sum, err := storm.Run(b.Context(), storm.Options{
			Tablets: tablets, Arrival: time.Duration(float64(tablets) / rate * float64(time.Second)),
			Provider: tablet, Codes: codes, Wrong: wrong, Mail: anyMailbox(services),
			Account: func(i int) storm.Account {
				email, err := identity.ParseEmail(people.StormAddress(i + 1))
				if err != nil {
					b.Error(err)
				}
				return storm.Account{Email: email, Password: people.StormPassword}
			},
		})
		wall := time.Since(begin)
		ours, theirs, nobody = cpuOf(b, os.Getpid())-ours, cpuOfAll(b, services)-theirs, idleOf(b)-nobody
		if err != nil || sum.Failed > 0 {
			b.Fatalf("%+v, %v", sum, err)
		}
		debug.FreeOSMemory()
		after := hashAlone(b)
		plain = plain.and(xcryptoAlone(b))
		if n := mails(b, services); n != sum.CodesSent {
			b.Errorf("%d mails for %d codes", n, sum.CodesSent)
		}
		peak := 0
		for _, s := range services {
			peak = max(peak, memoryPeak(b, s.Pid()))
		}
		b.ReportMetric(plain.rate, "x/crypto-argon2id/s")
		b.ReportMetric(sum.PerSecond/plain.rate, "of-x/crypto-argon2id")
		report(b, sum, seen, before.and(after), wall, ours, theirs, nobody, peak)
	}
}

func cpuOfAll(b *testing.B, services []*demo.Service) (sum time.Duration) {
	b.Helper()
	for _, s := range services {
		sum += cpuOf(b, s.Pid())
	}
	return sum
}

// report prints what a storm came to.
func report(b *testing.B, sum storm.Summary, seen *stopwatch, alone speed, wall, ours, theirs, nobody time.Duration, peakMB int) {
	b.Helper()
	all := float64(runtime.GOMAXPROCS(0)) * wall.Seconds()
	checks := float64(sum.LoggedIn - sum.CodesSent + sum.WrongPasswords)
	hashing := checks * alone.cpu.Seconds()
	left := sum.PerSecond / (alone.rate * (1 - ours.Seconds()/all))
	b.ReportMetric(sum.PerSecond, "logins/s")
	b.ReportMetric(alone.rate, "argon2id/s")
	b.ReportMetric(sum.PerSecond/alone.rate, "of-argon2id")
	b.ReportMetric(alone.cpu.Seconds()*float64(sum.LoggedIn)/(ours+theirs).Seconds(), "of-argon2id-in-cores")
	b.ReportMetric(left, "of-what-tablets-leave")
	b.ReportMetric(float64(sum.Retries)/float64(sum.Tablets), "retries/login")
	line, err := json.Marshal(sum)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%s", line)
	b.Logf("argon2id alone, before and after: %.1f a second, %.1f ms of a core each", alone.rate, 1000*alone.cpu.Seconds())
	b.Logf("of the %.0f core seconds there were in %.0f s: service %.0f (%.0f of them, or more, argon2id: %.0f checks), tablets %.0f, nobody %.1f, others %.1f",
		all, wall.Seconds(), theirs.Seconds(), hashing, checks, ours.Seconds(), nobody.Seconds(), (all - theirs.Seconds() - ours.Seconds() - nobody.Seconds()))
	b.Logf("argon2id's part of the service's time %.0f %%; of all the cores' %.0f %%", 100*hashing/theirs.Seconds(), 100*hashing/all)
	b.Logf("a login cost the service %.1f ms of a core, its tablet %.1f ms", 1000*theirs.Seconds()/float64(sum.LoggedIn), 1000*ours.Seconds()/float64(sum.LoggedIn))
	b.Logf("peak memory of the service %d MB", peakMB)
	b.Logf("%s", seen)
}

// buildService builds the real one.
func buildService(b *testing.B) (bin string) {
	b.Helper()
	bin = filepath.Join(b.TempDir(), "rehearsal")
	if out, err := exec.Command("go", "build", "-o", bin, "portillon/cmd/rehearsal").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func startService(b *testing.B, bin string, args ...string) *demo.Service {
	b.Helper()
	// A file, as a system's journal: through a pipe the tablets' process would read it.
	log, err := os.CreateTemp(b.TempDir(), "rehearsal.log")
	if err != nil {
		b.Fatal(err)
	}
	s, err := demo.StartService(b.Context(), bin, log, args...)
	if err != nil {
		b.Fatal(errors.Join(err, log.Close()))
	}
	b.Cleanup(func() {
		if err := errors.Join(s.Stop(), log.Close()); err != nil {
			b.Error(err)
		}
	})
	return s
}

// tabletsOf makes tablets with the real adapter, each with its key, which a tablet has for years,
// and from an address of its own: one has not enough ports.
func tabletsOf(b *testing.B, n int, services []*demo.Service, seen *stopwatch) func(int) (identity.Provider, error) {
	b.Helper()
	roots, err := provider.Roots(services[0].CAFile)
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]*dpop.Key, n)
	for i := range keys {
		if keys[i], err = dpop.NewKey(); err != nil {
			b.Fatal(err)
		}
	}
	var turn atomic.Int64
	return func(i int) (identity.Provider, error) {
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/200%200+1), byte(i%200+1))}}
		d.SetMultipathTCP(false)
		p, err := fipa.New(fipa.Config{Issuer: services[0].Issuer, ClientID: "portillon", Scope: "openid profile", RootCAs: roots,
			Prover: keys[i], Now: time.Now, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return d.DialContext(ctx, network, services[turn.Add(1)%int64(len(services))].Listen)
			}})
		return timed{p, seen}, err
	}
}

// anyMailbox waits for a code in whichever mailbox it comes to: each process has its own.
func anyMailbox(services []*demo.Service) func(context.Context, identity.Email, time.Time) (string, error) {
	return func(ctx context.Context, to identity.Email, since time.Time) (string, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type found struct {
			code string
			err  error
		}
		all := make(chan found, len(services))
		for _, s := range services {
			go func() {
				code, err := storm.Mailbox(s.Mailbox, http.DefaultClient)(ctx, to, since)
				all <- found{code, err}
			}()
		}
		f := <-all
		return f.code, f.err
	}
}

// mails is how many mails there are.
func mails(b *testing.B, services []*demo.Service) (n int) {
	b.Helper()
	for _, s := range services {
		n += mailsIn(b, s.Mailbox)
	}
	return n
}

func mailsIn(b *testing.B, mailbox string) int {
	b.Helper()
	res, err := http.Get(mailbox + "/api/messages")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // only read
	var all []struct{}
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		b.Fatal(err)
	}
	return len(all)
}

// checkHashes reads the parameters back from the service's database, and closes it.
func checkHashes(b *testing.B, db *sql.DB) {
	b.Helper()
	defer func() { _ = db.Close() }() // only read
	var good, all int
	err := db.QueryRowContext(context.Background(), `SELECT sum(CASE WHEN password LIKE '`+owasp+`%' THEN 1 ELSE 0 END), count(*) FROM accounts WHERE password IS NOT NULL`).Scan(&good, &all)
	if err != nil {
		b.Fatal(err)
	}
	if good < people.StormAccounts || good < all {
		b.Errorf("of %d hashes %d begin with %s", all, good, owasp)
	}
	b.Logf("%d hashes in the database, all of them %s", good, owasp)
}
