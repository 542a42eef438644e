package config

import (
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	at := func(clock string) time.Time {
		when, err := time.Parse("15:04:05", clock)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		window  string
		in, out []string
	}{
		{"", nil, []string{"00:00:00", "12:00:00"}},
		{"20:00-06:30", []string{"20:00:00", "23:59:59", "00:00:00", "06:29:59"}, []string{"19:59:59", "06:30:00", "12:00:00"}},
		{"12:00-13:00", []string{"12:00:00", "12:59:59"}, []string{"11:59:59", "13:00:00", "00:00:00"}},
		{"00:00-06:00", []string{"00:00:00", "05:59:59"}, []string{"06:00:00", "23:59:59"}},
	} {
		w, ok := parseWindow(c.window)
		if ok != (c.window != "") {
			t.Fatalf("%q: %t", c.window, ok)
		}
		for _, clock := range c.in {
			if !w.Contains(at(clock)) {
				t.Errorf("%s is not in %s", clock, c.window)
			}
		}
		for _, clock := range c.out {
			if w.Contains(at(clock)) {
				t.Errorf("%s is in %s", clock, c.window)
			}
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	for _, s := range []string{"", "20:00-06:30", "20:00-20:00", "24:00-06:00", "8:00-9:00", "20:00 06:30", "20:00-06:3é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, ok := parseWindow(s)
		if !ok {
			return
		}
		minutes := 0
		for i := range 24 * 60 {
			if w.Contains(time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)) {
				minutes++
			}
		}
		if minutes == 0 || minutes == 24*60 {
			t.Errorf("%q holds %d minutes of a day", s, minutes)
		}
	})
}
