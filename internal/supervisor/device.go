package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"portillon/internal/dpop"
)

// ErrSerialGone: the tablet has a key and no record of the configurations it accepted. Both are
// made together, the record first, so somebody took it away: what this tablet may go back to is
// not known.
var ErrSerialGone = errors.New("supervisor: the record of accepted configurations is gone")

// DeviceKey is the tablet's key in a state directory. Where there is none yet it makes one, and
// before it the record of accepted configurations, with serial 0.
//
// Without a TPM this is all that can be had: taking the record away is noticed, and taking the
// key away with it makes a tablet that no service has enrolled. One who may write device/ while
// Portillon does not run can also write another number there. On the image that is nobody: device/
// is the supervisor's alone, and out of its own reach once it is sealed.
func DeviceKey(stateDir string) (*dpop.Key, error) {
	s := &state{dir: stateDir}
	if err := s.newRecord(); err != nil {
		return nil, err
	}
	key, err := dpop.LoadOrCreate(s.key())
	if err != nil {
		return nil, fmt.Errorf("supervisor: device key: %w", err)
	}
	return key, nil
}

// newRecord makes the record of a tablet that has no key yet.
func (s *state) newRecord() error {
	if _, err := os.Lstat(s.key()); !errors.Is(err, fs.ErrNotExist) {
		return nil // not a new tablet, or one whose key cannot be looked at: loading it says why
	}
	if err := os.MkdirAll(s.device(), 0o700); err != nil {
		return fmt.Errorf("supervisor: device directory: %w", err)
	}
	f, err := os.OpenFile(s.serial(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // the key was not made after it, or was taken away
		return nil
	}
	if err != nil {
		return fmt.Errorf("supervisor: record: %w", err)
	}
	_, err = f.WriteString("0\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("supervisor: record: %w", err), os.Remove(s.serial()))
	}
	return nil
}

// recordGone reports ErrSerialGone.
func (s *state) recordGone() error {
	_, key := os.Lstat(s.key())
	if _, err := os.Lstat(s.serial()); key == nil && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrSerialGone, filepath.Base(s.serial()))
	}
	return nil
}
