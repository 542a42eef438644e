package ctl

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// accelerated are the kernel's drivers of graphics that Mesa draws with. On any other (a virtual
// machine's, a firmware's frame buffer) the compositor must be told to draw in software: it
// takes a render node, which some of those have too, for one that draws.
func accelerated() []string {
	return []string{"amdgpu", "i915", "xe", "radeon", "nouveau", "msm", "panfrost", "panthor", "lima", "etnaviv", "v3d"}
}

// cardLimit is how long a display may take to appear after the start.
const cardLimit = 30 * time.Second

// renderer waits for a display below sys/class/drm and says how to draw on it: "" leaves it to the
// compositor.
func renderer(ctx context.Context, drm string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		cards, err := filepath.Glob(filepath.Join(drm, "card[0-9]"))
		if err != nil {
			return "", err
		}
		for _, card := range cards {
			driver, err := os.Readlink(filepath.Join(card, "device", "driver"))
			if err == nil && slices.Contains(accelerated(), filepath.Base(driver)) {
				return "", nil
			}
		}
		if len(cards) > 0 {
			return "pixman", nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no display in %s: %w", drm, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// imageSession becomes the compositor, told how to draw: what the kiosk's units run.
func imageSession(ctx context.Context, _ run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	drm := flags.String("drm", "/sys/class/drm", "")
	flags.SetOutput(io.Discard) // Main says it
	if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
		return fmt.Errorf("%w: image session -- COMPOSITOR …", errUsage)
	}
	how, err := renderer(ctx, *drm, cardLimit)
	if err != nil {
		return err
	}
	env := os.Environ()
	if how != "" {
		env = append(env, "WLR_RENDERER="+how)
	}
	return fmt.Errorf("%s: %w", flags.Arg(0), syscall.Exec(flags.Arg(0), flags.Args(), env)) // returns with an error alone
}
