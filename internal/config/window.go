package config

import "time"

// Window is the hours of a day in which a tablet may fetch a new image, in the centre's time zone. The zero
// value is never.
type Window struct {
	From, To time.Duration // since midnight, below 24 h; a smaller To is over midnight
}

// parseWindow reads "20:00-06:30"; whatever is not two different times of a day is false.
func parseWindow(s string) (Window, bool) {
	const clock, width = "15:04", 5
	if len(s) != 2*width+1 || s[width] != '-' {
		return Window{}, false
	}
	from, errFrom := time.Parse(clock, s[:width])
	to, errTo := time.Parse(clock, s[width+1:])
	if errFrom != nil || errTo != nil {
		return Window{}, false
	}
	midnight := from.Truncate(24 * time.Hour)
	w := Window{from.Sub(midnight), to.Sub(midnight)}
	return w, w.From != w.To // nobody knows whether it means never or always
}

// window says what is wrong with one.
func window(s string) string {
	if _, ok := parseWindow(s); !ok {
		return `must be two times of the day, such as "20:00-06:30"`
	}
	return ""
}

// Contains reports whether t, in the zone it has, lies in the window. The first minute does, the last does
// not.
func (w Window) Contains(t time.Time) bool {
	now := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	if w.From <= w.To {
		return w.From <= now && now < w.To
	}
	return now >= w.From || now < w.To
}
