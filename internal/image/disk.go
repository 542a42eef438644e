package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// ConfigPartition is the configuration partition's own identifier (PARTUUID). It is found by it and
// never by a name, which a stick could carry.
const ConfigPartition = "5a0f0c6e-4f0b-4f43-9e5c-2f4c5e5d0e02"

// ErrDisk: a disk, or image of one, without a partition table in which the partition stands.
var ErrDisk = errors.New("not a tablet's disk")

const (
	sector     = 512
	gptMost    = 1024 // partitions
	gptEntry   = 128  // bytes; more is allowed by the specification and left out
	gptHeaders = 92
)

// Partition is where a partition lies, in bytes.
type Partition struct{ Start, Size int64 }

// FindPartition reads a GUID partition table (UEFI 2.10, section 5.3; sectors of 512
// bytes) and returns the partition of this identifier. It fails with ErrDisk.
func FindPartition(r io.ReaderAt, id string) (Partition, error) {
	return findPartition(r, id, func(e []byte) string { return guid(e[16:32]) })
}

// RootType is the type of a root file system on this architecture (Discoverable Partitions
// Specification).
const RootType = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"

// FindPartitionOfType is FindPartition for the first of a type.
func FindPartitionOfType(r io.ReaderAt, id string) (Partition, error) {
	return findPartition(r, id, func(e []byte) string { return guid(e[:16]) })
}

func findPartition(r io.ReaderAt, id string, is func(entry []byte) string) (Partition, error) {
	h := make([]byte, sector)
	if _, err := r.ReadAt(h, sector); err != nil {
		return Partition{}, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	sum := binary.LittleEndian.Uint32(h[16:])
	clear(h[16:20])
	if !bytes.HasPrefix(h, []byte("EFI PART")) || crc32.ChecksumIEEE(h[:gptHeaders]) != sum {
		return Partition{}, fmt.Errorf("%w: no GUID partition table", ErrDisk)
	}
	first, n, size := binary.LittleEndian.Uint64(h[72:]), binary.LittleEndian.Uint32(h[80:]), binary.LittleEndian.Uint32(h[84:])
	if n > gptMost || size < gptEntry || size > 4096 || first > 1<<40 {
		return Partition{}, fmt.Errorf("%w: %d partitions of %d bytes", ErrDisk, n, size)
	}
	for i := range int64(n) {
		e := make([]byte, gptEntry)
		if _, err := r.ReadAt(e, int64(first)*sector+i*int64(size)); err != nil {
			return Partition{}, fmt.Errorf("%w: %w", ErrDisk, err)
		}
		from, to := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
		if is(e) != id {
			continue
		}
		if from < 2 || to < from || to > 1<<40 {
			return Partition{}, fmt.Errorf("%w: the partition lies at sectors %d to %d", ErrDisk, from, to)
		}
		return Partition{int64(from) * sector, int64(to-from+1) * sector}, nil
	}
	return Partition{}, fmt.Errorf("%w: no partition %s", ErrDisk, id)
}

// guid writes 16 bytes as UEFI does: the first three groups are little endian.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), binary.BigEndian.Uint16(b[8:]), b[10:16])
}

// WriteBundle writes a bundle on the configuration partition of a disk or of an image's file,
// and reads it back. What was there before is gone.
func WriteBundle(disk string, b Bundle) error {
	return onDisk(disk, func(f *os.File, p Partition) error {
		return writeHalves(f, p, b, []int64{0}, []int64{MaxBundle})
	})
}

// ReplaceBundle is WriteBundle for a partition's own device, and for a tablet that may lose its power
// at any moment: a whole bundle, the old one or the new one, is on the partition throughout.
func ReplaceBundle(partition string, b Bundle) (err error) {
	f, err := os.OpenFile(partition, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size < 2*MaxBundle {
		return fmt.Errorf("%s: %w: no room for two bundles in %d bytes", partition, ErrDisk, size)
	}
	return writeHalves(f, Partition{0, size}, b, []int64{MaxBundle, 0}, []int64{MaxBundle})
}

// writeHalves writes the bundle at each offset in turn, then zeros at others, and reads the first half
// back. Each step is on the disk before the next begins.
func writeHalves(f *os.File, p Partition, b Bundle, at, zero []int64) error {
	raw, err := b.Encode()
	if err != nil {
		return err
	}
	raw = append(raw, make([]byte, MaxBundle-len(raw))...) // nothing older remains behind it
	write := func(data []byte, offset int64) error {
		if offset+MaxBundle > p.Size {
			return nil // a partition of an older image has one half
		}
		if _, err := f.WriteAt(data, p.Start+offset); err != nil {
			return err
		}
		return f.Sync()
	}
	for _, offset := range at {
		if err := write(raw, offset); err != nil {
			return err
		}
	}
	for _, offset := range zero {
		if err := write(make([]byte, MaxBundle), offset); err != nil {
			return err
		}
	}
	_, err = ReadBundle(io.NewSectionReader(f, p.Start, p.Size))
	return err
}

// halves are the two places of a bundle on a partition.
func halves(f io.ReaderAt) []io.Reader {
	return []io.Reader{io.NewSectionReader(f, 0, MaxBundle), io.NewSectionReader(f, MaxBundle, MaxBundle)}
}

func onDisk(disk string, do func(*os.File, Partition) error) (err error) {
	f, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p, err := FindPartition(f, ConfigPartition)
	if err != nil {
		return fmt.Errorf("%s: %w", disk, err)
	}
	if p.Size < MaxBundle {
		return fmt.Errorf("%s: %w: its configuration partition has %d bytes", disk, ErrDisk, p.Size)
	}
	return do(f, p)
}

// LoadBundle reads what stands on a disk's configuration partition.
func LoadBundle(disk string) (b Bundle, err error) {
	f, err := os.Open(disk)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p, err := FindPartition(f, ConfigPartition)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", disk, err)
	}
	return ReadBundle(io.NewSectionReader(f, p.Start, p.Size))
}
