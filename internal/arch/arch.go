// Package arch holds the house's rules about who may import whom, as data
// (table.go), and the checks that keep them. Only its own test runs them; a
// breach fails with the reason for the rule, not with its number.
//
//	go list ─→ []Package ─Imports(rows, bans)─→ breaches
//	files   ─→ syntax trees ─Sources──────────→ breaches
package arch

import (
	"fmt"
	"slices"
	"strings"
)

// Package is one package of the module: its path below the module's and what its
// files that are not tests import.
type Package struct {
	Path    string
	Imports []string
}

// Row says what of the project a package may import. Patterns are those of the go
// command: "internal/ui/..." is internal/ui and all below it. The row with the
// longest matching pattern counts. Main packages and tests' own packages may import
// anything ("...").
type Row struct {
	Package string
	May     []string
	Why     string // why not more
}

// Ban says what some packages must not import, from anywhere.
type Ban struct {
	Packages []string // to whom it applies
	Except   []string // but not to these
	Imports  []string
	Why      string
}

// Imports checks packages of module against rows and bans and returns a line for each
// breach.
func Imports(module string, pkgs []Package, rows []Row, bans []Ban) []string {
	var out []string
	for _, p := range pkgs {
		row, ok := rowOf(p.Path, rows)
		if !ok {
			out = append(out, fmt.Sprintf("%s: not in the table; add a row with a reason (internal/arch/table.go)", p.Path))
		}
		for _, imp := range p.Imports {
			own, isOwn := strings.CutPrefix(imp, module+"/")
			if ok && isOwn && !matchesAny(own, row.May) {
				out = append(out, fmt.Sprintf("%s: %s must not import %s", row.Why, p.Path, own))
			}
			for _, b := range bans {
				if matchesAny(p.Path, b.Packages) && !matchesAny(p.Path, b.Except) && matchesAny(imp, b.Imports) {
					out = append(out, fmt.Sprintf("%s: %s must not import %s", b.Why, p.Path, imp))
				}
			}
		}
	}
	return out
}

func rowOf(path string, rows []Row) (Row, bool) {
	var best Row
	for _, r := range rows {
		if matches(path, r.Package) && len(r.Package) > len(best.Package) {
			best = r
		}
	}
	return best, best.Package != ""
}

func matchesAny(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(path, p) })
}

func matches(path, pattern string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return path == pattern
}
