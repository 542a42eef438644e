package image

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

// ErrNoMirror: the machine's apt is configured for no Debian.
var ErrNoMirror = errors.New("no mirror of Debian among this machine's apt sources")

// Mirror is where Debian is fetched from: what the build machine itself uses.
type Mirror struct {
	Debian, Security string // base URLs
}

// ReadMirror reads apt's sources (sources.list, sources.list.d/*.list and *.sources)
// from etc, which is /etc/apt. The first archive whose path ends in "debian" is taken,
// and the first that ends in "debian-security"; without that one, security updates come
// from the same host. It fails with ErrNoMirror.
func ReadMirror(etc fs.FS) (Mirror, error) {
	var m Mirror
	names, err := fs.Glob(etc, "sources.list.d/*")
	if err != nil {
		return m, err
	}
	for _, name := range append([]string{"sources.list"}, names...) {
		b, err := fs.ReadFile(etc, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return m, fmt.Errorf("apt sources: %w", err)
		}
		switch path.Ext(name) {
		case ".sources":
			m.take(deb822(string(b)))
		case ".list":
			m.take(oneLine(string(b)))
		}
	}
	if m.Debian == "" {
		return m, ErrNoMirror
	}
	if m.Security == "" {
		m.Security = m.Debian + "-security"
	}
	return m, nil
}

func (m *Mirror) take(uris []string) {
	for _, u := range uris {
		u = strings.TrimRight(u, "/")
		parsed, err := url.Parse(u)
		if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") {
			continue // another kind of source: a disc, a mirror list
		}
		switch path.Base(parsed.Path) {
		case "debian":
			if m.Debian == "" {
				m.Debian = u
			}
		case "debian-security":
			if m.Security == "" {
				m.Security = u
			}
		}
	}
}

// oneLine reads "deb [options] URI suite components" lines.
func oneLine(text string) []string {
	var out []string
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		rest, ok := strings.CutPrefix(line, "deb ")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			_, rest, _ = strings.Cut(rest, "]")
		}
		if f := strings.Fields(rest); len(f) > 0 {
			out = append(out, f[0])
		}
	}
	return out
}

// deb822 reads the URIs of stanzas that are for binary packages and not disabled.
func deb822(text string) []string {
	var out []string
	for stanza := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\n\n") {
		var uris []string
		binary, enabled := false, true
		field := ""
		for line := range strings.SplitSeq(stanza, "\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			value := line
			if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
				field, value, _ = strings.Cut(line, ":")
				field = strings.ToLower(strings.TrimSpace(field))
			}
			for _, word := range strings.Fields(value) {
				switch {
				case field == "uris":
					uris = append(uris, word)
				case field == "types" && word == "deb":
					binary = true
				case field == "enabled" && strings.EqualFold(word, "no"):
					enabled = false
				}
			}
		}
		if binary && enabled {
			out = append(out, uris...)
		}
	}
	return out
}
