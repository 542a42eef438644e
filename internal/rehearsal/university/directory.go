package university

import (
	"cmp"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// University is one a student may belong to.
type University struct {
	ID      string   // in addresses: lower-case letters, digits, dashes
	Name    string   // as students read it in the list
	Also    string   // other words by which it is looked for; not shown
	Domains []string // of its addresses; sub-domains are its own too
}

// Speaks reports whether an address is in the university's domains.
func (u University) Speaks(address string) bool {
	_, domain, ok := strings.Cut(address, "@")
	return ok && slices.ContainsFunc(u.Domains, func(d string) bool { return within(strings.ToLower(domain), d) })
}

func within(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// Directory is a list of universities by name. It is immutable.
type Directory struct {
	all   []University
	words map[string][]string // ID → the words of its name that tell it from others
}

// ErrDirectory: a list of universities cannot be read; the error names the line.
var ErrDirectory = errors.New("list of universities")

//go:embed universities.csv
var france string

// France is the directory of the French public universities that have students in
// medicine or share a name with one that has.
func France() (*Directory, error) { return Read(strings.NewReader(france)) }

var idShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Read reads a list: CSV with the header id,name,also,domains, where the last holds
// domains apart by spaces. It fails with ErrDirectory.
func Read(r io.Reader, more ...University) (*Directory, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = 4
	if header, err := c.Read(); err != nil || strings.Join(header, ",") != "id,name,also,domains" {
		return nil, fmt.Errorf("%w: line 1: wanted id,name,also,domains", ErrDirectory)
	}
	all := slices.Clone(more)
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return newDirectory(all)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDirectory, err)
		}
		all = append(all, University{ID: rec[0], Name: rec[1], Also: rec[2], Domains: strings.Fields(rec[3])})
	}
}

func newDirectory(all []University) (*Directory, error) {
	d := &Directory{all: all, words: make(map[string][]string, len(all))}
	for _, u := range all {
		switch _, twice := d.words[u.ID]; {
		case !idShape.MatchString(u.ID) || twice:
			return nil, fmt.Errorf("%w: id %q: not lower-case letters, or twice", ErrDirectory, u.ID)
		case u.Name == "" || len(u.Domains) == 0:
			return nil, fmt.Errorf("%w: %s: no name or no domain", ErrDirectory, u.ID)
		}
		d.words[u.ID] = telling(u.Name)
	}
	slices.SortFunc(d.all, func(a, b University) int { return cmp.Compare(sortKey(a.Name), sortKey(b.Name)) })
	return d, nil
}

// sortKey is where a student looks a name up: «Université de Lille» is at L.
func sortKey(name string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(fold(name)), small), " ")
}

// small are the words that stand in names and name nothing.
func small(w string) bool {
	return slices.Contains([]string{"universite", "de", "du", "des", "d", "la", "le", "les", "l", "et", "en"}, w)
}

// With is the directory with more universities.
func (d *Directory) With(more ...University) (*Directory, error) {
	return newDirectory(append(slices.Clone(d.all), more...))
}

// Keep is the directory with only the universities of which keep says so.
func (d *Directory) Keep(keep func(University) bool) *Directory {
	all := slices.DeleteFunc(slices.Clone(d.all), func(u University) bool { return !keep(u) })
	return &Directory{all: all, words: d.words}
}

// All lists the universities in the order of their names, «Université de» apart.
func (d *Directory) All() []University { return slices.Clone(d.all) }

// Get finds a university.
func (d *Directory) Get(id string) (University, bool) {
	i := slices.IndexFunc(d.all, func(u University) bool { return u.ID == id })
	if i < 0 {
		return University{}, false
	}
	return d.all[i], true
}

// ByAddress finds the university to whose domains an address belongs, the longest
// domain first.
func (d *Directory) ByAddress(address string) (best University, found bool) {
	_, domain, ok := strings.Cut(strings.ToLower(strings.TrimSpace(address)), "@")
	longest := 0
	for _, u := range d.all {
		for _, own := range u.Domains {
			if ok && within(domain, own) && len(own) > longest {
				best, found, longest = u, true, len(own)
			}
		}
	}
	return best, found
}

// Search lists the universities in whose names each word of the query begins a word,
// ignoring case, accents and punctuation; all for an empty query.
func (d *Directory) Search(query string) []University {
	wanted := strings.Fields(fold(query))
	return slices.DeleteFunc(d.All(), func(u University) bool {
		have := strings.Fields(u.SearchText())
		return slices.ContainsFunc(wanted, func(w string) bool {
			return !slices.ContainsFunc(have, func(h string) bool { return strings.HasPrefix(h, w) })
		})
	})
}

// SearchText is what a university is found by, words in lower case without accents.
func (u University) SearchText() string {
	return fold(u.Name + " " + u.Also + " " + strings.Join(u.Domains, " "))
}

// most is how many names easily confused are shown: more would not be read.
const most = 4

// Near lists the universities whose names are easily confused with one's, the likest
// first: those that share a word that tells universities apart («Sorbonne»), by the
// share of words they have in common.
func (d *Directory) Near(u University) []University {
	type near struct {
		u            University
		share, alike float64 // of the shorter name's words, and of both names' together
	}
	var found []near
	own := d.words[u.ID]
	for _, other := range d.all {
		if other.ID == u.ID {
			continue
		}
		theirs := d.words[other.ID]
		common := 0
		for _, w := range theirs {
			if slices.Contains(own, w) {
				common++
			}
		}
		n := near{other, part(common, min(len(own), len(theirs))), part(common, len(own)+len(theirs)-common)}
		if n.share >= 1./3 {
			found = append(found, n)
		}
	}
	slices.SortStableFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(b.alike, a.alike))
	})
	var out []University
	for _, n := range found[:min(most, len(found))] {
		out = append(out, n.u)
	}
	return out
}

func part(n, of int) float64 { return float64(n) / float64(max(1, of)) }

// fold makes words of a name: lower case, no accents, no punctuation.
func fold(s string) string {
	plain, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), s)
	if err != nil {
		plain = s // found by what was typed exactly
	}
	return strings.Join(strings.FieldsFunc(strings.ToLower(plain), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}

// telling are the words of a name that tell it from others: not «Université de», no
// given names, no town in brackets.
func telling(name string) []string {
	name, _, _ = strings.Cut(name, "(")
	return slices.DeleteFunc(strings.Fields(fold(name)), func(w string) bool {
		return small(w) || slices.Contains([]string{"saint", "jean", "paul", "louis", "marie", "jules", "claude", "normandie"}, w)
	})
}
