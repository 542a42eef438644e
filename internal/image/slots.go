package image

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"portillon/internal/update"
)

// Why an image is not put on a disk. Each is wrapped with the versions.
var (
	// ErrOlder: the disk has a later version; a tablet does not go back.
	ErrOlder = errors.New("older than what is there")
	// ErrInstalled: the very version is there already, perhaps waiting for the next start.
	ErrInstalled = errors.New("installed already")
	// ErrFailedBefore: the tablet was not seen to work with it, three starts long, and fell back.
	ErrFailedBefore = errors.New("failed on this tablet before")
	// ErrOnTrial: what runs is an update that has not proved itself yet; what came before it is not given up.
	ErrOnTrial = errors.New("on trial")
	// ErrOneSlot: the disk is an image's that had no second slot; it must be written as a whole.
	ErrOneSlot = errors.New("the disk has no second slot")
)

// tries is how often an update is started before the tablet falls back.
const tries = 3

// slot is a root file system's place and its hashes'.
type slot struct {
	root, verity int // entries of the table
	id           string
	label        string
}

// slotsOf are a disk's two slots.
func slotsOf(t *table) (slots []slot, err error) {
	var verity []int
	for i := range t.len() {
		switch t.kind(i) {
		case RootType:
			slots = append(slots, slot{root: i, id: t.id(i), label: t.label(i)})
		case VerityType:
			verity = append(verity, i)
		}
	}
	if len(slots) == 0 {
		return nil, fmt.Errorf("%w: no root file system", ErrDisk)
	}
	if len(slots) != 2 || len(verity) != 2 {
		return nil, ErrOneSlot
	}
	for i := range slots {
		slots[i].verity = verity[i]
	}
	return slots, nil
}

// slotIDs are the identifiers of a slot's partitions: the two halves of the root hash, by which systemd finds
// them (systemd-veritysetup-generator(8)).
func slotIDs(rootHash string) (root, verity string, err error) {
	b, err := hex.DecodeString(rootHash)
	if err != nil || len(b) != 32 {
		return "", "", fmt.Errorf("image: %q is no root hash", rootHash)
	}
	id := func(b []byte) string { return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]) }
	return id(b[:16]), id(b[16:]), nil
}

func slotLabel(version string) string { return outputName + "_" + version }

// kernelFile is a file of the EFI system partition that the boot loader may start:
// portillon_VERSION[+LEFT[-DONE]].efi (Automatic Boot Assessment).
type kernelFile struct {
	file, version string
	left          int // starts that it has left; forGood: it proved itself
}

const forGood = -1

func parseKernel(file string) (k kernelFile, ok bool) {
	name, ok := strings.CutPrefix(file, outputName+"_")
	if !ok {
		return k, false
	}
	if name, ok = strings.CutSuffix(name, kernelEnd); !ok {
		return k, false
	}
	version, counter, counted := strings.Cut(name, "+")
	k = kernelFile{file, version, forGood}
	if counted {
		left, _, _ := strings.Cut(counter, "-")
		n, err := strconv.ParseUint(left, 10, 16)
		if err != nil {
			return k, false
		}
		k.left = int(n)
	}
	return k, goodVersion(version)
}

// current is the kernel whose system must not be lost: the newest that proved itself, else the newest that
// may be started.
func current(kernels []kernelFile) (kernelFile, bool) {
	better := func(a, b kernelFile) int {
		if (a.left == forGood) != (b.left == forGood) {
			if a.left == forGood {
				return 1
			}
			return -1
		}
		return update.Compare(a.version, b.version)
	}
	usable := slices.DeleteFunc(slices.Clone(kernels), func(k kernelFile) bool { return k.left == 0 })
	if len(usable) == 0 {
		return kernelFile{}, false
	}
	return slices.MaxFunc(usable, better), true
}

// kept is the index of the slot that stays as it is: the one that runs, by its root hash, or on a disk from outside
// ("") that of its current kernel.
func kept(slots []slot, kernels []kernelFile, running string) (int, error) {
	if running != "" {
		id, _, err := slotIDs(running)
		if err != nil {
			return 0, err
		}
		i := slices.IndexFunc(slots, func(s slot) bool { return s.id == id })
		if i < 0 {
			return 0, fmt.Errorf("%w: the system that runs is not on it", ErrDisk)
		}
		return i, nil
	}
	k, ok := current(kernels)
	if !ok {
		return 0, fmt.Errorf("%w: no kernel that could be started", ErrDisk)
	}
	i := slices.IndexFunc(slots, func(s slot) bool { return s.label == slotLabel(k.version) })
	if i < 0 {
		return 0, fmt.Errorf("%w: no slot %s", ErrDisk, slotLabel(k.version))
	}
	return i, nil
}

// admits says whether an offer may take the place beside the version that is kept.
func (o Offer) admits(keptVersion string, kernels []kernelFile) error {
	for _, k := range kernels {
		switch {
		case k.version == keptVersion && k.left != forGood:
			return fmt.Errorf("version %s is still %w", keptVersion, ErrOnTrial)
		case k.version != o.Version:
		case k.left == 0:
			return fmt.Errorf("version %s: %w: the tablet fell back to %s", o.Version, ErrFailedBefore, keptVersion)
		default:
			return fmt.Errorf("version %s: %w", o.Version, ErrInstalled)
		}
	}
	if !o.Newer(keptVersion) {
		return fmt.Errorf("version %s: %w: %s", o.Version, ErrOlder, keptVersion)
	}
	return nil
}

// System is a version that a disk may start.
type System struct {
	Version string `json:"version"`
	State   State  `json:"state"`
}

// State is how a system fares.
type State string

// The states.
const (
	Good    State = "good"
	OnTrial State = "on trial" // its login was not seen yet
	Failed  State = "failed"   // three starts long
)

// Systems are those of a disk, what starts next first. It fails as KernelsOn does.
func Systems(ctx context.Context, disk string) ([]System, error) {
	kernels, err := KernelsOn(disk)
	if err != nil {
		return nil, err
	}
	files, err := kernels.List(ctx)
	if err != nil {
		return nil, err
	}
	return systems(files), nil
}

func systems(files []string) []System {
	var there []kernelFile
	for _, f := range files {
		if k, ok := parseKernel(f); ok {
			there = append(there, k)
		}
	}
	slices.SortFunc(there, func(a, b kernelFile) int { // as the boot loader does
		switch {
		case a.left == 0 && b.left != 0:
			return 1
		case a.left != 0 && b.left == 0:
			return -1
		}
		return update.Compare(b.version, a.version)
	})
	out := make([]System, len(there))
	for i, k := range there {
		out[i] = System{k.version, OnTrial}
		switch k.left {
		case forGood:
			out[i].State = Good
		case 0:
			out[i].State = Failed
		}
	}
	return out
}
