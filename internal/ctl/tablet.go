package ctl

import (
	"context"
	"flag"
	"fmt"
	"io"

	"portillon/internal/supervisor"
)

// tablet prints the thumbprint of this tablet's key, which a service enrols; the key is made
// where there is none yet.
func tablet(_ context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("tablet", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Main says it
	asJSON := flags.Bool("json", false, "")
	state := flags.String("state", supervisor.DefaultStateDir(), "")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return fmt.Errorf("%w: tablet [--json] [--state DIR]", errUsage)
	}
	key, err := supervisor.DeviceKey(*state)
	if err != nil {
		return err
	}
	if *asJSON {
		_, err = fmt.Fprintf(r.out, "{\"thumbprint\":%q}\n", key.Thumbprint())
	} else {
		_, err = fmt.Fprintln(r.out, key.Thumbprint())
	}
	return err
}
