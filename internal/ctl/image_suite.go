package ctl

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// errNoSource: the suite is Go tests; this program carries none of it.
var errNoSource = errors.New("the suite that boots an image and attacks it is in Portillon's source tree; run it there (make image-test), or name the tree: image test --source DIR")

// imageTest runs the make target of a source tree on the image that was built there last.
func imageTest(ctx context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	short := flags.Bool("short", false, "")
	source := flags.String("source", ".", "")
	if _, err := parseAround(flags, args, 0); err != nil {
		return err
	}
	for _, must := range []string{"Makefile", filepath.Join("internal", "e2e", "vm")} {
		if _, err := os.Stat(filepath.Join(*source, must)); err != nil {
			return fmt.Errorf("%w (%w)", errNoSource, err)
		}
	}
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "-C", *source, "image-test")
	cmd.Stdout, cmd.Stderr = r.out, r.err
	if *short {
		cmd.Args = append(cmd.Args, "IMAGE_SHORT=1")
	}
	// Interrupted, it ends its virtual machines itself.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	return cmd.Run()
}
