package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"portillon/internal/config"
	"portillon/internal/lockdown"
	"portillon/internal/preflight"
)

// The seals are tried in processes that are sealed as the tablet's two are, one below the other:
// sealing cannot be undone, so each is this program again.
//
//	doctor ── sealed supervisor ── sealed screen
const (
	sealedWord     = "sealed" // doctor sealed supervisor|screen FILE SESSION ROOT
	sealedRoleHigh = "supervisor"
	sealedRoleLow  = "screen"
)

var errSealedUse = fmt.Errorf("%w: doctor %s is for doctor itself", errUsage, sealedWord)

// seals has them tried, in a directory of their own.
func (x examination) seals(ctx context.Context) (facts []preflight.Fact, err error) {
	dir, err := os.MkdirTemp("", "portillon-doctor-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return again(ctx, sealedRoleHigh, x.file, dir, x.root)
}

// again runs this program in a role and reads its facts.
func again(ctx context.Context, args ...string) ([]preflight.Fact, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe)
	cmd.Args = append([]string{os.Args[0], "doctor", sealedWord}, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("doctor: the sealed %s: %w: %s", args[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	var facts []preflight.Fact
	if err := json.Unmarshal(out.Bytes(), &facts); err != nil {
		return nil, fmt.Errorf("doctor: the sealed %s: %w", args[0], err)
	}
	return facts, nil
}

// sealed seals this process, tries every way out and tells what it found.
func sealed(ctx context.Context, r run, args []string) error {
	if len(args) != 4 {
		return errSealedUse
	}
	role, file, dir := args[0], args[1], args[2]
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	read := preflight.Machine{Root: args[3]}.Reads()
	var facts []preflight.Fact
	switch role {
	case sealedRoleHigh:
		facts, err = sealedSupervisor(ctx, c, dir, read, args)
	case sealedRoleLow:
		facts = sealedScreen(ctx, c, dir, read)
	default:
		err = errSealedUse
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(r.out).Encode(facts)
}

func sealedSupervisor(ctx context.Context, c *config.Config, dir string, read, args []string) ([]preflight.Fact, error) {
	o := lockdown.TabletSupervisor(c, dir, os.Getenv("XDG_RUNTIME_DIR"), read...)
	report, err := lockdown.SealSupervisor(o)
	facts := []preflight.Fact{preflight.Established(sealedRoleHigh, err, report)}
	if facts[0].OK { // trying starts programs in a process that is not sealed
		probes, err := o.Probes()
		if err != nil {
			return nil, err
		}
		facts = append(facts, preflight.Tried(sealedRoleHigh, lockdown.Open(ctx, probes))...)
	}
	// The thread that starts the screen process has one more rule; it is never unlocked.
	runtime.LockOSThread()
	scope, err := lockdown.ScopeChildren(o)
	facts = append(facts, preflight.Established("children", err, scope))
	more, err := again(ctx, append([]string{sealedRoleLow}, args[1:]...)...)
	return append(facts, more...), err
}

func sealedScreen(ctx context.Context, c *config.Config, dir string, read []string) []preflight.Fact {
	o := lockdown.TabletScreen(c, dir, os.Getenv("XDG_RUNTIME_DIR"), read...)
	sealing, sealed := lockdown.SealScreen(o)
	scope, scoped := lockdown.ScopeScreen(o)
	facts := []preflight.Fact{preflight.Established(sealedRoleLow, errors.Join(sealed, scoped), sealing, scope)}
	return append(facts, preflight.Tried(sealedRoleLow, lockdown.Open(ctx, o.Probes()))...)
}
