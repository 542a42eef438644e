package procedure

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNextSlot(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for now, want := range map[string]string{
		"2026-06-01T09:00:00+02:00": "2026-06-01T09:15:00+02:00", // strictly after
		"2026-06-01T09:14:59+02:00": "2026-06-01T09:15:00+02:00",
		"2026-06-01T09:45:00+02:00": "2026-06-01T10:00:00+02:00",
		"2026-12-31T23:59:59+01:00": "2027-01-01T00:00:00+01:00",
		"2026-03-29T01:50:00+01:00": "2026-03-29T03:00:00+02:00", // into summer time
		"2026-10-25T02:50:00+02:00": "2026-10-25T02:00:00+01:00", // and out of it
	} {
		n, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := NextSlot(n.In(paris)).Format(time.RFC3339); got != want {
			t.Errorf("NextSlot(%s) = %s, want %s", now, got, want)
		}
	}
}

func TestNextSlotProperties(t *testing.T) {
	zones := []string{"Europe/Paris", "Indian/Reunion", "America/Martinique", "Pacific/Noumea", "Asia/Kathmandu"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(rapid.Int64Range(1_700_000_000, 2_000_000_000).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(zone)
		slot := NextSlot(now)
		wait := slot.Sub(now)
		if wait <= 0 || wait > Slot || slot.Minute()%15 != 0 || slot.Second() != 0 || slot.Nanosecond() != 0 || slot.Location() != zone {
			t.Errorf("NextSlot(%s) = %s", now, slot)
		}
	})
}

func TestSpellAddress(t *testing.T) {
	got := SpellAddress("a-b_12.é+@univ-x.fr")
	want := []Part{{"a", ""}, {"-", KeyDash}, {"b", ""}, {"_", KeyUnderscore}, {"12", KeyDigit}, {".", KeyDot}, {"é", ""},
		{"+", KeyPlus}, {"@", KeyAt}, {"univ", ""}, {"-", KeyDash}, {"x", ""}, {".", KeyDot}, {"fr", ""}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := SpellAddress(".."); len(got) != 2 {
		t.Errorf("two dots are two: %v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "address")
		var b strings.Builder
		for _, p := range SpellAddress(s) {
			b.WriteString(p.Text)
		}
		if b.String() != s {
			t.Errorf("%q became %q", s, b.String())
		}
	})
}
