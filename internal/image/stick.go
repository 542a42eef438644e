package image

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The stick's geometry: one FAT16 partition behind the first megabyte, as firmware and partitioning tools expect it.
const (
	stickSize   = 64 << 20
	stickStart  = 1 << 20
	stickHeads  = 64
	stickTrack  = 32
	stickLabel  = "PORTILLON"
	stickLoader = "# Takes the keys on this stick into a firmware that is in setup mode, fifteen seconds after it says so.\n" +
		"timeout menu-disabled\neditor no\nauto-entries no\nauto-firmware no\nsecure-boot-enroll force\n"
)

// WriteStick makes a file that, written on a USB stick, enrols the Secure Boot keys of a disk's image: its boot loader, signed,
// told to take the keys beside it whatever machine it starts on (loader.conf(5), secure-boot-enroll), and no
// kernel. It needs mtools. It fails with ErrTool, ErrDisk, ErrIncomplete for a disk without keys, or fs.ErrExist.
func WriteStick(ctx context.Context, disk, file string) error {
	esp, err := espOf(disk)
	if err != nil {
		return err
	}
	if err := writeStick(ctx, esp, file); err != nil {
		return fmt.Errorf("%s: %w", disk, err)
	}
	return nil
}

func writeStick(ctx context.Context, from mtools, file string) (err error) {
	work, err := os.MkdirTemp("", "portillon-stick-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := loaderOf(ctx, from, work); err != nil {
		return err
	}
	if err := emptyStick(file); err != nil {
		return err
	}
	m := mtools(fmt.Sprintf("%s@@%d", file, stickStart))
	for _, step := range [][]string{
		{"mformat", "-T", fmt.Sprint((stickSize - stickStart) / sector), "-h", fmt.Sprint(stickHeads), "-s", fmt.Sprint(stickTrack), "-v", stickLabel, "::"},
		{"mcopy", "-s", filepath.Join(work, "EFI"), filepath.Join(work, "loader"), "::/"},
	} {
		if _, err := m.run(ctx, nil, step[0], step[1:]...); err != nil {
			return errors.Join(err, os.Remove(file))
		}
	}
	return nil
}

// loaderOf copies a disk's boot loader and keys into a directory, and writes the loader's configuration beside them.
func loaderOf(ctx context.Context, disk mtools, to string) error {
	if err := os.Mkdir(filepath.Join(to, "EFI"), 0o700); err != nil {
		return err
	}
	for from, below := range map[string]string{"::/EFI/BOOT": "EFI", "::/loader": ""} {
		if _, err := disk.run(ctx, nil, "mcopy", "-s", "-n", from, filepath.Join(to, below)); err != nil {
			return err
		}
	}
	for _, name := range []string{"PK", "KEK", "db"} {
		if _, err := os.Stat(filepath.Join(to, "loader/keys/auto", name+".auth")); err != nil {
			return fmt.Errorf("%w: no key to enrol as %s", ErrIncomplete, name)
		}
	}
	return os.WriteFile(filepath.Join(to, "loader/loader.conf"), []byte(stickLoader), 0o600)
}

// emptyStick makes a file of a stick's size with a partition table (MBR: one EFI system partition), which must not exist.
func emptyStick(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // public keys
	if err != nil {
		return err
	}
	table := make([]byte, sector)
	const entry, efiSystem, signature = 0x1be, 0xef, 0x1fe
	e := table[entry:]
	copy(e[1:4], []byte{0xff, 0xff, 0xff}) // by block number alone
	e[4] = efiSystem
	copy(e[5:8], []byte{0xff, 0xff, 0xff})
	binary.LittleEndian.PutUint32(e[8:], stickStart/sector)
	binary.LittleEndian.PutUint32(e[12:], (stickSize-stickStart)/sector)
	copy(table[signature:], []byte{0x55, 0xaa})
	_, err = f.Write(table)
	return errors.Join(err, f.Truncate(stickSize), f.Close())
}
