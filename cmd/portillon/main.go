// Command portillon is the kiosk of an exam tablet: the locked-down login to
// Compte UNESS, then the hand-off to the exam player.
//
// Started by systemd (or by hand) it is the supervisor; it starts itself again as
// the screen process, with the word "screen" in front of its flags. With
// "demo-player" it is a small exam player for demonstrations; with "unconfigured", what a
// tablet shows that has no configuration.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"portillon/internal/supervisor"
)

func main() {
	time.AfterFunc(settled, giveBack)
	if err := run(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "portillon:", err)
		}
		os.Exit(1)
	}
}

// settled is when a process has long done what only its start needs.
const settled = 3 * time.Second

// giveBack returns to the system what the start used, 3 MB in both processes; from then on the heap
// may grow by half before it is collected, rather than by as much again: next to nothing is allocated.
func giveBack() {
	debug.SetGCPercent(50)
	debug.FreeOSMemory()
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "screen":
			return screen(args[1:])
		case "unconfigured":
			return showUnconfigured()
		case "demo-player":
			return demoPlayer()
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	run := supervisor.Options{
		Config:   o.config,
		StateDir: supervisor.DefaultStateDir(),
		Args:     append([]string{"screen"}, args...),
		Log:      logger(), ConfigKey: configKey,
	}
	sealSupervisor(&run, os.Getenv("XDG_RUNTIME_DIR"))
	return supervisor.Run(ctx, run)
}

// configKey is the centre's public key in the image; a build may set another place.
var configKey = "/usr/lib/portillon/config.pub"

func logger() *slog.Logger { return slog.New(slog.NewJSONHandler(os.Stderr, nil)) }
