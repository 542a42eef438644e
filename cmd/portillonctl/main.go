// The portillonctl command is what an exam centre does with its tablets: check and
// sign their configuration, build their image, see whether one is ready, try it all.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"portillon/internal/ctl"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := ctl.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
