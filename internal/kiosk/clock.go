package kiosk

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"portillon/internal/login"
)

// Clock tells the moment on both clocks.
type Clock interface{ Now() login.Instant }

// SystemClock reads CLOCK_BOOTTIME, which goes on through suspend and which no one
// can set, beside the wall clock in a centre's time zone.
func SystemClock(zone *time.Location) Clock { return systemClock{zone} }

type systemClock struct{ zone *time.Location }

func (c systemClock) Now() login.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// The kernel has had this clock since 2.6.39; without it no countdown is true.
		panic(fmt.Sprintf("kiosk: CLOCK_BOOTTIME: %v", err))
	}
	return login.Instant{Boot: time.Duration(ts.Nano()), Wall: time.Now().In(c.zone)}
}
