package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"portillon/internal/backoff"
	"portillon/internal/config"
	"portillon/internal/identity"
	"portillon/internal/kiosk"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/provider"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
	"portillon/internal/words"
)

// screen is the sealed process: it draws, it speaks TLS, and it asks the
// supervisor for everything else. It returns nil at the candidate's end, and is
// started anew.
func screen(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	// Read while the supervisor is asked and this process is sealed.
	speak := sync.OnceValues(func() (*words.Words, error) { return words.New(o.config.Language) })
	go func() { _, _ = speak() }() // the window asks for what came of it
	connect := supervisor.Connect
	if soft() {
		connect = supervisor.ConnectSoft
	}
	client, err := connect()
	if err != nil {
		return err
	}
	// The toolkit's own way to end is slower than the supervisor's patience.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	hello, err := client.Hello(ctx)
	if err != nil {
		return err
	}
	if hello.ConfigSHA256 != o.config.SHA256() {
		return fmt.Errorf("%s was changed after the supervisor read it; restart portillon", o.config.Path)
	}
	seal := newSeal(o.config, hello, os.Getenv("XDG_RUNTIME_DIR"))
	seal.before()
	service, err := provider.New(o.config, provider.Ways{Dial: client.Dial, Prover: client, Now: time.Now})
	if err != nil {
		return err
	}
	w, err := speak()
	if err != nil {
		return err
	}
	err = window(ctx, o, w, hello, seal, func(ctx context.Context, show func(login.View)) (*kiosk.Kiosk, error) {
		seal.after(ctx)
		rest := vault.Open(ctx) // a keyring that hangs costs its limit, behind a painted window
		return kiosk.New(kiosk.Options{
			Settings: login.Settings{
				Domains:         o.config.Login.Domains,
				RememberOffered: o.config.Login.RememberMe == "offered" && rest.Survives(),
				IdleReset:       o.config.Login.IdleReset,
				SetupURI:        o.config.Login.SetupURI,
				RetryMost:       o.config.Identity.RetryMost,
				Demonstration:   o.config.Lockdown == config.LockdownOff,
			},
			Provider: service, Vault: rest, Supervisor: client, Hello: hello,
			Checks: func() []preflight.Check { return checks(o.config, service, client, seal, rest) },
			Clock:  kiosk.SystemClock(o.config.Timezone), Show: show, MaxAge: o.config.Session.MaxAge, Log: logger(),
			Backoff: backoff.Policy{First: time.Second, Most: o.config.Identity.RetryMost},
		}), nil
	})
	if ctx.Err() != nil { // it was told to end, and did
		return nil
	}
	return err
}

// checks are screen 0's: what the supervisor finds, and what can be seen from here.
func checks(c *config.Config, p identity.Provider, client *supervisor.Client, seal *sealScreen, rest vault.Vault) []preflight.Check {
	supervised := func(ctx context.Context) ([]preflight.Fact, error) {
		found, err := client.Findings(ctx)
		out := make([]preflight.Fact, len(found))
		for i, f := range found {
			out[i] = preflight.Fact(f)
		}
		return out, err
	}
	return preflight.List(preflight.Sources{
		Provider: p, Now: time.Now, Machine: machine(), BatteryMin: c.Centre.BatteryMin, Local: c.Identity.Local(),
		Findings: []preflight.Facts{seal.facts, supervised}, Signed: c.Lockdown == config.LockdownRequired,
		Keyring: func(context.Context) error {
			if !rest.Survives() {
				return errNoKeyring
			}
			return nil
		},
	})
}

var errNoKeyring = errors.New("no usable keyring: a session is kept in memory only")

// machineRoot is where the checks look for the machine's /proc, /sys and the rest. Tests of the
// built program have a machine of their own made up (-ldflags -X main.machineRoot=…, in which
// variables of the environment stand for themselves).
var machineRoot = "/"

func machine() preflight.Machine {
	return preflight.Machine{Root: os.ExpandEnv(machineRoot), UID: os.Getuid()}
}
