package ctl

import (
	"context"
	"flag"
	"fmt"

	"portillon/internal/image"
)

// imageStick makes the stick that enrols a centre's Secure Boot keys.
func imageStick(ctx context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	rest, err := parseAround(flags, args, 2)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		return fmt.Errorf("%w: image stick DISK STICK", errUsage)
	}
	if err := image.WriteStick(ctx, rest[0], rest[1]); err != nil {
		return err
	}
	return r.sayImage(*asJSON, imageAnswer{OK: true, Disk: rest[1]},
		"%s: write it on a stick (dd); a tablet in setup mode that starts from it has the keys of %s\n", rest[1], rest[0])
}
