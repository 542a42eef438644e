package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Sources checks the module's files, given as path below its root to content, and
// returns a line for each breach: clocks where there are none, long files,
// packages without a word about themselves, tests that sleep or skip, work put off.
func Sources(files map[string][]byte) []string {
	var out []string
	docs := map[string]string{} // directory → package doc; present with "" while none was found
	names := map[string]string{}
	for name, content := range files {
		out = append(out, unfinishedIn(name, content)...)
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		if strings.HasSuffix(name, "_test.go") {
			out = append(out, waitsAndSkips(name, content)...)
			continue
		}
		if n := bytes.Count(content, []byte("\n")); n >= MaxLines {
			out = append(out, fmt.Sprintf("%s: %d lines; split it by what it is about (under %d)", name, n, MaxLines))
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, content, parser.ParseComments)
		if err != nil {
			out = append(out, err.Error())
			continue
		}
		dir := path.Dir(name)
		names[dir] = file.Name.Name
		docs[dir] += file.Doc.Text()
		if matchesAny(dir, clockless()) {
			out = append(out, clocksIn(name, file)...)
		}
	}
	for dir, doc := range docs {
		out = append(out, undocumented(dir, names[dir], doc)...)
	}
	slices.Sort(out)
	return out
}

func undocumented(dir, name, doc string) []string {
	switch {
	case len(doc) < 60:
		return []string{fmt.Sprintf("%s: say in a package comment what it is and who may call it", dir)}
	case name != "main" && !strings.HasPrefix(doc, "Package "+name+" "):
		return []string{fmt.Sprintf("%s: the package comment begins with «Package %s»", dir, name)}
	}
	return nil
}

// waitsAndSkips finds what makes a test slow, flaky or silent. Inside a synctest
// bubble a sleep takes no time.
func waitsAndSkips(name string, content []byte) []string {
	if path.Dir(name) == "internal/arch" { // it names them
		return nil
	}
	var out []string
	if bytes.Contains(content, []byte("time.Sleep(")) && !bytes.Contains(content, []byte(`"testing/synctest"`)) {
		out = append(out, fmt.Sprintf("%s: sleeps; wait for the condition, or use testing/synctest", name))
	}
	if regexp.MustCompile(`\b[tbf]\.Skip(f|Now)?\(`).Match(content) {
		out = append(out, fmt.Sprintf("%s: skips; a skipped test reads as a passed one", name))
	}
	return out
}

func clocksIn(name string, file *ast.File) []string {
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks(), sel.Sel.Name) {
			out = append(out, fmt.Sprintf("time comes in as an event: %s must not call time.%s", name, sel.Sel.Name))
		}
		return true
	})
	return out
}

func unfinishedIn(name string, content []byte) []string {
	if path.Dir(name) == "internal/arch" { // it names them
		return nil
	}
	marks := regexp.MustCompile(`\b(?:` + strings.Join(unfinished(), "|") + `)\b`)
	var out []string
	for i, line := range bytes.Split(content, []byte("\n")) {
		if m := marks.Find(line); m != nil {
			out = append(out, fmt.Sprintf("%s:%d: %s: do it, or say in docs/ what is missing", name, i+1, m))
		}
	}
	return out
}
