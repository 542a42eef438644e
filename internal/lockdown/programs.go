package lockdown

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxInterpreters is how long a chain of interpreters may be; the kernel's own limit is 5.
const maxInterpreters = 5

var errInterpreters = errors.New("too many interpreters")

// programs are the files the kernel executes to start path: itself, what its #! line
// names, and the dynamic loader of each.
func programs(path string) ([]string, error) { return programsWithin(path, maxInterpreters) }

func programsWithin(path string, depth int) ([]string, error) {
	if depth == 0 {
		return nil, fmt.Errorf("lockdown: to execute %s: %w", path, errInterpreters)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("lockdown: to execute: %w", err)
	}
	next, err := interpreters(real)
	if err != nil {
		return nil, fmt.Errorf("lockdown: to execute %s: %w", path, err)
	}
	chain := []string{real}
	for _, n := range next {
		more, err := programsWithin(n, depth-1)
		if err != nil {
			return nil, err
		}
		chain = append(chain, more...)
	}
	return chain, nil
}

// interpreters are what starts the file: the program after #! (and, behind env, the one
// it looks up), or an ELF file's loader. None: a static program.
func interpreters(file string) (out []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	line, err := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n') // BINPRM_BUF_SIZE
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if script, ok := strings.CutPrefix(line, "#!"); ok {
		return scriptInterpreters(strings.Fields(script))
	}
	return loader(f)
}

func scriptInterpreters(words []string) ([]string, error) {
	if len(words) == 0 {
		return nil, errors.New("#! names nothing")
	}
	if filepath.Base(words[0]) != "env" {
		return words[:1], nil
	}
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "-") || strings.Contains(w, "=") {
			continue
		}
		for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/bin"} { // the player's PATH
			if p := filepath.Join(dir, w); isFile(p) {
				return []string{words[0], p}, nil
			}
		}
		return nil, fmt.Errorf("#! %s: %w", w, os.ErrNotExist)
	}
	return words[:1], nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// loader is PT_INTERP.
func loader(r io.ReaderAt) ([]string, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil {
			return nil, err
		}
		return []string{strings.TrimRight(string(b), "\x00")}, nil
	}
	return nil, nil
}
