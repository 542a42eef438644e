package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Names in a bundle. A configuration and its signature must be there; the rest may.
const (
	ConfigName = "portillon.toml"
	FleetName  = "fleet.csv"
	CAName     = "ca.pem"     // a private CA: identity.ca_file is then /run/portillon/ca.pem
	LabelName  = "tablet"     // this tablet's label, where nothing signed names it
	KeyName    = "device.pem" // a device key made by the centre, for the first boot
	wifiDir    = "wifi/"      // iwd's network files
)

// MaxBundle bounds a bundle, in bytes; maxMember one file of it.
const (
	MaxBundle = 4 << 20
	maxMember = 1 << 20
)

// Why a partition gives no bundle.
var (
	ErrAbsent  = errors.New("the configuration partition is empty")
	ErrDamaged = errors.New("the configuration partition is damaged")
)

// Bundle is what a centre writes on the configuration partition, by name. On the
// partition it is a tar archive from its first byte on: no file system, so that the
// kernel interprets nothing that was not verified.
type Bundle map[string][]byte

// names that a bundle may hold.
func allowed(name string) bool {
	known := []string{ConfigName, ConfigName + ".sig", FleetName, FleetName + ".sig", CAName, LabelName, KeyName}
	return slices.Contains(known, name) || regexp.MustCompile(`^wifi/[A-Za-z0-9_=][A-Za-z0-9 _=-]{0,63}\.(psk|8021x|open)$`).MatchString(name)
}

// Encode is the bundle as it is written; the same files give the same bytes. It fails for a
// name that does not belong, and beyond MaxBundle.
func (b Bundle) Encode() ([]byte, error) {
	names := make([]string, 0, len(b))
	for name := range b {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		if !allowed(name) || len(b[name]) > maxMember {
			return nil, fmt.Errorf("image: bundle: %q does not belong in one", name)
		}
		h := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(b[name])), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("image: bundle: %w", err)
		}
		if _, err := w.Write(b[name]); err != nil {
			return nil, fmt.Errorf("image: bundle: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("image: bundle: %w", err)
	}
	if out.Len() > MaxBundle {
		return nil, fmt.Errorf("image: bundle: %d bytes; at most %d", out.Len(), MaxBundle)
	}
	return out.Bytes(), nil
}

// ReadBundle reads a partition, at most MaxBundle bytes of it. It fails with
// ErrAbsent where it begins with zeros, and with ErrDamaged for anything that Encode would
// not have written: a name twice or unknown, a link, an end that is missing.
func ReadBundle(r io.Reader) (Bundle, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxBundle))
	if err != nil {
		return nil, fmt.Errorf("image: configuration partition: %w", err)
	}
	if len(bytes.Trim(raw[:min(len(raw), 512)], "\x00")) == 0 {
		return nil, ErrAbsent
	}
	b := Bundle{}
	for t := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if _, twice := b[h.Name]; twice || h.Typeflag != tar.TypeReg || !allowed(h.Name) || h.Size > maxMember {
			return nil, fmt.Errorf("%w: %q does not belong there", ErrDamaged, strings.ToValidUTF8(h.Name, "?"))
		}
		if b[h.Name], err = io.ReadAll(t); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
}
