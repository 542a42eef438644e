package procedure

import "time"

// Slot is how often the cockpit's changes of addresses take effect: at :00, :15, :30
// and :45.
const Slot = 15 * time.Minute

// NextSlot is the first slot strictly after now, in now's location. It counts on
// the absolute time, so that a change to or from summer time neither repeats nor
// loses a slot; every zone of today is a multiple of 15 minutes away from UTC.
func NextSlot(now time.Time) time.Time { return NextOf(now, Slot) }

// NextOf is NextSlot with slots as often as every, for demonstrations that cannot wait
// a quarter of an hour; every divides an hour.
func NextOf(now time.Time, every time.Duration) time.Time {
	return now.Truncate(every).Add(every)
}
