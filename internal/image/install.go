package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Kernels is the directory of the EFI system partition in which the boot loader looks, EFI/Linux.
type Kernels interface {
	List(ctx context.Context) ([]string, error)
	Remove(ctx context.Context, file string) error
	// Add writes a file whole or not at all; what is half written the boot loader does not see.
	Add(ctx context.Context, file string, r io.Reader) error
}

// Installation is an offer that a disk may take, and where. Prepare makes one.
type Installation struct {
	offer    Offer
	disk     Disk
	kernels  Kernels
	table    *table
	target   slot
	obsolete []string // kernels
}

// Prepare decides where an offer goes on a disk, and writes nothing. running is the root hash of the system
// that does this, "" for a disk from outside. It fails with ErrOlder, ErrInstalled, ErrFailedBefore, ErrOneSlot
// or ErrDisk.
func (o Offer) Prepare(ctx context.Context, d Disk, kernels Kernels, running string) (*Installation, error) {
	t, err := readTable(d)
	if err != nil {
		return nil, err
	}
	slots, err := slotsOf(t)
	if err != nil {
		return nil, err
	}
	files, err := kernels.List(ctx)
	if err != nil {
		return nil, err
	}
	var there []kernelFile
	for _, f := range files {
		if k, ok := parseKernel(f); ok {
			there = append(there, k)
		}
	}
	stays, err := kept(slots, there, running)
	if err != nil {
		return nil, err
	}
	version, ok := strings.CutPrefix(slots[stays].label, slotLabel(""))
	if !ok {
		return nil, fmt.Errorf("%w: the slot that stays is called %q", ErrDisk, slots[stays].label)
	}
	if err := o.admits(version, there); err != nil {
		return nil, err
	}
	i := &Installation{offer: o, disk: d, kernels: kernels, table: t, target: slots[1-stays]}
	for _, k := range there {
		if k.version != version {
			i.obsolete = append(i.obsolete, k.file)
		}
	}
	if root, _, err := slotIDs(o.RootHash); err != nil || root == slots[stays].id {
		return nil, errors.Join(err, fmt.Errorf("version %s: %w: its root is that of %s", o.Version, ErrInstalled, version))
	}
	return i, i.fits()
}

// fits: the slot is large enough.
func (i *Installation) fits() error {
	for _, p := range []struct {
		entry int
		room  int64
	}{{i.target.root, i.offer.Root.Room}, {i.target.verity, i.offer.Verity.Room}} {
		at, err := i.table.partition(p.entry)
		if err != nil {
			return err
		}
		if at.Size < p.room {
			return fmt.Errorf("%w: version %s needs %d MiB, its slot has %d", ErrDisk, i.offer.Version, p.room>>20, at.Size>>20)
		}
	}
	return nil
}

// Run writes the offer's files, which open gives by name, one after the other in the order in which it asks.
// say hears how much is done, twenty times, up to 1. Only what is whole is ever started: first the former kernels of this slot go, then the
// slot is written, then it is called by its name, last its kernel comes, with three tries. Interrupted at any point, the
// system beside it is as it was, and Run may be repeated. It fails with ErrChecksum, or as the disk and open do.
func (i *Installation) Run(ctx context.Context, open func(file string) (io.Reader, error), say func(done float64)) error {
	for _, k := range i.obsolete {
		if err := i.kernels.Remove(ctx, k); err != nil {
			return err
		}
	}
	if err := i.disk.Sync(); err != nil {
		return err
	}
	parts := i.offer.named()
	meter := &meter{say: say}
	for _, p := range parts {
		meter.total += p.Bytes
	}
	for n, p := range parts {
		r, err := open(p.File)
		if err != nil {
			return err
		}
		source := &checked{ctx: ctx, r: io.LimitReader(r, p.Bytes), left: p.Bytes, sum: sha256.New(), want: p.SHA256, meter: meter}
		switch n {
		case rootPart:
			err = i.write(i.target.root, p.Part, source)
		case verityPart:
			if err = i.write(i.target.verity, p.Part, source); err == nil {
				err = i.name()
			}
		case kernelPart:
			err = i.kernels.Add(ctx, fmt.Sprintf("%s_%s+%d%s", outputName, i.offer.Version, tries, kernelEnd), source)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.File, err)
		}
	}
	return i.disk.Sync()
}

// chunk is what is written at once.
const chunk = 1 << 20

// write fills a partition with a part, and with zeros up to the part's room.
func (i *Installation) write(entry int, p Part, source io.Reader) error {
	at, err := i.table.partition(entry)
	if err != nil {
		return err
	}
	buffer := make([]byte, chunk)
	w := io.NewOffsetWriter(i.disk, at.Start)
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, source, buffer); err != nil {
		return err
	}
	clear(buffer)
	for left := p.Room - p.Bytes; left > 0; left -= chunk {
		if _, err := w.Write(buffer[:min(left, chunk)]); err != nil {
			return err
		}
	}
	return i.disk.Sync()
}

// name calls the slot by its version and root hash: from now on the kernel of that hash finds it.
func (i *Installation) name() error {
	root, verity, err := slotIDs(i.offer.RootHash)
	if err != nil {
		return err
	}
	label := slotLabel(i.offer.Version)
	if err := i.table.call(i.target.root, root, label); err != nil {
		return err
	}
	if err := i.table.call(i.target.verity, verity, label); err != nil {
		return err
	}
	return i.table.write(i.disk)
}

// checked reads a part, and fails instead of ending where it is not the one that was signed.
type checked struct {
	ctx   context.Context //nolint:containedctx // for the length of one copy
	r     io.Reader
	left  int64
	sum   hash.Hash
	want  string
	meter *meter
}

func (c *checked) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(b)
	c.left -= int64(n)
	_, _ = c.sum.Write(b[:n]) // never fails
	c.meter.add(int64(n))
	if errors.Is(err, io.EOF) {
		if c.left > 0 {
			return n, io.ErrUnexpectedEOF
		}
		if hex.EncodeToString(c.sum.Sum(nil)) != c.want {
			return n, ErrChecksum
		}
	}
	return n, err
}

// meter tells how much is done.
type meter struct {
	say                func(float64)
	done, total, spoke int64
}

func (m *meter) add(n int64) {
	const steps = 20
	m.done += n
	if now := m.done * steps / m.total; now > m.spoke {
		m.spoke = now
		m.say(float64(now) / steps)
	}
}
