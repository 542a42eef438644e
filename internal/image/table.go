package image

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf16"
)

const (
	sector     = 512
	gptMost    = 1024 // partitions
	gptEntry   = 128  // bytes; more is allowed by the specification and left out
	gptHeaders = 92
	gptLabel   = 36 // UTF-16 units of a partition's name
	lbaMost    = 1 << 40
)

// Partition is where a partition lies, in bytes.
type Partition struct{ Start, Size int64 }

// Disk is a disk, or an image of one in a file.
type Disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// table is a GUID partition table (UEFI 2.10, section 5.3; sectors of 512 bytes).
type table struct {
	header  []byte // one sector
	entries []byte // n of size bytes each
	size    int
	first   int64 // sector of the entries
	other   int64 // sector of the backup's header
}

// readTable reads the first of a disk's two tables. It fails with ErrDisk for anything but a whole one.
func readTable(r io.ReaderAt) (*table, error) {
	t, err := readTableAt(r, 1)
	if err != nil {
		return nil, err
	}
	t.other = int64(binary.LittleEndian.Uint64(t.header[32:]))
	if t.other < 2 || t.other > lbaMost {
		return nil, fmt.Errorf("%w: its second table lies at sector %d", ErrDisk, t.other)
	}
	return t, nil
}

func readTableAt(r io.ReaderAt, lba int64) (*table, error) {
	h := make([]byte, sector)
	if _, err := r.ReadAt(h, lba*sector); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	sum := binary.LittleEndian.Uint32(h[16:])
	if !bytes.HasPrefix(h, []byte("EFI PART")) || headerSum(h) != sum || int64(binary.LittleEndian.Uint64(h[24:])) != lba {
		return nil, fmt.Errorf("%w: no GUID partition table", ErrDisk)
	}
	first, n, size := binary.LittleEndian.Uint64(h[72:]), binary.LittleEndian.Uint32(h[80:]), binary.LittleEndian.Uint32(h[84:])
	if n > gptMost || size < gptEntry || size > 4096 || first < 2 || first > lbaMost {
		return nil, fmt.Errorf("%w: %d partitions of %d bytes", ErrDisk, n, size)
	}
	t := &table{header: h, size: int(size), first: int64(first), entries: make([]byte, int(n)*int(size))}
	if _, err := r.ReadAt(t.entries, t.first*sector); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if crc32.ChecksumIEEE(t.entries) != binary.LittleEndian.Uint32(h[88:]) {
		return nil, fmt.Errorf("%w: its partition table is damaged", ErrDisk)
	}
	return t, nil
}

// headerSum is a header's checksum, which is made with zeros in its place.
func headerSum(h []byte) uint32 {
	h = bytes.Clone(h[:gptHeaders])
	clear(h[16:20])
	return crc32.ChecksumIEEE(h)
}

// len is the number of entries, used or not.
func (t *table) len() int { return len(t.entries) / t.size }

func (t *table) entry(i int) []byte { return t.entries[i*t.size : i*t.size+gptEntry] }

func (t *table) kind(i int) string { return guid(t.entry(i)[:16]) }

func (t *table) id(i int) string { return guid(t.entry(i)[16:32]) }

func (t *table) label(i int) string {
	var units []uint16
	for raw := t.entry(i)[56:gptEntry]; len(raw) > 0; raw = raw[2:] {
		u := binary.LittleEndian.Uint16(raw)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

func (t *table) partition(i int) (Partition, error) {
	e := t.entry(i)
	from, to := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
	if from < 2 || to < from || to > lbaMost {
		return Partition{}, fmt.Errorf("%w: the partition lies at sectors %d to %d", ErrDisk, from, to)
	}
	return Partition{int64(from) * sector, int64(to-from+1) * sector}, nil
}

// call gives a partition another identifier and label.
func (t *table) call(i int, id, label string) error {
	raw, err := parseGUID(id)
	if err != nil {
		return err
	}
	units := utf16.Encode([]rune(label))
	if len(units) > gptLabel {
		return fmt.Errorf("image: a partition's label %q is longer than %d characters", label, gptLabel)
	}
	e := t.entry(i)
	copy(e[16:32], raw)
	clear(e[56:gptEntry])
	for n, u := range units {
		binary.LittleEndian.PutUint16(e[56+2*n:], u)
	}
	return nil
}

// write writes both tables, the second one first: from it firmware mends the first, should the power go while
// that is written.
func (t *table) write(d Disk) error {
	second := t.other*sector - int64(roundUp(len(t.entries), sector))
	if old, err := readTableAt(d, t.other); err == nil {
		second = old.first * sector
	} else if !errors.Is(err, ErrDisk) {
		return err
	}
	if _, err := d.WriteAt(t.entries, second); err != nil {
		return err
	}
	if _, err := d.WriteAt(t.sealed(t.other, 1, second/sector), t.other*sector); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	first := t.sealed(1, t.other, t.first)
	if t.first == 2 { // as it nearly always is: in one go
		if _, err := d.WriteAt(append(first, t.entries...), sector); err != nil {
			return err
		}
		return d.Sync()
	}
	if _, err := d.WriteAt(t.entries, t.first*sector); err != nil {
		return err
	}
	if _, err := d.WriteAt(first, sector); err != nil {
		return err
	}
	return d.Sync()
}

// sealed is the header for one of the two places, with its checksums.
func (t *table) sealed(here, other, entries int64) []byte {
	h := bytes.Clone(t.header)
	binary.LittleEndian.PutUint64(h[24:], uint64(here))
	binary.LittleEndian.PutUint64(h[32:], uint64(other))
	binary.LittleEndian.PutUint64(h[72:], uint64(entries))
	binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(t.entries))
	binary.LittleEndian.PutUint32(h[16:], headerSum(h))
	return h
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// guid writes 16 bytes as UEFI does: the first three groups are little endian.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), binary.BigEndian.Uint16(b[8:]), b[10:16])
}

// parseGUID is its reverse.
func parseGUID(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		return nil, fmt.Errorf("image: %q is no identifier of a partition", s)
	}
	for _, group := range [][]byte{b[0:4], b[4:6], b[6:8]} {
		for i, j := 0, len(group)-1; i < j; i, j = i+1, j-1 {
			group[i], group[j] = group[j], group[i]
		}
	}
	return b, nil
}
