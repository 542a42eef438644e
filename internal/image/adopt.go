package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"portillon/internal/config"
)

// AdoptOptions is where a booting tablet has everything. All are required.
type AdoptOptions struct {
	Partition string // the configuration partition's device
	Key       string // ConfigKeyPath
	Run       string // what is verified goes here: /run/portillon
	Serial    string // file that remembers the highest serial accepted
	WiFi      string // iwd's directory of networks
	Hardware  string // file with the tablet's serial number, /sys/class/dmi/id/product_serial
	Now       func() time.Time
	Wait      time.Duration // for the partition to appear
}

// Refusal is why a tablet has no configuration; the screen «Tablette non configurée» reads it
// from refused.json.
type Refusal struct {
	// Reason is one of the Reason constants, the end of a translation key.
	Reason string `json:"reason"`
	// Detail is one line for a technician.
	Detail string `json:"detail,omitempty"`
}

// The reasons.
const (
	ReasonAbsent     = "absent"
	ReasonDamaged    = "damaged"
	ReasonUnsigned   = "unsigned"
	ReasonSignature  = "signature"
	ReasonAltered    = "altered"
	ReasonExpired    = "expired"
	ReasonRolledBack = "rolledback"
	ReasonFleet      = "fleet"
	ReasonInvalid    = "invalid"
)

// RefusedName is the file in AdoptOptions.Run that says why not.
const RefusedName = "refused.json"

// Label is what a fleet file, or the partition, calls this tablet; label.json, where the signed
// configuration leaves it open.
type Label struct {
	Room   string `json:"room,omitempty"`
	Tablet string `json:"tablet"`
}

// Adopt verifies what the configuration partition holds and puts it into o.Run, or says
// there why not: then the Refusal is not nil, and nothing else of the partition is in o.Run. An error
// means that it could not even say so.
func Adopt(o AdoptOptions) (*Refusal, error) {
	for _, name := range []string{ConfigName, ConfigName + config.SignatureSuffix, CAName, config.LabelFile, RefusedName} {
		if err := os.Remove(filepath.Join(o.Run, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	why := adopt(o)
	if why == nil {
		return nil, nil
	}
	r := &Refusal{Reason: reasonOf(why), Detail: why.Error()}
	b, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(filepath.Join(o.Run, RefusedName), b, 0o644) //nolint:gosec // the screen, another user, reads it
	}
	return r, err
}

func reasonOf(err error) string {
	for _, r := range []struct {
		err    error
		reason string
	}{{ErrAbsent, ReasonAbsent}, {ErrDamaged, ReasonDamaged}, {config.ErrUnsigned, ReasonUnsigned}, {config.ErrBadSignature, ReasonSignature},
		{config.ErrAltered, ReasonAltered}, {config.ErrExpired, ReasonExpired}, {config.ErrRolledBack, ReasonRolledBack}, {config.ErrSerialDamaged, ReasonDamaged}, {ErrFleet, ReasonFleet}} {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return ReasonInvalid
}

// adopt takes the bundle, or where that is no good the copy behind it: an update that a power cut
// ended leaves one of the two whole. What is said is what is wrong with the first.
func adopt(o AdoptOptions) error {
	f, err := o.open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	defer func() { _ = f.Close() }() // read only
	var first error
	for _, half := range halves(f) {
		b, err := ReadBundle(half)
		if err == nil {
			err = o.take(b)
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// take verifies a bundle and installs it.
func (o AdoptOptions) take(b Bundle) error {
	key, err := config.LoadPublicKey(o.Key)
	if err != nil {
		return err
	}
	verify := func(name string) error {
		data, ok := b[name]
		if !ok {
			return fmt.Errorf("%w: no %s", ErrAbsent, name)
		}
		sig, ok := b[name+config.SignatureSuffix]
		if !ok {
			return fmt.Errorf("%s: %w", name, config.ErrUnsigned)
		}
		s, err := config.ParseSignature(sig)
		if err == nil {
			err = s.Verify(data, key, o.Now(), 0)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	// Nothing is parsed before its signature holds. The serial is looked at, and remembered, once the
	// configuration is known to be one.
	if err := verify(ConfigName); err != nil {
		return err
	}
	if _, ok := b[FleetName]; ok {
		if err := verify(FleetName); err != nil {
			return err
		}
	}
	return o.install(b)
}

// install puts a verified bundle where the programs look, the configuration last: the kiosk starts
// when it is there.
func (o AdoptOptions) install(b Bundle) error {
	scratch, err := os.MkdirTemp(o.Run, ".adopt-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // of a file system that ends with the boot
	trial := filepath.Join(scratch, ConfigName)
	c, err := o.accept(b, trial)
	if err != nil {
		return err
	}
	label, err := o.label(c, b)
	if err != nil {
		return err
	}
	public := map[string][]byte{ConfigName + config.SignatureSuffix: b[ConfigName+config.SignatureSuffix], config.LabelFile: nil, CAName: b[CAName]}
	if label.Tablet != "" {
		if public[config.LabelFile], err = json.Marshal(label); err != nil {
			return err
		}
	}
	if err := replaceAll(scratch, o.Run, public, 0o644); err != nil { // the kiosk, another user, reads them
		return err
	}
	networks := map[string][]byte{}
	for name, data := range b {
		if network, ok := strings.CutPrefix(name, wifiDir); ok {
			networks[network] = data
		}
	}
	if err := writeAll(o.WiFi, networks, 0o600); err != nil {
		return err
	}
	return os.Rename(trial, filepath.Join(o.Run, ConfigName))
}

// accept reads the configuration as the programs will, and remembers its serial.
func (o AdoptOptions) accept(b Bundle, trial string) (*config.Config, error) {
	files := map[string][]byte{ConfigName: b[ConfigName], ConfigName + config.SignatureSuffix: b[ConfigName+config.SignatureSuffix]}
	if err := writeAll(filepath.Dir(trial), files, 0o644); err != nil {
		return nil, err
	}
	c, err := config.Load(trial)
	if err == nil {
		_, err = c.Accept(o.Key, o.Serial, o.Now())
	}
	return c, err
}

// writeAll writes what is not there already: who watches a directory is not woken for nothing.
func writeAll(dir string, files map[string][]byte, mode fs.FileMode) error {
	for name, data := range files {
		file := filepath.Join(dir, name)
		if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) {
			continue
		}
		if err := os.WriteFile(file, data, mode); err != nil {
			return err
		}
	}
	return nil
}

// replaceAll puts files into a directory, each whole or not at all, by way of a scratch directory on the same
// file system; nil: there is to be none.
func replaceAll(scratch, dir string, files map[string][]byte, mode fs.FileMode) error {
	for name, data := range files {
		file, fresh := filepath.Join(dir, name), filepath.Join(scratch, "new")
		if data == nil {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			continue
		}
		err := os.WriteFile(fresh, data, mode)
		if err == nil {
			err = os.Rename(fresh, file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// label is the tablet's, where the signed configuration leaves it open: from the signed fleet file by
// serial number, else what stands on the partition.
func (o AdoptOptions) label(c *config.Config, b Bundle) (Label, error) {
	if c.Centre.Tablet != "" {
		return Label{}, nil
	}
	raw, ok := b[FleetName]
	if !ok {
		return Label{Tablet: printable(string(b[LabelName]))}, nil
	}
	fleet, err := ParseFleet(raw)
	if err != nil {
		return Label{}, err
	}
	serial, err := os.ReadFile(o.Hardware)
	if err != nil {
		return Label{}, fmt.Errorf("%w: this tablet's serial number: %w", ErrFleet, err)
	}
	t, ok := fleet.Find(strings.TrimSpace(string(serial)))
	if !ok {
		return Label{}, fmt.Errorf("%w: no tablet of serial number %q", ErrFleet, strings.TrimSpace(string(serial)))
	}
	return Label{Room: t.Room, Tablet: t.Label}, nil
}

// printable keeps what is written on a sticker.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > 32 {
		s = string(r[:32])
	}
	return strings.TrimSpace(s)
}

// open waits for the partition, which a disk may be slow to show.
func (o AdoptOptions) open() (f *os.File, err error) {
	for end := time.Now().Add(o.Wait); ; {
		if f, err = os.Open(o.Partition); !errors.Is(err, fs.ErrNotExist) || time.Now().After(end) {
			return f, err
		}
		<-time.After(100 * time.Millisecond)
	}
}
