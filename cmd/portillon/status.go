package main

import (
	"context"
	"time"

	"portillon/internal/config"
	"portillon/internal/kiosk"
	"portillon/internal/ui"
)

const statusEvery = 20 * time.Second

// watch keeps the footer's battery, network and clock true.
func watch(ctx context.Context, c *config.Config, u *ui.UI, do func(func())) {
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for {
		s := kiosk.ReadStatus("/sys")
		now := time.Now().In(c.Timezone)
		do(func() {
			u.SetStatus(ui.Status{Battery: s.Battery, Charging: s.Charging, Network: s.Online, Clock: now.Format("15:04")})
		})
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
