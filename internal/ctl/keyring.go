package ctl

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"portillon/internal/keyring"
)

// keyringServe is the tablet's private bus and its unlocked keyring, as the tablet's user.
func keyringServe(ctx context.Context, r run, args []string) error {
	flags := flag.NewFlagSet("keyring", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Main says it
	o := keyring.Options{Log: slog.New(slog.NewJSONHandler(r.err, nil))}
	flags.StringVar(&o.Runtime, "runtime", os.Getenv("XDG_RUNTIME_DIR"), "")
	flags.StringVar(&o.State, "state", os.Getenv("STATE_DIRECTORY"), "")
	flags.StringVar(&o.Credential, "credential", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return fmt.Errorf("%w: keyring [--runtime DIR] [--state DIR] [--credential FILE]", errUsage)
	}
	if o.Runtime == "" || o.State == "" {
		return fmt.Errorf("%w: --runtime DIR or XDG_RUNTIME_DIR, --state DIR or STATE_DIRECTORY", errUsage)
	}
	// systemd's LoadCredential= or LoadCredentialEncrypted=.
	if file := filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), "keyring"); o.Credential == "" && os.Getenv("CREDENTIALS_DIRECTORY") != "" {
		if _, err := os.Stat(file); err == nil {
			o.Credential = file
		}
	}
	o.Ready = func() {
		o.Log.Info("keyring ready")
		if err := keyring.NotifyReady(); err != nil {
			o.Log.Error("the service manager is not told", "err", err)
		}
	}
	return keyring.Run(ctx, o)
}
