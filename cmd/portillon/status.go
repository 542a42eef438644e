package main

import (
	"context"
	"fmt"
	"time"

	"portillon/internal/config"
	"portillon/internal/preflight"
	"portillon/internal/ui"
)

const statusEvery = 20 * time.Second

// watch keeps the footer's battery, network and clock true.
func watch(ctx context.Context, c *config.Config, u *ui.UI, do func(func())) {
	for {
		s := preflight.ReadStatus("/sys")
		now := time.Now().In(c.Timezone)
		do(func() {
			u.SetStatus(ui.Status{Battery: s.Battery, Charging: s.Charging, Network: s.Online, Clock: clock(c, now)})
		})
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(statusEvery, time.Until(now.Truncate(time.Minute).Add(time.Minute)))):
		}
	}
}

// clock writes the time as the screens do.
func clock(c *config.Config, t time.Time) string {
	if c.Language == "fr" {
		return fmt.Sprintf("%d h %02d", t.Hour(), t.Minute())
	}
	return t.Format("15:04")
}
