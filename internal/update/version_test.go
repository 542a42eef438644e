package update

import (
	"slices"
	"testing"
)

// TestCompare: the specification's own order (UAPI.10, "Examples"), each older than the next, and versions
// of the project's.
func TestCompare(t *testing.T) {
	for _, order := range [][]string{
		{"~", "", "0", "0.1", "1~rc1", "1", "2"},
		{"~1", "1"},
		{"1.0~rc2", "1.0", "1.0^1", "1.0.1"},
		{"122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1", "123a-1", "124-1"},
		{"20261122.0930", "20261122.1158", "20261123.0001", "20270101.0000"},
		{"2026.9", "2026.11", "2026.11.1", "2027.1"},
	} {
		for i, a := range order {
			for j, b := range order {
				want := min(max(i-j, -1), 1)
				if got := Compare(a, b); got != want {
					t.Errorf("Compare(%q, %q) = %d, wanted %d", a, b, got, want)
				}
			}
		}
	}
	for _, same := range [][2]string{{"001", "1"}, {"a_1", "a1"}, {"1..2", "1..2"}} {
		if got := Compare(same[0], same[1]); got != 0 {
			t.Errorf("Compare(%q, %q) = %d", same[0], same[1], got)
		}
	}
}

// FuzzCompare: whatever is compared, it ends, and both ways round say the same.
func FuzzCompare(f *testing.F) {
	for _, s := range []string{"", "1.0~rc1", "~~", "1^2-3", "é1", "00.0a", "__"} {
		f.Add(s, "1.0")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if Compare(a, b) != -Compare(b, a) || Compare(a, a) != 0 {
			t.Errorf("%q, %q: %d and %d", a, b, Compare(a, b), Compare(b, a))
		}
		list := []string{a, b, a + b}
		slices.SortFunc(list, Compare)
		if Compare(list[0], list[2]) > 0 {
			t.Errorf("%q are in no order", list)
		}
	})
}
