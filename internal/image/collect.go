package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/pe"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Package is a Debian package or a Go module of an image.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture,omitempty"`
}

// Manifest says what an image is made of: manifest.json.
type Manifest struct {
	Version  string           `json:"version"`
	Release  string           `json:"debian"`
	Epoch    time.Time        `json:"epoch"`
	RootHash string           `json:"root_hash"` // dm-verity's, as it stands in the signed kernel
	Packages []Package        `json:"packages"`
	Modules  []Package        `json:"go_modules"`
	Tools    []Package        `json:"tools"` // that built it
	Sizes    map[string]int64 `json:"bytes"`
}

// ErrIncomplete: mkosi left out what an image needs.
var ErrIncomplete = errors.New("image: incomplete")

// outputs are mkosi's files and ours.
func (p Plan) outputs() map[string]string {
	name := "portillon_" + p.Options.Version
	return map[string]string{
		outputName + ".raw": name + ".raw", outputName + ".efi": name + ".efi",
		outputName + ".root.raw": name + ".root.raw", outputName + ".verity.raw": name + ".verity.raw",
	}
}

// collect takes mkosi's output, describes it, and puts it in its place at once.
func (p Plan) collect(ctx context.Context, w Where, from, tree string) (string, error) {
	final := filepath.Join(w.Out, "portillon-"+p.Options.Version)
	partial := final + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := os.Mkdir(partial, 0o755); err != nil { //nolint:gosec // an image is no secret
		return "", err
	}
	if err := p.describe(ctx, w, from, partial, tree); err != nil {
		return "", errors.Join(err, os.RemoveAll(partial))
	}
	if err := os.RemoveAll(final); err != nil {
		return "", err
	}
	return final, os.Rename(partial, final)
}

func (p Plan) describe(ctx context.Context, w Where, from, to, tree string) error {
	m := Manifest{Version: p.Options.Version, Release: Release, Epoch: p.Options.Epoch.UTC(), Sizes: map[string]int64{}}
	rooms, err := p.take(ctx, from, to, &m)
	if err != nil {
		return err
	}
	if m.Packages, err = mkosiPackages(filepath.Join(from, outputName+".manifest")); err != nil {
		return err
	}
	if err := p.lock(m.Packages, filepath.Join(w.Cache, "packages", aptArchives), to); err != nil {
		return err
	}
	if m.Tools, err = treePackages(ctx, tree); err != nil {
		return err
	}
	if m.Modules, err = modules(p.Options.Programs); err != nil {
		return err
	}
	offer, err := offerOf(to, m.Version, m.RootHash, rooms)
	if err != nil {
		return err
	}
	for name, v := range map[string]any{"manifest.json": m, "sbom.spdx.json": m.spdx(), OfferName: offer} {
		b, err := json.MarshalIndent(v, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), append(b, '\n'), 0o644) //nolint:gosec // public
		}
		if err != nil {
			return err
		}
	}
	return checksums(to)
}

// take copies mkosi's output, and says which room the slot's parts have.
func (p Plan) take(ctx context.Context, from, to string, m *Manifest) (rooms map[string]int64, err error) {
	rooms = map[string]int64{}
	for name, ours := range p.outputs() {
		file := filepath.Join(to, ours)
		err := sparseCopy(ctx, filepath.Join(from, name), file)
		for _, end := range []string{rootEnd, verityEnd} {
			if err == nil && strings.HasSuffix(ours, end) {
				rooms[end], err = trim(file)
			}
		}
		var info os.FileInfo
		if err == nil {
			info, err = os.Stat(file)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
		}
		m.Sizes[ours] = info.Size()
		if strings.HasSuffix(ours, kernelEnd) {
			if m.RootHash, err = rootHash(file); err != nil {
				return nil, err
			}
		}
	}
	return rooms, nil
}

// trim cuts the zeros off a partition's end, in whole blocks, and returns what the partition has. An update
// writes them without having fetched them.
func trim(file string) (room int64, err error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if room, err = f.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	end, buffer := room, make([]byte, chunk)
	for end > 0 {
		b := buffer[:min(end, chunk)]
		if _, err := f.ReadAt(b, end-int64(len(b))); err != nil {
			return 0, err
		}
		if rest := bytes.TrimRight(b, "\x00"); len(rest) > 0 {
			end -= int64(len(b) - len(rest))
			break
		}
		end -= int64(len(b))
	}
	return room, f.Truncate(min(room, (end+blockSize-1)/blockSize*blockSize))
}

// aptArchives is where mkosi's apt keeps what it fetched, below its cache.
const aptArchives = "cache/apt/archives"

// lock writes which of Debian's packages these are, and holds them against those that were asked for.
func (p Plan) lock(packages []Package, archives, to string) error {
	debian := slices.DeleteFunc(slices.Clone(packages), func(k Package) bool { return slices.Contains(p.Own, k.Name) })
	built, err := lockOf(debian, archives)
	if err != nil {
		return err
	}
	if p.Options.Lock != nil {
		if err := p.Options.Lock.hold(built); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(to, LockName), built.Bytes(), 0o644) //nolint:gosec // public
}

// rootHash is the one in the kernel command line of a unified kernel image.
func rootHash(file string) (string, error) {
	f, err := pe.Open(file)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	defer func() { _ = f.Close() }() // read only
	s := f.Section(".cmdline")
	if s == nil {
		return "", fmt.Errorf("%w: the kernel has no command line", ErrIncomplete)
	}
	b, err := s.Data()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	for word := range strings.FieldsSeq(string(bytes.TrimRight(b, "\x00"))) {
		if hash, ok := strings.CutPrefix(word, "roothash="); ok {
			return hash, nil
		}
	}
	return "", fmt.Errorf("%w: the kernel's command line has no root hash", ErrIncomplete)
}

func mkosiPackages(file string) ([]Package, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	var m struct {
		Packages []Package `json:"packages"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	return byName(m.Packages), nil
}

func treePackages(ctx context.Context, tree string) ([]Package, error) {
	out, err := Command(ctx, tree, nil, "dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\n").Output()
	if err != nil {
		return nil, fmt.Errorf("packages of %s: %w", tree, err)
	}
	var list []Package
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 {
			list = append(list, Package{f[0], f[1], f[2]})
		}
	}
	return byName(list), nil
}

// modules are those that both programs were built from.
func modules(programs string) ([]Package, error) {
	seen := map[Package]bool{}
	for _, name := range []string{"portillon", "portillonctl"} {
		info, err := buildinfo.ReadFile(filepath.Join(programs, name))
		if err != nil {
			return nil, err
		}
		seen[Package{Name: "go", Version: info.GoVersion}] = true
		for _, d := range info.Deps {
			if d.Replace != nil {
				d = d.Replace
			}
			seen[Package{Name: d.Path, Version: d.Version}] = true
		}
	}
	var list []Package
	for p := range seen {
		list = append(list, p)
	}
	return byName(list), nil
}

func byName(list []Package) []Package {
	slices.SortFunc(list, func(a, b Package) int {
		return strings.Compare(a.Name+" "+a.Version+" "+a.Architecture, b.Name+" "+b.Version+" "+b.Architecture)
	})
	return list
}

// checksums writes SHA256SUMS, as sha256sum does.
func checksums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, e := range entries {
		sum, err := fileSum(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s  %s\n", sum, e.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), out.Bytes(), 0o644) //nolint:gosec // public
}

func fileSum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// ErrChecksum: a file is not what was built.
var ErrChecksum = errors.New("checksum differs")

// VerifyDir holds an image's directory against its SHA256SUMS.
func VerifyDir(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || name != filepath.Base(name) {
			return fmt.Errorf("%s: SHA256SUMS: %q is no line of one", dir, line)
		}
		got, err := fileSum(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if got != sum {
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), ErrChecksum)
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("%s: SHA256SUMS is empty", dir)
	}
	return nil
}
