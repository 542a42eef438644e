package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"portillon/internal/config"
)

// Finding is one thing the supervisor checked.
type Finding struct {
	ID string `json:"id"` // stem of the translation keys check.ID
	OK bool   `json:"ok"`
	// Detail is one line for a technician; never secret.
	Detail string `json:"detail,omitempty"`
}

// errNotSealed: nobody sealed this process.
var errNotSealed = errors.New("nothing seals this process")

// comply checks the configuration's signature, which only this side can; before sealing, since
// the key is nobody's business afterwards. A demonstration is asked nothing.
func (s *supervisor) comply(now time.Time) {
	if s.o.Config.Lockdown != config.LockdownRequired {
		return
	}
	serial, err := s.state.signed(s.o.Config, s.o.ConfigKey, now)
	s.serial = serial
	s.found("signature", err)
}

// seal lets the caller seal this process, and notes whether that holds.
func (s *supervisor) seal() error {
	var err error
	if s.o.SealParent != nil {
		err = s.o.SealParent()
	}
	if err == nil && s.o.SealChildren != nil {
		s.forker.do(func() { err = s.o.SealChildren() })
	}
	if err != nil {
		return fmt.Errorf("supervisor: seal: %w", err)
	}
	if s.o.Config.Lockdown != config.LockdownRequired {
		return nil
	}
	sealed := errNotSealed
	if s.o.Sealed != nil {
		sealed = s.o.Sealed()
	}
	s.found("lockdown", sealed)
	return nil
}

func (s *supervisor) found(id string, err error) {
	f := Finding{ID: id, OK: err == nil}
	if err != nil {
		f.Detail = err.Error()
		s.log.Error("not compliant", "check", id, "err", err)
	}
	s.findings = append(s.findings, f)
}

// signed holds the configuration against its signature, and remembers the serial of one that is
// good: a lower one is refused from then on, whatever it says. The serial is 0 with an error.
func (s *state) signed(c *config.Config, keyFile string, now time.Time) (uint64, error) {
	key, err := config.LoadPublicKey(keyFile)
	if err != nil {
		return 0, fmt.Errorf("the centre's public key: %w", err)
	}
	signature, err := config.LoadSignature(c.Path)
	if err != nil {
		return 0, err
	}
	highest, err := s.highest()
	if err != nil {
		return 0, err
	}
	if err := signature.Verify(c.Raw, key, now, highest); err != nil {
		return 0, fmt.Errorf("%s: %w", c.Path, err)
	}
	if signature.Serial > highest {
		if err := s.remember(signature.Serial); err != nil {
			return 0, err
		}
	}
	return signature.Serial, nil
}

// highest is the highest serial accepted so far, 0 for none. One that cannot be read is
// an error, not a 0: otherwise damaging the file would undo it.
func (s *state) highest() (uint64, error) {
	b, err := os.ReadFile(s.serial())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("supervisor: highest serial: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("supervisor: highest serial: %s is damaged", s.serial())
	}
	return n, nil
}

// remember writes the serial whole or not at all.
func (s *state) remember(serial uint64) error {
	tmp, err := os.CreateTemp(filepath.Dir(s.serial()), ".serial-*")
	if err != nil {
		return fmt.Errorf("supervisor: highest serial: %w", err)
	}
	_, err = fmt.Fprintf(tmp, "%d\n", serial)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), s.serial())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("supervisor: highest serial: %w", err), os.Remove(tmp.Name()))
	}
	return nil
}
