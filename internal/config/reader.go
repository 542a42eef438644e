package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/antzucaro/matchr"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// need is what a key must have.
type need int

const (
	filled   need = iota // present and not empty
	present              // present, may be empty
	optional             // may be absent, which is the same as empty
)

// check says what is wrong with a value, or nothing.
type check func(string) string

// reader takes values out of a document by their keys and notes what is wrong. A
// value that is wrong reads as the zero value.
type reader struct {
	*document
	keys []string // asked for, for suggestions
}

// get finds an entry of one kind. It is nil, and the reason noted, for any other
// kind and for a key that is needed but not there.
func (r *reader) get(key string, n need, kind unstable.Kind, kindName string) *entry {
	r.keys = append(r.keys, key)
	e := r.byPath[key]
	if e == nil {
		// After a syntax error nobody knows what would have come; below a
		// value that should be a table, that is the error.
		if n != optional && !r.broken && !r.underScalar(key) {
			r.fail(r.lineAbove(key), key, "missing")
		}
		return nil
	}
	e.known = true
	if e.kind != kind {
		r.fail(e.line, key, "must be %s", kindName)
		return nil
	}
	return e
}

// underScalar reports whether some table around key was written as something else.
func (r *reader) underScalar(key string) bool {
	for i, c := range key {
		if c == '.' {
			if e := r.byPath[key[:i]]; e != nil && e.kind != unstable.Table {
				return true
			}
		}
	}
	return false
}

// table asks for a table and reports whether it is written, in whatever way.
func (r *reader) table(key string) bool {
	r.keys = append(r.keys, key)
	if e := r.byPath[key]; e != nil {
		e.known = true
		if e.kind != unstable.Table {
			r.fail(e.line, key, "must be one table, written [%s]", key)
		}
		return true
	}
	for _, e := range r.entries {
		if strings.HasPrefix(e.path, key+".") {
			return true
		}
	}
	return false
}

func (r *reader) str(key string, n need, checks ...check) string {
	e := r.get(key, n, unstable.String, "a string in quotes")
	if e == nil {
		return ""
	}
	if e.text == "" {
		if n == filled {
			r.fail(e.line, key, "must not be empty")
		}
		return ""
	}
	return r.checked(e.line, key, e.text, checks)
}

func (r *reader) checked(line int, key, v string, checks []check) string {
	for _, wrong := range checks {
		if msg := wrong(v); msg != "" {
			r.fail(line, key, "%s", msg)
			return ""
		}
	}
	return v
}

// window is never where nothing is written.
func (r *reader) window(key string) Window {
	w, _ := parseWindow(r.str(key, optional, window)) // what is wrong is noted
	return w
}

func (r *reader) list(key string, n need, checks ...check) []string {
	e := r.get(key, n, unstable.Array, "a list of strings in brackets")
	if e == nil {
		return nil
	}
	if len(e.elems) == 0 && n == filled {
		r.fail(e.line, key, "must not be empty")
	}
	out := make([]string, 0, len(e.elems))
	for i, el := range e.elems {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case el.kind != unstable.String:
			r.fail(el.line, at, "must be a string in quotes")
		case el.text == "":
			r.fail(el.line, at, "must not be empty")
		default:
			out = append(out, r.checked(el.line, at, el.text, checks))
		}
	}
	return out
}

func (r *reader) integer(key string, low, high int) int {
	e := r.get(key, filled, unstable.Integer, "a whole number without quotes")
	if e == nil {
		return 0
	}
	var v struct{ N int64 }
	if err := toml.Unmarshal([]byte("N = "+e.text), &v); err != nil || v.N < int64(low) || v.N > int64(high) {
		r.fail(e.line, key, "must be between %d and %d", low, high)
		return 0
	}
	return int(v.N)
}

func (r *reader) duration(key string, low, high time.Duration) time.Duration {
	s := r.str(key, filled)
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		r.fail(r.byPath[key].line, key, `must be a duration such as "90s", "2m" or "6h"`)
	case d < low || d > high:
		r.fail(r.byPath[key].line, key, "must be between %s and %s", short(low), short(high))
	case d%time.Second != 0:
		r.fail(r.byPath[key].line, key, "must be whole seconds")
	default:
		return d
	}
	return 0
}

// durationOr is duration for a key that may be absent.
func (r *reader) durationOr(key string, low, high, absent time.Duration) time.Duration {
	if r.byPath[key] == nil {
		r.str(key, optional)
		return absent
	}
	return r.duration(key, low, high)
}

// short prints 2m0s as 2m and 24h0m0s as 24h.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (r *reader) location(key string) *time.Location {
	s := r.str(key, filled)
	if s == "" {
		return nil
	}
	loc, err := time.LoadLocation(s)
	if err != nil || s == "Local" {
		r.fail(r.byPath[key].line, key, `must be a time zone such as "Europe/Paris"`)
		return nil
	}
	return loc
}

// unknown reports every key that nobody asked for, once for a whole table.
func (r *reader) unknown() {
	for _, e := range r.entries {
		if e.known || r.inUnknownTable(e.path) {
			continue
		}
		what := "unknown key"
		if e.kind == unstable.Table || e.kind == unstable.ArrayTable {
			what = "unknown table"
		}
		if near := r.nearest(e.path); near != "" {
			what += fmt.Sprintf(" (did you mean %s?)", near)
		}
		r.fail(e.line, e.path, "%s", what)
	}
}

func (r *reader) inUnknownTable(path string) bool {
	for i, c := range path {
		if c == '.' {
			if e := r.byPath[path[:i]]; e != nil && !e.known {
				return true
			}
		}
	}
	return false
}

func (r *reader) nearest(path string) string {
	for _, k := range r.keys {
		if r.byPath[k] == nil && len(path) < 64 && matchr.DamerauLevenshtein(path, k) <= 2 {
			return k
		}
	}
	return ""
}
