package arch

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const (
	module = "portillon"
	root   = "../.."
)

// load lists the module's packages as the tablet is built.
func load(t *testing.T) []Package {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedImports, Dir: root,
		Env: append(os.Environ(), "GOOS=linux"),
	}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	var out []Package
	for _, p := range loaded {
		rel := strings.TrimPrefix(p.PkgPath, module+"/")
		out = append(out, Package{Path: rel, Imports: slices.Sorted(maps.Keys(p.Imports))})
	}
	if len(out) < 10 {
		t.Fatalf("only %d packages seen", len(out))
	}
	return out
}

func TestImports(t *testing.T) {
	for _, breach := range Imports(module, load(t), Table(), Bans()) {
		t.Error(breach)
	}
}

func TestSources(t *testing.T) {
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "out", "testdata"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".md", ".yml", ".toml", ".service", ".nft"}, filepath.Ext(name)) && d.Name() != "Makefile" {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)], err = os.ReadFile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 30 {
		t.Fatalf("only %d files seen", len(files))
	}
	for _, breach := range Sources(files) {
		t.Error(breach)
	}
}

// TestDependenciesHaveReasons: every direct dependency has its line in
// docs/dependencies.md.
func TestDependenciesHaveReasons(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	reasons, err := os.ReadFile(filepath.Join(root, "docs/dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect && !strings.Contains(string(reasons), "`"+r.Path+"`") {
			t.Errorf("%s: no reason in docs/dependencies.md", r.Path)
		}
	}
}

// TestBreachesAreReported breaks each kind of rule once.
func TestBreachesAreReported(t *testing.T) {
	for _, c := range []struct {
		pkg, imports, want string
	}{
		{"internal/login", "net", "login stays pure: internal/login must not import net"},
		{"internal/login", "net/http", "login stays pure: internal/login must not import net/http"},
		{"internal/login", "os", "login stays pure: internal/login must not import os"},
		{"internal/login", "log/slog", "login stays pure: internal/login must not import log/slog"},
		{"internal/login", "fyne.io/fyne/v2", "only internal/ui and cmd/portillon see Fyne: internal/login must not import fyne.io/fyne/v2"},
		{"internal/login", module + "/internal/vault", "login stays pure: internal/login must not import internal/vault"},
		{"internal/identity", module + "/internal/wire", "the port knows neither its adapters nor its callers: internal/identity must not import internal/wire"},
		{"internal/identity/cas", module + "/internal/wire", "an adapter knows the port and its own protocol: internal/identity/cas must not import internal/wire"},
		{"internal/ui/screen", module + "/internal/vault", "screens draw a View and report events; they reach nothing: internal/ui/screen must not import internal/vault"},
		{"internal/ui/screen", "fyne.io/fyne/v2/app", "screens are tested without cgo and without a display: internal/ui/screen must not import fyne.io/fyne/v2/app"},
		{"internal/kiosk", "os/exec", "the screen process executes nothing: internal/kiosk must not import os/exec"},
		{"internal/supervisor", "net/http", "the unsealed side parses nothing that a server or a student wrote: internal/supervisor must not import net/http"},
		{"internal/rehearsal/oauth", module + "/internal/identity", "the service is the other side: it shares words with the tablet, not code: internal/rehearsal/oauth must not import internal/identity"},
		{"internal/newcomer", "fmt", "internal/newcomer: not in the table; add a row with a reason (internal/arch/table.go)"},
	} {
		got := Imports(module, []Package{{c.pkg, []string{c.imports}}}, Table(), Bans())
		if !slices.Contains(got, c.want) {
			t.Errorf("%s importing %s: got %q, want %q", c.pkg, c.imports, got, c.want)
		}
	}
	for _, fine := range []Package{
		{"internal/login", []string{"time", "strings", module + "/internal/identity"}},
		{"internal/ui/screen", []string{"fyne.io/fyne/v2/widget", module + "/internal/ui/look"}},
		{"cmd/portillon", []string{"fyne.io/fyne/v2/app", module + "/internal/kiosk"}},
	} {
		if got := Imports(module, []Package{fine}, Table(), Bans()); len(got) > 0 {
			t.Errorf("%s: %q", fine.Path, got)
		}
	}
}

func TestBreachesInSourcesAreReported(t *testing.T) {
	const doc = "// Package x is what it is, and whoever wants to may call it, from anywhere at all.\npackage x\n"
	for _, c := range []struct{ name, content, want string }{
		{"internal/login/x.go", doc + "import \"time\"\nvar t = time.Now()\n",
			"time comes in as an event: internal/login/x.go must not call time.Now"},
		{"x/x.go", "package x\n", "x: say in a package comment what it is and who may call it"},
		{"x/x.go", strings.Replace(doc, "Package x", "Package y", 1), "x: the package comment begins with «Package x»"},
		{"x/x.go", doc + strings.Repeat("\n", 400), "x/x.go: 402 lines; split it by what it is about (under 400)"},
		{"x/x_test.go", "time.Sleep(1)", "x/x_test.go: sleeps; wait for the condition, or use testing/synctest"},
		{"x/x_test.go", "t.Skip(1)", "x/x_test.go: skips; a skipped test reads as a passed one"},
		{"docs/x.md", "one\nFIXME two\n", "docs/x.md:2: FIXME: do it, or say in docs/ what is missing"},
	} {
		if got := Sources(map[string][]byte{c.name: []byte(c.content)}); !slices.Contains(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := Sources(map[string][]byte{"x/x.go": []byte(doc)}); len(got) > 0 {
		t.Errorf("a good file: %q", got)
	}
}

// TestPatterns: a pattern ends at a slash.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		path, pattern string
		want          bool
	}{
		{"net", "net/...", true}, {"net/http", "net/...", true}, {"network", "net/...", false},
		{"internal/ui", "internal/ui/...", true}, {"internal/uix", "internal/ui/...", false}, {"a", "...", true},
	} {
		if got := matches(c.path, c.pattern); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.path, c.pattern, got)
		}
	}
}
