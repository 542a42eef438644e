package image

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ErrLock: a lock file that is none, or packages that are not the locked ones.
var ErrLock = errors.New("image: lock")

// LockName is the file beside an image that says which packages it was made of, to the bit. A build that is
// given it makes the next image of the very same ones, or fails.
const LockName = "packages.lock"

// Locked is one package of a lock.
type Locked struct {
	Package
	SHA256 string // of its .deb, in hex
}

// Lock is the packages of an image, in the order of their names.
type Lock []Locked

// maxLock bounds a lock's lines; Debian has five times as many packages.
const maxLock = 10000

// ParseLock reads lines of "name version architecture sha256", which Bytes writes; empty ones and those that begin
// with "#" say nothing. It fails with ErrLock, naming the line.
func ParseLock(b []byte) (Lock, error) {
	patterns := []*regexp.Regexp{
		regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`), regexp.MustCompile(`^[0-9][A-Za-z0-9.+~:-]*$`),
		regexp.MustCompile(`^[a-z0-9]+$`), regexp.MustCompile(`^[0-9a-f]{64}$`),
	}
	var l Lock
	seen := map[string]bool{}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		ok := len(words) == len(patterns) && len(l) < maxLock
		for i := 0; ok && i < len(words); i++ {
			ok = patterns[i].MatchString(words[i])
		}
		if !ok || seen[words[0]] {
			return nil, fmt.Errorf("%w: line %d: wanted a package once, its version, architecture and SHA-256", ErrLock, n)
		}
		seen[words[0]] = true
		l = append(l, Locked{Package{words[0], words[1], words[2]}, words[3]})
	}
	if len(l) == 0 {
		return nil, fmt.Errorf("%w: it names no package", ErrLock)
	}
	slices.SortFunc(l, func(a, b Locked) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}

// Bytes is the lock as ParseLock reads it.
func (l Lock) Bytes() []byte {
	var b bytes.Buffer
	for _, p := range l {
		fmt.Fprintf(&b, "%s %s %s %s\n", p.Name, p.Version, p.Architecture, p.SHA256)
	}
	return b.Bytes()
}

// preferences are apt's (apt_preferences(5)): these versions, older than what is offered or not.
func (l Lock) preferences() string {
	var b strings.Builder
	for _, p := range l {
		fmt.Fprintf(&b, "Package: %s\nPin: version %s\nPin-Priority: 1001\n\n", p.Name, p.Version)
	}
	return b.String()
}

// lockOf is the lock of packages whose .deb files are in a directory, as apt keeps them.
func lockOf(packages []Package, archives string) (Lock, error) {
	var l Lock
	for _, p := range packages {
		name := fmt.Sprintf("%s_%s_%s.deb", p.Name, strings.ReplaceAll(p.Version, ":", "%3a"), p.Architecture)
		sum, err := fileSum(filepath.Join(archives, name))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
		}
		l = append(l, Locked{p, sum})
	}
	slices.SortFunc(l, func(a, b Locked) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}

// hold fails with ErrLock where what was built is not what is locked, and names all that differs.
func (l Lock) hold(built Lock) error {
	var wrong []string
	have := map[string]Locked{}
	for _, p := range built {
		have[p.Name] = p
	}
	for _, want := range l {
		switch got, ok := have[want.Name]; {
		case !ok:
			wrong = append(wrong, want.Name+" is missing")
		case got.Package != want.Package:
			wrong = append(wrong, fmt.Sprintf("%s is %s (%s) and not %s (%s)", want.Name, got.Version, got.Architecture, want.Version, want.Architecture))
		case got.SHA256 != want.SHA256:
			wrong = append(wrong, want.Name+" has the locked version and other bytes")
		}
		delete(have, want.Name)
	}
	for name := range have {
		wrong = append(wrong, name+" is new")
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("%w: %s; where the mirror no longer has a version, one of snapshot.debian.org has", ErrLock, strings.Join(wrong, ", "))
}

// LoadLock is ParseLock for a file.
func LoadLock(file string) (Lock, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	l, err := ParseLock(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return l, nil
}
