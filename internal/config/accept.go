package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrSerialDamaged: the file that remembers the highest serial holds none. It is no 0:
// otherwise damaging the file would undo it.
var ErrSerialDamaged = errors.New("config: the highest serial accepted so far cannot be read")

// Accept holds a configuration against FILE.sig and the public key in keyFile, and remembers in
// serialFile the serial of one that is good: a lower one is refused from then on, whatever it
// says. Whoever trusts nobody else's memory has a serialFile of its own. It fails as LoadPublicKey,
// LoadSignature and Verify do, with ErrSerialDamaged, or where serialFile cannot be
// written; the Signature is then the zero value.
func (c *Config) Accept(keyFile, serialFile string, now time.Time) (Signature, error) {
	key, err := LoadPublicKey(keyFile)
	if err != nil {
		return Signature{}, fmt.Errorf("the centre's public key: %w", err)
	}
	signature, err := LoadSignature(c.Path)
	if err != nil {
		return Signature{}, err
	}
	highest, err := HighestSerial(serialFile)
	if err != nil {
		return Signature{}, err
	}
	if err := signature.Verify(c.Raw, key, now, highest); err != nil {
		return Signature{}, fmt.Errorf("%s: %w", c.Path, err)
	}
	if signature.Serial > highest {
		if err := rememberSerial(serialFile, signature.Serial); err != nil {
			return Signature{}, err
		}
	}
	return signature, nil
}

// HighestSerial is the highest serial that serialFile remembers, 0 where none was accepted yet. It
// fails with ErrSerialDamaged, and the reason why the file cannot be read.
func HighestSerial(file string) (uint64, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrSerialDamaged, err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is damaged", ErrSerialDamaged, file)
	}
	return n, nil
}

// rememberSerial writes the serial whole or not at all.
func rememberSerial(file string, serial uint64) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".serial-*")
	if err != nil {
		return fmt.Errorf("config: highest serial: %w", err)
	}
	_, err = fmt.Fprintf(tmp, "%d\n", serial)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("config: highest serial: %w", err), os.Remove(tmp.Name()))
	}
	return nil
}
