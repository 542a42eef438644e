package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is one key of the file as it stands there: the library's decoder keeps
// neither lines nor what comes after its first error, its parser does.
type entry struct {
	path  string // dotted
	line  int
	kind  unstable.Kind // of the value; Table for a header or an inline table
	text  string        // of a String; as written for numbers
	elems []entry       // of an Array
	known bool          // some reader asked for it
}

// document is a file as a list of entries.
type document struct {
	file    string
	entries []*entry // in the order of the file
	byPath  map[string]*entry
	errs    Errors // syntax, keys written twice
	broken  bool   // a syntax error ended the reading: what follows is unseen
}

// readDocument never fails: what it cannot read is in errs.
func readDocument(file string, data []byte) *document {
	d := &document{file: file, byPath: map[string]*entry{}}
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind == unstable.KeyValue {
			d.keyValue(&p, e, table, 0)
			continue
		}
		table = keyOf(e.Key(), "") // [table] or [[table]]
		d.add(&entry{path: table, line: lineOf(&p, e.Child(), 0), kind: e.Kind})
	}
	if p.Error() != nil {
		d.verdict(data)
	}
	return d
}

// keyOf joins the parts of a dotted key. A part with a dot of its own is quoted,
// so that two different keys never look the same.
func keyOf(parts unstable.Iterator, table string) string {
	var all []string
	if table != "" {
		all = append(all, table)
	}
	for parts.Next() {
		part := string(parts.Node().Data)
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !bareKey(r) }) {
			part = fmt.Sprintf("%q", part)
		}
		all = append(all, part)
	}
	return strings.Join(all, ".")
}

func bareKey(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// lineOf is the line of a node, or fallback where the parser kept no position.
func lineOf(p *unstable.Parser, n *unstable.Node, fallback int) int {
	if n == nil || n.Raw.Length == 0 {
		return fallback
	}
	return p.Shape(n.Raw).Start.Line
}

func (d *document) keyValue(p *unstable.Parser, n *unstable.Node, table string, line int) {
	keys := n.Key()
	path := keyOf(keys, table)
	if keys = n.Key(); keys.Next() {
		line = lineOf(p, keys.Node(), line)
	}
	v := valueOf(p, n.Value(), line)
	v.path, v.line = path, line
	d.add(&v)
	if v.kind == unstable.Table {
		for inner := n.Value().Children(); inner.Next(); {
			d.keyValue(p, inner.Node(), path, line)
		}
	}
}

func valueOf(p *unstable.Parser, n *unstable.Node, line int) entry {
	e := entry{line: lineOf(p, n, line), kind: n.Kind, text: string(n.Data)}
	if n.Kind == unstable.InlineTable {
		e.kind = unstable.Table
	}
	if n.Kind == unstable.Array {
		for it := n.Children(); it.Next(); {
			e.elems = append(e.elems, valueOf(p, it.Node(), e.line))
		}
	}
	return e
}

func (d *document) add(e *entry) {
	if first, twice := d.byPath[e.path]; twice {
		d.fail(e.line, e.path, "written twice, first on line %d", first.line)
		return
	}
	d.byPath[e.path] = e
	d.entries = append(d.entries, e)
}

// verdict is the decoder's own word, with a position the parser's error lacks. It
// knows rules about tables, and of numbers, that the parser does not.
func (d *document) verdict(data []byte) {
	var all map[string]any
	err := toml.Unmarshal(data, &all)
	if err == nil {
		return
	}
	d.broken = true
	line := 0
	if de, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ = de.Position()
	}
	d.fail(line, "", "not TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
}

func (d *document) fail(line int, key, format string, args ...any) {
	d.errs = append(d.errs, Error{File: d.file, Line: line, Key: key, Msg: fmt.Sprintf(format, args...)})
}

// lineAbove is the line of the nearest table written around key, 0 for none.
func (d *document) lineAbove(key string) int {
	for {
		cut := strings.LastIndexByte(key, '.')
		if cut < 0 {
			return 0
		}
		key = key[:cut]
		if e := d.byPath[key]; e != nil {
			return e.line
		}
	}
}
