package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"portillon/internal/config"
	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/provider"
	"portillon/internal/supervisor"
	"portillon/internal/vault"
	"portillon/internal/words"
)

const (
	defaultConfig    = "/etc/portillon/portillon.toml"
	defaultConfigKey = "/usr/lib/portillon/config.pub" // where the image has it
)

// examination is what doctor was asked for.
type examination struct {
	asJSON               bool
	file, key, state     string
	root, runtime, speak string
	config               *config.Config
}

// checked is one check's line of --json. ok is false too for what could not be looked at
// because of another check's failure; status then says "unknown".
type checked struct {
	ID     string `json:"id"`
	Layer  string `json:"layer"`
	Grade  string `json:"grade"`
	OK     bool   `json:"ok"`
	Status string `json:"status"`
	Code   string `json:"code"` // what the screen has read out on the phone
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// doctor runs the tablet's own checks, screen 0's, from outside. The seals are tried in processes
// sealed as the tablet's are; the service is asked for more than a login needs.
func doctor(ctx context.Context, r run, args []string) error {
	if len(args) > 0 && args[0] == sealedWord {
		return sealed(ctx, r, args[1:])
	}
	x, err := parseDoctor(args)
	if err != nil {
		return err
	}
	if x.config, err = config.Load(x.file); err != nil {
		return err
	}
	if x.speak == "" {
		x.speak = x.config.Language
	}
	w, err := words.New(x.speak)
	if err != nil {
		return err
	}
	sources, err := x.sources()
	if err != nil {
		return err
	}
	var final []preflight.Result
	preflight.Run(ctx, preflight.List(sources), func(list []preflight.Result, _ bool) { final = list })
	if err := ctx.Err(); err != nil {
		return err
	}
	if x.asJSON {
		err = x.sayJSON(r.out, w, final)
	} else {
		err = x.sayText(r, w, final)
	}
	if err == nil && preflight.Blocked(final) {
		err = errSaid
	}
	return err
}

func parseDoctor(args []string) (examination, error) {
	var x examination
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Main says it
	flags.BoolVar(&x.asJSON, "json", false, "")
	flags.StringVar(&x.file, "config", defaultConfig, "")
	flags.StringVar(&x.key, "key", defaultConfigKey, "")
	flags.StringVar(&x.state, "state", supervisor.DefaultStateDir(), "")
	flags.StringVar(&x.root, "root", "/", "")
	flags.StringVar(&x.speak, "language", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return x, fmt.Errorf("%w: doctor [--json] [--config FILE] [--key KEY.pub] [--state DIR] [--root DIR] [--language fr|en]", errUsage)
	}
	x.runtime = os.Getenv("XDG_RUNTIME_DIR")
	return x, nil
}

func (x examination) sources() (preflight.Sources, error) {
	signer, err := x.signer()
	if err != nil {
		return preflight.Sources{}, err
	}
	service, err := provider.New(x.config, provider.Ways{Prover: signer, Now: time.Now})
	if err != nil {
		return preflight.Sources{}, err
	}
	return preflight.Sources{
		Provider: surveyed{service}, Now: time.Now, Machine: preflight.Machine{Root: x.root, UID: os.Getuid()},
		BatteryMin: x.config.Centre.BatteryMin, Local: x.config.Identity.Local(),
		Findings: []preflight.Facts{x.configuration, x.seals}, Signed: x.config.Lockdown == config.LockdownRequired,
		Keyring: vault.Probe,
	}, nil
}

// signer is the tablet's key where it is there and may be read, else one for this run alone: the
// first step proves nothing, and doctor makes no tablet.
func (x examination) signer() (*dpop.Key, error) {
	if _, err := os.Stat(supervisor.KeyFile(x.state)); err == nil {
		if key, err := dpop.LoadOrCreate(supervisor.KeyFile(x.state)); err == nil {
			return key, nil
		}
	}
	return dpop.NewKey()
}

// configuration judges the signature as the supervisor does, and remembers nothing.
func (x examination) configuration(context.Context) ([]preflight.Fact, error) {
	if x.config.Lockdown != config.LockdownRequired {
		return nil, nil
	}
	out := supervisor.Judge(x.config, x.key, x.state, time.Now())
	facts := make([]preflight.Fact, len(out))
	for i, f := range out {
		facts[i] = preflight.Fact(f)
	}
	return facts, nil
}

// surveyed asks a provider that can for more than a login needs.
type surveyed struct{ identity.Provider }

// Check implements identity.Provider.
func (s surveyed) Check(ctx context.Context) (identity.Health, error) {
	surveyor, ok := s.Provider.(identity.Surveyor)
	if !ok {
		return s.Provider.Check(ctx)
	}
	found, err := surveyor.Survey(ctx)
	found.Health.Detail = found.String()
	return found.Health, err
}

func remedy(w *words.Words, r preflight.Result) string {
	if r.Status != login.CheckFailed {
		return ""
	}
	return w.T("check." + r.ID + ".remedy")
}

func (x examination) sayJSON(out io.Writer, w *words.Words, list []preflight.Result) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	var errs error
	for _, r := range list {
		errs = errors.Join(errs, e.Encode(checked{ID: r.ID, Layer: string(r.Layer), Grade: string(r.Grade), OK: r.Status == login.CheckOK,
			Status: string(r.Status), Code: r.Code, Detail: r.Detail, Remedy: remedy(w, r)}))
	}
	return errs
}

func (x examination) sayText(r run, w *words.Words, list []preflight.Result) error {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "%s  %-32s %s\n", c.Code, w.T("check."+c.ID), w.T(resultKey(c)))
		if c.Detail != "" {
			fmt.Fprintf(&b, "      %s\n", c.Detail)
		}
		if text := remedy(w, c); text != "" {
			fmt.Fprintf(&b, "      → %s\n", text)
		}
	}
	if x.config.Lockdown == config.LockdownOff {
		fmt.Fprintf(r.err, "%s: lockdown = \"off\": this tablet lets through whatever is found here\n", x.file)
	}
	_, err := io.WriteString(r.out, b.String())
	return err
}

// resultKey is the word the screens have for a result.
func resultKey(r preflight.Result) string {
	if r.Status == login.CheckFailed {
		return "preflight.result." + string(r.Grade)
	}
	return "preflight.result." + string(r.Status)
}
