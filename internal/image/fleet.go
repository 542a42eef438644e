package image

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrFleet: a fleet file that cannot be used, or does not know a tablet.
var ErrFleet = errors.New("fleet file")

// Tablet is a line of a fleet file.
type Tablet struct {
	Serial     string // of the hardware, as the firmware gives it
	Room       string
	Label      string // on the sticker; required
	Thumbprint string // of its device key (RFC 7638), once there is one
}

// Fleet is the tablets of a centre.
type Fleet []Tablet

// fleetHeader are the columns; the last may be absent.
func fleetHeader() []string { return []string{"serial", "room", "tablet", "thumbprint"} }

// maxFleet bounds a fleet file's lines.
const maxFleet = 20000

// ParseFleet reads CSV with a header line, its columns in any order and separated by commas or
// semicolons (as French spreadsheets write). It fails with ErrFleet, naming the line.
func ParseFleet(b []byte) (Fleet, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(b))
	if first, _, _ := bytes.Cut(b, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		r.Comma = ';'
	}
	r.TrimLeadingSpace = true
	lines, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFleet, err)
	}
	if len(lines) == 0 || len(lines) > maxFleet {
		return nil, fmt.Errorf("%w: %d lines", ErrFleet, len(lines))
	}
	column := map[string]int{}
	for i, name := range lines[0] {
		column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	for _, must := range fleetHeader()[:3] {
		if _, ok := column[must]; !ok {
			return nil, fmt.Errorf("%w: line 1: no column %q", ErrFleet, must)
		}
	}
	var f Fleet
	seen := map[string]int{}
	for i, line := range lines[1:] {
		get := func(name string) string {
			if c, ok := column[name]; ok {
				return printable(line[c])
			}
			return ""
		}
		t := Tablet{Serial: get("serial"), Room: get("room"), Label: get("tablet")}
		if c, ok := column["thumbprint"]; ok {
			t.Thumbprint = strings.TrimSpace(line[c])
		}
		n := i + 2
		if t.Serial == "" || t.Label == "" {
			return nil, fmt.Errorf("%w: line %d: a serial number and a tablet's label are needed", ErrFleet, n)
		}
		if before, twice := seen[t.Serial]; twice {
			return nil, fmt.Errorf("%w: line %d: serial number %s stands on line %d too", ErrFleet, n, t.Serial, before)
		}
		seen[t.Serial] = n
		f = append(f, t)
	}
	return f, nil
}

// Find is the tablet of a serial number.
func (f Fleet) Find(serial string) (Tablet, bool) {
	if i := slices.IndexFunc(f, func(t Tablet) bool { return t.Serial == serial }); i >= 0 && serial != "" {
		return f[i], true
	}
	return Tablet{}, false
}

// CSV writes the fleet, separated by commas, with all columns.
func (f Fleet) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	lines := [][]string{fleetHeader()}
	for _, t := range f {
		lines = append(lines, []string{t.Serial, t.Room, t.Label, t.Thumbprint})
	}
	if err := w.WriteAll(lines); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFleet, err)
	}
	return b.Bytes(), nil
}
