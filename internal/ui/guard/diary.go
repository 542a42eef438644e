package guard

import "time"

// diary decides which incidents are told. Those of one kind are told at growing intervals while
// they go on: whoever reads the log is to find what else happened.
type diary struct {
	least time.Duration // between the first two
	seen  map[Kind]*entry
}

// entry is what was told of one kind.
type entry struct {
	told   time.Time
	gap    time.Duration // until the next is
	silent int           // how many were not told since
}

// gapMost is how long something that goes on may stay unsaid.
const gapMost = 10 * time.Minute

// note: tell it, and how many like it were not told.
func (d *diary) note(k Kind, now time.Time) (before int, tell bool) {
	e, known := d.seen[k]
	if !known {
		d.seen[k] = &entry{told: now, gap: d.least}
		return 0, true
	}
	passed := now.Sub(e.told)
	if passed < e.gap {
		e.silent++
		return 0, false
	}
	if passed < 2*e.gap {
		e.gap = min(2*e.gap, gapMost)
	} else { // it was over in between
		e.gap = d.least
	}
	before, e.told, e.silent = e.silent, now, 0
	return before, true
}
