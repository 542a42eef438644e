package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Where says where Apply works. All are required but Log.
type Where struct {
	Cache string // trees and packages, kept from build to build
	Out   string // gets portillon-VERSION/, whole or not at all
	// Say is told what begins, one short line, and how much of it all was done, 0 to 1.
	Say func(done float64, what string)
	Log io.Writer // what mkosi prints; nil: a file beside what is built
}

// needBytes is what a build takes at its worst: trees, packages, and the image twice.
const needBytes = 6 << 30

// Apply makes the image that a plan describes and returns its directory:
//
//	portillon_VERSION.raw     the whole disk
//	portillon_VERSION.efi     the signed kernel, for updates and network boot
//	portillon_VERSION.root.raw, .verity.raw   a slot, for updates, without the zeros at its end
//	image.json                what an update is made of; to be signed
//	manifest.json, sbom.spdx.json, packages.lock, SHA256SUMS
//
// It fails with ErrNotRoot, ErrTool, ErrSpace, ErrLock, or with what a tool said. Interrupted (ctx), it
// leaves its cache and nothing else.
func (p Plan) Apply(ctx context.Context, w Where) (dir string, err error) {
	if err := canBuild("unshare"); err != nil {
		return "", err
	}
	unlock, err := lockCache(w.Cache)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := os.MkdirAll(w.Out, 0o755); err != nil { //nolint:gosec // an image is no secret
		return "", err
	}
	for _, d := range []string{w.Cache, w.Out} {
		if err := needSpace(d, needBytes); err != nil {
			return "", err
		}
	}
	work, err := os.MkdirTemp(w.Cache, "work-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	logFile := filepath.Join(w.Out, "build.log")
	if w.Log == nil {
		f, err := os.Create(logFile)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }() // a log
		w.Log = f
	}
	w.Say(0.02, "the tools: a tree of Debian "+Release)
	tree, err := Tree{"tools", p.Tools}.Ensure(ctx, w.Cache, p.Options.Mirror, w.Log)
	if err != nil {
		return "", err
	}
	w.Say(0.15, "mkosi's definitions")
	if err := p.write(work, tree); err != nil {
		return "", err
	}
	if err := p.mkosi(ctx, w, tree, work); err != nil {
		return "", fmt.Errorf("mkosi: %w; its log: %s", err, logFile)
	}
	w.Say(0.93, "checksums and what is in it")
	return p.collect(ctx, w, filepath.Join(work, outputDir), tree)
}

// write makes mkosi's directory, and what the tree has beside its packages.
func (p Plan) write(work, tree string) error {
	for _, f := range p.InTree {
		if err := f.write(tree); err != nil {
			return err
		}
	}
	for _, f := range p.Files {
		if err := f.write(work); err != nil {
			return err
		}
	}
	for _, l := range p.Links {
		to := filepath.Join(work, l.Path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // as above
			return err
		}
		if err := os.Symlink(l.Target, to); err != nil {
			return err
		}
	}
	if len(p.Own) > 0 {
		if err := os.MkdirAll(filepath.Join(work, mkosiPackagesDir), 0o755); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return os.MkdirAll(filepath.Join(work, outputDir), 0o755) //nolint:gosec // as above
}

func (f File) write(below string) error {
	to := filepath.Join(below, f.Path)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // the image's directories
		return err
	}
	var err error
	if f.From != "" {
		err = copyFile(f.From, to, f.Mode)
	} else {
		err = os.WriteFile(to, f.Data, f.Mode)
	}
	if err != nil {
		return err
	}
	return os.Chmod(to, f.Mode) // whatever the umask
}

// milestones are lines of mkosi's that say how far it is.
func milestones() []struct {
	line, what string
	done       float64
} {
	return []struct {
		line, what string
		done       float64
	}{
		{"Building portillon image", "Debian's packages", 0.2},
		{"Copying in extra file trees", "what is laid over them", 0.45},
		{"Generating disk image", "the root file system and its hashes", 0.5},
		{"Building default initrd", "the initial RAM disk", 0.62},
		{"Generating unified kernel image", "the kernel, signed", 0.85},
		{"Formatting ESP", "the disk", 0.9},
	}
}

func (p Plan) mkosi(ctx context.Context, w Where, tree, work string) error {
	packages := filepath.Join(w.Cache, "packages")
	if err := os.MkdirAll(packages, 0o755); err != nil { //nolint:gosec // Debian's own
		return err
	}
	w.Say(0.17, "mkosi")
	for _, own := range p.Own {
		pack := Command(ctx, tree, []Mount{{work, treeWork}}, packCommand(own)...)
		pack.Stdout, pack.Stderr = w.Log, w.Log
		if err := pack.Run(); err != nil {
			return fmt.Errorf("the package %s: %w", own, err)
		}
	}
	cmd := Command(ctx, tree, []Mount{{work, treeWork}, {packages, treeCache}}, p.Mkosi...)
	r, pipe := io.Pipe()
	cmd.Stdout = io.MultiWriter(w.Log, pipe)
	cmd.Stderr = cmd.Stdout
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		lines := bufio.NewScanner(r)
		now := 0.0
		for lines.Scan() {
			for _, m := range milestones() {
				if m.done > now && strings.Contains(lines.Text(), m.line) {
					now = m.done
					w.Say(m.done, m.what)
				}
			}
		}
		_, _ = io.Copy(io.Discard, r) // a line too long for the scanner must not block mkosi
	}()
	err := cmd.Run()
	_ = pipe.Close() // ends the reader; a pipe's Close never fails
	<-followed
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Tools makes the tree in a cache that images are built in, where there is none, and returns its directory.
func Tools(ctx context.Context, cache string, m Mirror, log io.Writer) (string, error) {
	return Tree{"tools", tools()}.Ensure(ctx, cache, m, log)
}

// Mkosi runs mkosi, in the tree that images are built in, on a directory with its definitions; what it
// makes is in the directory's out/. It is for images that have no plan: the tests' own.
func Mkosi(ctx context.Context, cache, work string, m Mirror, log io.Writer) error {
	if err := canBuild("unshare"); err != nil {
		return err
	}
	tree, err := Tools(ctx, cache, m, log)
	if err != nil {
		return err
	}
	p := Plan{Options: Options{Mirror: m, Version: "1", Epoch: time.Unix(1, 0)}, Mkosi: []string{"mkosi", "--force", "build"}}
	if err := p.addLocal(); err != nil {
		return err
	}
	p.Files = slices.DeleteFunc(p.Files, func(f File) bool { return strings.HasPrefix(f.Path, extra) })
	if err := p.write(work, tree); err != nil {
		return err
	}
	return p.mkosi(ctx, Where{Cache: cache, Say: func(float64, string) {}, Log: log}, tree, work)
}
