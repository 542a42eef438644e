package backoff_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"portillon/internal/backoff"
)

func TestDelay(t *testing.T) {
	p := backoff.Default()
	most := func() float64 { return 1 }
	for tries, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
		15 * time.Second, 15 * time.Second} {
		if got := p.Delay(tries+1, 0, most); got != want {
			t.Errorf("after %d tries at most %v, want %v", tries+1, got, want)
		}
	}
	if got := p.Delay(1<<30, time.Hour, most); got != p.Most {
		t.Errorf("after very many: %v", got)
	}
}

func TestDelayIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := backoff.Policy{
			First: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "first")),
			Most:  time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "most")),
		}
		dice := rapid.Float64Range(0, 0.999999).Draw(t, "dice")
		lasted := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "lasted"))
		got := p.Delay(rapid.IntRange(1, 100).Draw(t, "tries"), lasted, func() float64 { return dice })
		if got < 0 || got > p.Most {
			t.Errorf("%v outside 0 … %v", got, p.Most)
		}
	})
}

// TestLasted: trouble that has lasted long is waited for half as long again, however few the tries.
func TestLasted(t *testing.T) {
	p := backoff.Policy{First: time.Second, Most: 2 * time.Minute}
	if got := p.Delay(2, time.Minute, func() float64 { return 1 }); got != 90*time.Second {
		t.Errorf("%v, want a minute and a half", got)
	}
}
