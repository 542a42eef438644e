package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

// memory is a disk whose power may go.
type memory struct {
	b      []byte
	writes int // until then; negative: for ever
}

var errPower = errors.New("no power")

func (m *memory) ReadAt(p []byte, at int64) (int, error) { return bytes.NewReader(m.b).ReadAt(p, at) }

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > int64(len(m.b)) {
		return 0, io.ErrShortWrite
	}
	if m.writes == 0 {
		copy(m.b[at:], p[:len(p)/2]) // it goes in the middle
		return len(p) / 2, errPower
	}
	m.writes--
	return copy(m.b[at:], p), nil
}

func (m *memory) Sync() error {
	if m.writes == 0 {
		return errPower
	}
	return nil
}

// efiDir is an EFI/Linux in memory.
type efiDir struct {
	files map[string]string
	power func() error
}

func (s *efiDir) List(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(s.files)), nil
}

func (s *efiDir) Remove(_ context.Context, file string) error {
	delete(s.files, file)
	return s.power()
}

func (s *efiDir) Add(_ context.Context, file string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err = errors.Join(err, s.power()); err == nil {
		s.files[file] = string(b)
	}
	return err
}

// Sizes of the test's disk.
const (
	testSlot = 64 << 10
	testHash = 8 << 10
)

// layDisk is a tablet's disk with two slots, as repart lays them; the second one is empty.
func layDisk(t *testing.T, rootHash, version string) *memory {
	t.Helper()
	const entries, start = 128, 64
	sizes := []struct {
		kind, label string
		size        int
	}{{"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "portillon-esp", 4096}, {RootType, slotLabel(version), testSlot}, {VerityType, slotLabel(version), testHash},
		{RootType, "_empty", testSlot}, {VerityType, "_empty", testHash}, {ConfigPartition, "portillon-config", 4096}}
	total := start * sector
	for _, s := range sizes {
		total += s.size
	}
	total += (entries*gptEntry/sector + 1) * sector
	tab := &table{header: make([]byte, sector), entries: make([]byte, entries*gptEntry), size: gptEntry, first: 2, other: int64(total/sector - 1)}
	copy(tab.header, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
	tab.header[80], tab.header[84] = entries, gptEntry
	at := start
	for i, s := range sizes {
		kind, err := parseGUID(s.kind)
		if err != nil {
			t.Fatal(err)
		}
		copy(tab.entry(i), kind)
		e := tab.entry(i)
		e[32], e[33] = byte(at), byte(at>>8)
		end := at + s.size/sector - 1
		e[40], e[41] = byte(end), byte(end>>8)
		if err := tab.call(i, fmt.Sprintf("00000000-0000-0000-0000-%012x", i+1), s.label); err != nil {
			t.Fatal(err)
		}
		at = end + 1
	}
	root, verity, err := slotIDs(rootHash)
	if err == nil {
		err = errors.Join(tab.call(1, root, slotLabel(version)), tab.call(2, verity, slotLabel(version)))
	}
	m := &memory{make([]byte, total), -1}
	if err = errors.Join(err, tab.write(m)); err != nil {
		t.Fatal(err)
	}
	for i, fill := range map[int]byte{1: 'N', 2: 'n', 5: 'c'} {
		p, err := tab.partition(i)
		if err != nil {
			t.Fatal(err)
		}
		copy(m.b[p.Start:p.Start+p.Size], bytes.Repeat([]byte{fill}, int(p.Size)))
	}
	return m
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// release is an offer and its files.
func release(version string) (Offer, map[string]string) {
	o := Offer{Version: version, RootHash: hashOf("root of " + version)}
	files := map[string]string{}
	for end, p := range map[string]*Part{rootEnd: &o.Root, verityEnd: &o.Verity, kernelEnd: &o.Kernel} {
		text := strings.Repeat(version+end+" ", 300)
		*p = Part{Bytes: int64(len(text)), SHA256: hashOf(text)}
		files["portillon_"+version+end] = text
	}
	o.Root.Room, o.Verity.Room = testSlot, testHash
	return o, files
}

func opener(files map[string]string) func(string) (io.Reader, error) {
	return func(name string) (io.Reader, error) { return strings.NewReader(files[name]), nil }
}

// install does it all.
func install(t *testing.T, version string, m *memory, s *efiDir, running string) error {
	t.Helper()
	o, files := release(version)
	i, err := o.Prepare(t.Context(), m, s, running)
	if err != nil {
		return err
	}
	last := 0.0
	err = i.Run(t.Context(), opener(files), func(done float64) {
		if done <= last || done > 1 {
			t.Errorf("%f is done after %f", done, last)
		}
		last = done
	})
	if err == nil && last != 1 {
		t.Errorf("at the end %f is done", last)
	}
	return err
}

// part is what lies on a partition.
func (m *memory) part(t *testing.T, i int) []byte {
	t.Helper()
	tab, err := readTable(m)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tab.partition(i)
	if err != nil {
		t.Fatal(err)
	}
	return m.b[p.Start : p.Start+p.Size]
}

// TestInstall: the other slot takes the new system whole, with its names and zeros behind it, and the kernel comes with three
// tries; the running slot, the configuration and both tables are as they were. The next one goes the other way round.
func TestInstall(t *testing.T) {
	one := hashOf("one")
	m, s := layDisk(t, one, "1.0"), &efiDir{map[string]string{"portillon_1.0.efi": "one", "other.efi": "kept"}, func() error { return nil }}
	before := [][]byte{bytes.Clone(m.part(t, 1)), bytes.Clone(m.part(t, 2)), bytes.Clone(m.part(t, 5))}
	if err := install(t, "2.0", m, s, one); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(s.files)); !slices.Equal(got, []string{"other.efi", "portillon_1.0.efi", "portillon_2.0+3.efi"}) {
		t.Errorf("kernels %q", got)
	}
	o, files := release("2.0")
	tab, err := readTable(m)
	if err != nil {
		t.Fatal(err)
	}
	root, verity, err := slotIDs(o.RootHash)
	if err != nil || tab.id(3) != root || tab.id(4) != verity || tab.label(3) != "portillon_2.0" || tab.label(4) != "portillon_2.0" {
		t.Errorf("%v; slot %s %s, %s %s", err, tab.id(3), tab.label(3), tab.id(4), tab.label(4))
	}
	if second, err := readTableAt(m, tab.other); err != nil || !bytes.Equal(second.entries, tab.entries) {
		t.Errorf("the second table: %v", err)
	}
	want := make([]byte, testSlot)
	copy(want, files["portillon_2.0.root.raw"])
	if !bytes.Equal(m.part(t, 3), want) {
		t.Error("the slot holds something else")
	}
	for n, i := range []int{1, 2, 5} {
		if !bytes.Equal(m.part(t, i), before[n]) {
			t.Errorf("partition %d was written", i+1)
		}
	}
	// It starts, and proves itself.
	s.files["portillon_2.0.efi"] = s.files["portillon_2.0+3.efi"]
	delete(s.files, "portillon_2.0+3.efi")
	if err := install(t, "3.0", m, s, o.RootHash); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(s.files)); !slices.Equal(got, []string{"other.efi", "portillon_2.0.efi", "portillon_3.0+3.efi"}) {
		t.Errorf("kernels %q", got)
	}
	if !bytes.Equal(m.part(t, 3), want) {
		t.Error("the second update wrote on the system that runs")
	}
}

// TestPrepareRefuses: each reason, and that nothing was written.
func TestPrepareRefuses(t *testing.T) {
	one := hashOf("one")
	for name, c := range map[string]struct {
		version string
		kernels []string
		running string
		want    error
	}{
		"older":                         {"0.9", []string{"portillon_1.0.efi"}, one, ErrOlder},
		"the same":                      {"1.0", []string{"portillon_1.0.efi"}, one, ErrInstalled},
		"a release candidate of it":     {"1.0~rc1", []string{"portillon_1.0.efi"}, one, ErrOlder},
		"waiting for the next start":    {"2.0", []string{"portillon_1.0.efi", "portillon_2.0+3.efi"}, one, ErrInstalled},
		"failed three times":            {"2.0", []string{"portillon_1.0.efi", "portillon_2.0+0-3.efi"}, one, ErrFailedBefore},
		"failed, from outside":          {"2.0", []string{"portillon_1.0.efi", "portillon_2.0+0-3.efi"}, "", ErrFailedBefore},
		"what runs is on trial":         {"2.0", []string{"portillon_1.0+2-1.efi"}, one, ErrOnTrial},
		"what runs is not on this disk": {"2.0", []string{"portillon_1.0.efi"}, hashOf("another"), ErrDisk},
		"no kernel":                     {"2.0", nil, "", ErrDisk},
		"a kernel without its slot":     {"2.0", []string{"portillon_1.5.efi"}, "", ErrDisk},
	} {
		m, s := layDisk(t, one, "1.0"), &efiDir{map[string]string{}, func() error { return nil }}
		for _, k := range c.kernels {
			s.files[k] = "x"
		}
		before := bytes.Clone(m.b)
		if err := install(t, c.version, m, s, c.running); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(before, m.b) || len(s.files) != len(c.kernels) {
			t.Errorf("%s: something was written", name)
		}
	}
	m, s := layDisk(t, one, "1.0"), &efiDir{map[string]string{"portillon_1.0.efi": ""}, func() error { return nil }}
	o, _ := release("2.0")
	o.Root.Room *= 2
	if _, err := o.Prepare(t.Context(), m, s, one); !errors.Is(err, ErrDisk) {
		t.Errorf("too large: %v", err)
	}
	o, _ = release("2.0")
	o.RootHash = one
	if _, err := o.Prepare(t.Context(), m, s, one); !errors.Is(err, ErrInstalled) {
		t.Errorf("the same root: %v", err)
	}
}

// TestInstallAltered: a file that is another one, or ends too early, brings no kernel.
func TestInstallAltered(t *testing.T) {
	one := hashOf("one")
	for _, end := range []string{rootEnd, verityEnd, kernelEnd} {
		for name, c := range map[string]struct {
			spoil func(string) string
			want  error
		}{
			"altered": {func(s string) string { return "X" + s[1:] }, ErrChecksum},
			"short":   {func(s string) string { return s[:len(s)-1] }, io.ErrUnexpectedEOF},
		} {
			m, s := layDisk(t, one, "1.0"), &efiDir{map[string]string{"portillon_1.0.efi": "one"}, func() error { return nil }}
			o, files := release("2.0")
			files["portillon_2.0"+end] = c.spoil(files["portillon_2.0"+end])
			i, err := o.Prepare(t.Context(), m, s, one)
			if err == nil {
				err = i.Run(t.Context(), opener(files), func(float64) {})
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%s %s: %v", end, name, err)
			}
			if len(s.files) != 1 {
				t.Errorf("%s %s: kernels %q", end, name, s.files)
			}
			if err := install(t, "2.0", m, s, one); err != nil {
				t.Errorf("%s %s: again: %v", end, name, err)
			}
		}
	}
}

// TestInstallCutOff: the power goes at each write in turn. What runs is whole, nothing half-made would be started, and the
// next try succeeds.
func TestInstallCutOff(t *testing.T) {
	one := hashOf("one")
	for cut := 0; ; cut++ {
		m := layDisk(t, one, "1.0")
		m.writes = cut
		s := &efiDir{map[string]string{"portillon_1.0.efi": "one", "portillon_0.9+0-3.efi": "bad"}, m.Sync}
		running := bytes.Clone(m.part(t, 1))
		err := install(t, "2.0", m, s, one)
		if err == nil {
			if cut < 4 {
				t.Fatalf("it took %d writes only", cut)
			}
			return
		}
		if !errors.Is(err, errPower) {
			t.Fatalf("cut %d: %v", cut, err)
		}
		m.writes = -1
		if _, torn := readTable(m); torn != nil { // as firmware does: from the second one
			m.mend(t)
		}
		if !bytes.Equal(m.part(t, 1), running) {
			t.Fatalf("cut %d: the running system was written", cut)
		}
		for k := range s.files {
			if k != "portillon_1.0.efi" && k != "portillon_0.9+0-3.efi" {
				t.Fatalf("cut %d: %s would be started", cut, k)
			}
		}
		if err := install(t, "2.0", m, s, one); err != nil {
			t.Fatalf("cut %d, and again: %v", cut, err)
		}
	}
}

// mend writes the first table anew from the second one (UEFI 2.10, section 5.3.2).
func (m *memory) mend(t *testing.T) {
	t.Helper()
	last := int64(len(m.b)/sector - 1)
	second, err := readTableAt(m, last)
	if err != nil {
		t.Fatal("both tables are damaged")
	}
	second.first, second.other = 2, last
	copy(m.b[sector:], append(second.sealed(1, last, 2), second.entries...))
}

// TestInstallFromOutside: a disk that does not run keeps the newest system that proved itself.
func TestInstallFromOutside(t *testing.T) {
	one := hashOf("one")
	m, s := layDisk(t, one, "1.0"), &efiDir{map[string]string{"portillon_1.0.efi": "one"}, func() error { return nil }}
	for _, version := range []string{"2.0", "3.0"} { // 2.0 never started
		if err := install(t, version, m, s, ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := slices.Sorted(maps.Keys(s.files)); !slices.Equal(got, []string{"portillon_1.0.efi", "portillon_3.0+3.efi"}) {
		t.Errorf("kernels %q", got)
	}
}
