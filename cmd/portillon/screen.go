package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"portillon/internal/config"
	"portillon/internal/identity"
	"portillon/internal/kiosk"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/provider"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
)

// screen is the sealed process: it draws, it speaks TLS, and it asks the
// supervisor for everything else. It returns nil at the candidate's end, and is
// started anew.
func screen(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	client, err := supervisor.Connect()
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
	err = window(ctx, o, hello, seal, func(ctx context.Context, show func(login.View)) (*kiosk.Kiosk, error) {
		seal.after(ctx)
		rest := vault.Open(ctx) // a keyring that hangs costs its limit, behind a painted window
		return kiosk.New(kiosk.Options{
			Settings: login.Settings{
				Domains:         o.config.Login.Domains,
				RememberOffered: o.config.Login.RememberMe == "offered" && rest.Survives(),
				IdleReset:       o.config.Login.IdleReset,
				SetupURI:        o.config.Login.SetupURI,
				Demonstration:   o.config.Lockdown == config.LockdownOff,
			},
			Provider: service, Vault: rest, Supervisor: client, Hello: hello,
			Checks: func() []preflight.Check { return checks(service, hello, seal, rest) },
			Clock:  kiosk.SystemClock(o.config.Timezone), Show: show, MaxAge: o.config.Session.MaxAge, Log: logger(),
		}), nil
	})
	if ctx.Err() != nil { // it was told to end, and did
		return nil
	}
	return err
}

// checks are screen 0's: what the supervisor found, then what can be seen from here.
func checks(p identity.Provider, hello supervisor.Hello, seal *sealScreen, rest vault.Vault) []preflight.Check {
	var list []preflight.Check
	for i, f := range hello.Findings {
		list = append(list, preflight.Found(f.ID, fmt.Sprintf("C%d", i+1), f.OK && (f.ID != "lockdown" || seal.holds())))
	}
	list = append(list, preflight.Service(p, time.Now)...)
	return append(list, preflight.Keyring(rest.Survives))
}
