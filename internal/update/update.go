// Package update decides when a tablet looks for something newer, and what it takes. It is pure:
// times come in as values, and it reads and sends nothing. internal/ctl asks it at screen 0;
// nobody else calls it.
//
//	Tablet ─ Decide ─→ Look, or why not
//	what is offered, what is held ─ Newer ─→ bool
package update

import (
	"time"

	"portillon/internal/config"
)

// The limits of a decision.
const (
	// BatteryMin is the charge, in percent, from which a tablet looks without being plugged in.
	BatteryMin = 30
	// Every is the least time between two looks: a room of 400 asks its server 80 times a
	// minute at most, for less than a kilobyte each.
	Every = 5 * time.Minute
	// IdleMost is how old the kiosk's last word that nobody is at the tablet may be. It says so with
	// each round of its checks, once a minute.
	IdleMost = 90 * time.Second
)

// Tablet is what is known of a tablet at a moment.
type Tablet struct {
	// URI is centre.update_uri; empty: the centre wants no looking.
	URI string
	// Idle is how long ago the kiosk said that nobody is at the tablet: screen 0, or screen 1
	// untouched. Negative: it has not said so.
	Idle time.Duration
	// Mains: power comes by a cable.
	Mains bool
	// Battery is its charge in percent; negative: there is none, so there is a cable.
	Battery int
	// Last is how long ago it looked; negative: not since it was switched on.
	Last time.Duration
}

// Answer is whether to look, or the first reason not to.
type Answer string

// The answers, in the order in which they are found.
const (
	Look    Answer = "look"
	Nowhere Answer = "no address"         // centre.update_uri is empty
	InUse   Answer = "in use"             // somebody may be at the tablet
	Power   Answer = "low battery"        // neither mains nor BatteryMin
	Lately  Answer = "lately"             // less than Every ago
	Hours   Answer = "not in these hours" // outside centre.image_window
)

// Decide says whether this tablet looks for news now.
func Decide(t Tablet) Answer {
	switch {
	case t.URI == "":
		return Nowhere
	case t.Idle < 0 || t.Idle > IdleMost:
		return InUse
	case !t.Mains && t.Battery >= 0 && t.Battery < BatteryMin:
		return Power
	case t.Last >= 0 && t.Last < Every:
		return Lately
	}
	return Look
}

// DecideImage is Decide for an image, which is fetched in the centre's hours alone; now is in the centre's time
// zone. A download under way is asked again, with Last negative: what has changed ends it.
func DecideImage(t Tablet, w config.Window, now time.Time) Answer {
	if a := Decide(t); a != Look {
		return a
	}
	if !w.Contains(now) {
		return Hours
	}
	return Look
}

// Newer reports whether what is offered is worth fetching by a tablet that holds a configuration
// of serial held. The same serial is the same file: a tablet does not go to and fro. Whether what is
// offered is good is config.Signature's Verify to say, once it is here.
func Newer(offered config.Signature, held uint64) bool { return offered.Serial > held }
