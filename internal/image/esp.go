package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ESPPartition is the EFI system partition's own identifier.
const ESPPartition = "5a0f0c6e-4f0b-4f43-9e5c-2f4c5e5d0e01"

// kernelDir is where boot loaders look for unified kernels (Boot Loader Specification, type 2), below the
// partition's top.
const kernelDir = "EFI/Linux"

// unfinished is a kernel that is being written; boot loaders start what ends in .efi.
const unfinished = "portillon.new"

// KernelDir is the directory of a mounted partition, named by where it is mounted.
type KernelDir string

func (d KernelDir) path(file string) string { return filepath.Join(string(d), kernelDir, file) }

// List is Kernels'.
func (d KernelDir) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(d.path(""))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if info.Size() > 0 { // what a cut left of a rename is no kernel, to the boot loader neither
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Remove is Kernels'.
func (d KernelDir) Remove(_ context.Context, file string) error {
	return errors.Join(os.Remove(d.path(file)), d.sync())
}

// Add is Kernels'.
func (d KernelDir) Add(_ context.Context, file string, r io.Reader) error {
	fresh := d.path(unfinished)
	f, err := os.Create(fresh)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(fresh, d.path(file))
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return d.sync()
}

// sync has all of the file system on the disk. To sync file and directory is not enough: FAT keeps a file's size in
// its directory's entry, and a renamed one has 0 there until its inode is written (seen after a power cut).
func (d KernelDir) sync() error {
	f, err := os.Open(d.path(""))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), unix.Syncfs(int(f.Fd())), f.Close())
}

// KernelsOn are those on a disk that is not mounted, or on an image's file, by way of mtools. It fails with
// ErrTool or ErrDisk.
func KernelsOn(disk string) (Kernels, error) {
	esp, err := espOf(disk)
	if err != nil {
		return nil, err
	}
	return esp, nil
}

// espOf is a disk's EFI system partition. It fails as KernelsOn does.
func espOf(disk string) (mtools, error) {
	f, err := os.Open(disk)
	if err != nil {
		return "", err
	}
	at, err := FindPartition(f, ESPPartition)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("%s: %w", disk, err)
	}
	if _, err := exec.LookPath("mcopy"); err != nil { // and its siblings, of one package
		return "", fmt.Errorf("%w: mcopy (on Debian: apt install mtools)", ErrTool)
	}
	return mtools(fmt.Sprintf("%s@@%d", disk, at.Start)), nil
}

// mtools is a FAT file system in a file, FILE@@OFFSET.
type mtools string

func (m mtools) run(ctx context.Context, in io.Reader, tool string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, append([]string{"-i", string(m)}, args...)...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	cmd.Stdin = in
	var said, out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", tool, err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}

func (m mtools) List(ctx context.Context) ([]string, error) {
	names, err := m.names(ctx)
	if err != nil {
		return nil, err
	}
	var whole []string
	for _, name := range names {
		stored, err := m.stored(ctx, name)
		if err != nil {
			return nil, err
		}
		if stored {
			whole = append(whole, name)
		}
	}
	return whole, nil
}

// names are all that are there, with a file behind them or not.
func (m mtools) names(ctx context.Context) ([]string, error) {
	out, err := m.run(ctx, nil, "mdir", "-b", "::/"+kernelDir)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(out) {
		names = append(names, filepath.Base(strings.TrimSpace(line)))
	}
	return names, nil
}

// stored: there is a file behind the name, as there is not after a cut (KernelDir.List). What is stored of it is
// printed as <from-to>, characters that no name has on FAT.
func (m mtools) stored(ctx context.Context, file string) (bool, error) {
	out, err := m.run(ctx, nil, "mshowfat", "::/"+kernelDir+"/"+file)
	return strings.ContainsRune(out, '<'), err
}

func (m mtools) Remove(ctx context.Context, file string) error {
	_, err := m.run(ctx, nil, "mdel", "::/"+kernelDir+"/"+file)
	return err
}

func (m mtools) Add(ctx context.Context, file string, r io.Reader) error {
	fresh := "::/" + kernelDir + "/" + unfinished
	_, err := m.run(ctx, r, "mcopy", "-o", "-", fresh)
	if err == nil {
		err = m.giveWay(ctx, file)
	}
	if err == nil {
		_, err = m.run(ctx, nil, "mren", fresh, file)
	}
	if err != nil && ctx.Err() == nil {
		if _, gone := m.run(ctx, nil, "mdel", fresh); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			return errors.Join(err, gone)
		}
	}
	return err
}

// giveWay takes a name without a file out of a kernel's way: mren does not replace.
func (m mtools) giveWay(ctx context.Context, file string) error {
	names, err := m.names(ctx)
	if err != nil || !slices.Contains(names, file) {
		return err
	}
	if stored, err := m.stored(ctx, file); err != nil || stored {
		return err
	}
	return m.Remove(ctx, file)
}
