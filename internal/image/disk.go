package image

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ConfigPartition is the configuration partition's own identifier (PARTUUID). It is found by it and
// never by a name, which a stick could carry.
const ConfigPartition = "5a0f0c6e-4f0b-4f43-9e5c-2f4c5e5d0e02"

// ErrDisk: a disk, or image of one, without a partition table in which the partition stands.
var ErrDisk = errors.New("not a tablet's disk")

// FindPartition reads a GUID partition table and returns the partition of this identifier. It fails with
// ErrDisk.
func FindPartition(r io.ReaderAt, id string) (Partition, error) {
	return findPartition(r, id, (*table).id)
}

// Types of partitions (Discoverable Partitions Specification) on this architecture: a root file system, and
// the hashes of one.
const (
	RootType   = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
	VerityType = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"
)

// FindPartitionOfType is FindPartition for the first of a type.
func FindPartitionOfType(r io.ReaderAt, id string) (Partition, error) {
	return findPartition(r, id, (*table).kind)
}

func findPartition(r io.ReaderAt, id string, of func(*table, int) string) (Partition, error) {
	t, err := readTable(r)
	if err != nil {
		return Partition{}, err
	}
	for i := range t.len() {
		if of(t, i) == id {
			return t.partition(i)
		}
	}
	return Partition{}, fmt.Errorf("%w: no partition %s", ErrDisk, id)
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
