package storm_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"portillon/internal/identity"
	"portillon/internal/rehearsal/password"
	"portillon/internal/storm"
)

// TestKnee finds in virtual time what a service of two cores and 25 ms a password stands: 80
// a second, and in ten seconds a few more, which wait for less than the second allowed.
func TestKnee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		m := &model{queue: password.NewQueue(2, 256, hash), cores: semaphore.NewWeighted(2), begin: begin.Add(-24 * time.Hour)}
		sum, err := storm.FindKnee(t.Context(), kneeStorm(m, 12000), storm.KneeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		k := sum.Knee
		t.Logf("%+v", *k)
		if k.PerSecond < 70 || k.PerSecond > 95 || k.Bends < k.PerSecond || k.Bends > k.PerSecond*1.1 {
			t.Errorf("between %v and %v a second, want 80 or a little more", k.PerSecond, k.Bends)
		}
		if sum.LoggedIn != sum.Tablets || sum.Tablets == 0 {
			t.Errorf("the summary is not the knee's: %+v", sum)
		}
		if took := time.Since(begin); took > 5*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// TestKneeIsBounded: the search ends where accounts or time do, or where nothing is kept up with.
func TestKneeIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		tablets int
		hash    time.Duration
		k       storm.KneeOptions
		want    func(storm.Knee) bool
	}{
		"few accounts": {300, hash, storm.KneeOptions{}, func(k storm.Knee) bool { return k.PerSecond == 16 && k.Bends == 0 }},
		"little time":  {12000, hash, storm.KneeOptions{Within: 25 * time.Second}, func(k storm.Knee) bool { return k.PerSecond == 8 && len(k.Probes) == 2 }},
		"too slow":     {12000, 20 * time.Second, storm.KneeOptions{}, func(k storm.Knee) bool { return k.PerSecond == 0 && k.Bends > 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				m := &model{queue: password.NewQueue(2, 256, c.hash), cores: semaphore.NewWeighted(2), begin: begin.Add(-24 * time.Hour), slow: c.hash}
				sum, err := storm.FindKnee(t.Context(), kneeStorm(m, c.tablets), c.k)
				if err != nil {
					t.Fatal(err)
				}
				if !c.want(*sum.Knee) {
					t.Errorf("%+v", *sum.Knee)
				}
				if took := time.Since(begin); took > 6*time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
	if _, err := storm.FindKnee(t.Context(), kneeStorm(nil, 1), storm.KneeOptions{P95: -1}); !errors.Is(err, storm.ErrOptions) {
		t.Errorf("%v", err)
	}
}

func kneeStorm(m *model, tablets int) storm.Options {
	return storm.Options{
		Tablets: tablets, Seed: 1, Account: func(int) storm.Account { return storm.Account{Password: "x"} },
		Provider: func(i int) (identity.Provider, error) { return &modelTablet{m: m, who: fmt.Sprint(time.Now(), i)}, nil },
	}
}
