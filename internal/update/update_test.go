package update

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"portillon/internal/config"
)

func TestDecide(t *testing.T) {
	standing := Tablet{URI: "https://updates.example", Idle: time.Second, Battery: 80, Last: -1}
	for name, c := range map[string]struct {
		change func(*Tablet)
		want   Answer
	}{
		"standing there":        {func(*Tablet) {}, Look},
		"no address":            {func(t *Tablet) { t.URI = "" }, Nowhere},
		"never idle":            {func(t *Tablet) { t.Idle = -1 }, InUse},
		"idle a while ago":      {func(t *Tablet) { t.Idle = IdleMost + 1 }, InUse},
		"just idle enough":      {func(t *Tablet) { t.Idle = IdleMost }, Look},
		"battery too low":       {func(t *Tablet) { t.Battery = 29 }, Power},
		"battery just enough":   {func(t *Tablet) { t.Battery = 30 }, Look},
		"empty, but plugged in": {func(t *Tablet) { t.Battery, t.Mains = 1, true }, Look},
		"no battery at all":     {func(t *Tablet) { t.Battery = -1 }, Look},
		"looked lately":         {func(t *Tablet) { t.Last = Every - 1 }, Lately},
		"looked at this moment": {func(t *Tablet) { t.Last = 0 }, Lately},
		"looked long ago":       {func(t *Tablet) { t.Last = Every }, Look},
		"in use comes first":    {func(t *Tablet) { t.Idle, t.Battery, t.Last = -1, 1, 0 }, InUse},
	} {
		tablet := standing
		c.change(&tablet)
		if got := Decide(tablet); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestNobodyIsDisturbed: whatever else is so, a tablet at which somebody may be does not look, and
// one that looks has power.
func TestNobodyIsDisturbed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Int64Range(-10, 10000)
		tablet := Tablet{URI: rapid.SampledFrom([]string{"", "https://u.example"}).Draw(t, "uri"), Mains: rapid.Bool().Draw(t, "mains"),
			Idle: time.Duration(seconds.Draw(t, "idle")) * time.Second, Last: time.Duration(seconds.Draw(t, "last")) * time.Second,
			Battery: rapid.IntRange(-1, 100).Draw(t, "battery")}
		if Decide(tablet) != Look {
			return
		}
		if tablet.Idle < 0 || tablet.Idle > IdleMost || tablet.URI == "" {
			t.Errorf("looks though somebody may be there: %+v", tablet)
		}
		if !tablet.Mains && tablet.Battery >= 0 && tablet.Battery < BatteryMin {
			t.Errorf("looks on its last power: %+v", tablet)
		}
	})
}

// TestDecideImage: what forbids a configuration forbids an image, and so does the hour.
func TestDecideImage(t *testing.T) {
	standing := Tablet{URI: "https://updates.example", Idle: time.Second, Battery: 80, Last: -1}
	night := config.Window{From: 20 * time.Hour, To: 6 * time.Hour}
	in, out := time.Date(2026, 1, 1, 23, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	used := standing
	used.Idle = -1
	for name, c := range map[string]struct {
		tablet Tablet
		window config.Window
		now    time.Time
		want   Answer
	}{
		"at night":         {standing, night, in, Look},
		"by day":           {standing, night, out, Hours},
		"no window is set": {standing, config.Window{}, in, Hours},
		"in use at night":  {used, night, in, InUse},
	} {
		if got := DecideImage(c.tablet, c.window, c.now); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		offered, held uint64
		want          bool
	}{{2, 1, true}, {1, 1, false}, {1, 2, false}, {0, 0, false}} {
		if got := Newer(config.Signature{Serial: c.offered}, c.held); got != c.want {
			t.Errorf("%d over %d: %v", c.offered, c.held, got)
		}
	}
}
