package image

import (
	"crypto/sha256"
	"debug/pe"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrDiffers: two images are not the same; wrapped with all that differs.
var ErrDiffers = errors.New("the images differ")

// SameImage holds two builds against each other and fails with ErrDiffers. The root file system and
// its hashes must be the same bits, and the kernel the same in each of its parts: kernel, initial RAM disk, command
// line. It returns the names of files whose bits differ all the same: with another key the kernel's signature does, and
// the disk that holds it; the offer's signature holds the moment of its end.
func SameImage(a, b string) (others []string, err error) {
	if err := sameParts(a, b); err != nil {
		return nil, err
	}
	return otherBits(a, b)
}

// otherBits are the names of files that differ, or that one directory alone has.
func otherBits(a, b string) ([]string, error) {
	sums := map[string][]string{}
	for _, dir := range []string{a, b} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			sum, err := fileSum(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			sums[e.Name()] = append(sums[e.Name()], sum)
		}
	}
	maps.DeleteFunc(sums, func(_ string, s []string) bool { return len(s) == 2 && s[0] == s[1] })
	return slices.Sorted(maps.Keys(sums)), nil
}

func sameParts(a, b string) error {
	var wrong []string
	for _, suffix := range []string{".root.raw", ".verity.raw"} {
		same, err := sameFiles(a, b, suffix)
		if err != nil {
			return err
		}
		if !same {
			wrong = append(wrong, strings.Trim(suffix, "."))
		}
	}
	parts := map[string][]string{}
	for _, dir := range []string{a, b} {
		file, err := oneFile(dir, ".efi")
		if err != nil {
			return err
		}
		if parts[dir], err = kernelParts(file); err != nil {
			return err
		}
	}
	for _, part := range parts[a] {
		if !slices.Contains(parts[b], part) {
			name, _, _ := strings.Cut(part, " ")
			wrong = append(wrong, "the kernel's "+name)
		}
	}
	if len(parts[a]) != len(parts[b]) {
		wrong = append(wrong, "the number of the kernel's parts")
	}
	made := map[string]Manifest{}
	for _, dir := range []string{a, b} {
		m, err := LoadManifest(dir)
		if err != nil {
			return err
		}
		made[dir] = m
	}
	if made[a].RootHash != made[b].RootHash {
		wrong = append(wrong, "the root hash")
	}
	if len(wrong) == 0 {
		return nil
	}
	if !slices.Equal(made[a].Tools, made[b].Tools) {
		wrong = append(wrong, "and other tools made them")
	}
	return fmt.Errorf("%w: %s", ErrDiffers, strings.Join(wrong, ", "))
}

// LoadManifest reads an image's manifest.json.
func LoadManifest(dir string) (m Manifest, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w", dir, err)
	}
	return m, nil
}

// oneFile is the one file of a directory whose name ends so.
func oneFile(dir, suffix string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "portillon_*"+suffix))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%s: %d files portillon_*%s", dir, len(found), suffix)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

func sameFiles(a, b, suffix string) (bool, error) {
	var sums []string
	for _, dir := range []string{a, b} {
		file, err := oneFile(dir, suffix)
		if err != nil {
			return false, err
		}
		sum, err := fileSum(file)
		if err != nil {
			return false, err
		}
		sums = append(sums, sum)
	}
	return sums[0] == sums[1], nil
}

// kernelParts are the sections of a unified kernel image, "name hash", signed or not.
func kernelParts(file string) ([]string, error) {
	f, err := pe.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer func() { _ = f.Close() }() // read only
	var parts []string
	for _, s := range f.Sections {
		h := sha256.New()
		if _, err := io.Copy(h, s.Open()); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, s.Name, err)
		}
		parts = append(parts, fmt.Sprintf("%s %x", s.Name, h.Sum(nil)))
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%s: %w: no kernel", file, ErrIncomplete)
	}
	return parts, nil
}
