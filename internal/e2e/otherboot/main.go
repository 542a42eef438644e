// Otherboot makes what rests in the keyring that of an earlier boot, for tests of a tablet
// that was switched off: no test can boot the machine it runs on. It runs as the tablet's
// user, on the tablet's bus: otherboot BOOT-ID.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"portillon/internal/vault"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "otherboot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("want BOOT-ID")
	}
	ctx := context.Background()
	v := vault.Keyring(vault.Service, 10*vault.Limit)
	record, err := v.Get(ctx)
	if err != nil {
		return err
	}
	record.BootID = args[0]
	return v.Put(ctx, record)
}
