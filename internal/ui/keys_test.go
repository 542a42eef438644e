package ui_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"portillon/internal/words"
)

// sayers are the functions whose string literals are keys.
var sayers = map[string]bool{"T": true, "Say": true, "t": true, "say": true, "body": true, "small": true,
	"title": true, "label": true, "advice": true, "button": true, "action": true, "cardMore": true, "fail": true, "counted": true}

var keyShape = regexp.MustCompile(`^[a-z]+(\.[a-z]+)+$`)

// keysInCode is every literal that could be a key, and those that a sayer got.
type keysInCode struct{ all, said map[string]bool }

func readCode(t *testing.T) keysInCode {
	t.Helper()
	keys := keysInCode{all: map[string]bool{}, said: map[string]bool{}}
	for _, pattern := range []string{"*.go", "screen/*.go", "demoexam/*.go", "unconfigured/*.go", "../login/*.go", "../procedure/*.go", "../../cmd/portillon/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, keys.visit)
		}
	}
	return keys
}

func (k keysInCode) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BasicLit:
		if s, ok := literal(n); ok {
			k.all[s] = true
		}
	case *ast.CallExpr:
		if !sayers[called(n)] {
			return true
		}
		for _, arg := range n.Args {
			if s, ok := literal(arg); ok && keyShape.MatchString(s) {
				k.said[s] = true
			}
		}
	}
	return true
}

func called(n *ast.CallExpr) string {
	switch f := n.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(n ast.Expr) (string, bool) {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// used reports whether key is a literal of the code, or one made of a stem that
// ends in a dot ("check." + id), or a literal with a known ending.
func (k keysInCode) used(key string) bool {
	if k.all[key] {
		return true
	}
	for _, ending := range []string{".remedy", ".who", ".remaining", ".wait"} {
		if stem, ok := strings.CutSuffix(key, ending); ok && k.all[ending] && k.used(stem) {
			return true
		}
	}
	stem := key[:strings.LastIndex(key, ".")+1]
	return k.all[stem]
}

// TestKeysAndCodeAgree: what the code says exists, and what exists is said.
func TestKeysAndCodeAgree(t *testing.T) {
	w, err := words.New("fr")
	if err != nil {
		t.Fatal(err)
	}
	code := readCode(t)
	if len(code.said) < 50 {
		t.Fatalf("only %d keys found in the code: the test has gone blind", len(code.said))
	}
	for key := range code.said {
		if !w.Has(key) {
			t.Errorf("the code says %q, which no translation has", key)
		}
	}
	for _, key := range w.Keys() {
		if !code.used(key) {
			t.Errorf("nothing in the code says %q", key)
		}
	}
}
