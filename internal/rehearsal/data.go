package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"portillon/internal/rehearsal/ca"
	"portillon/internal/rehearsal/keys"
	"portillon/internal/rehearsal/people"
	"portillon/internal/rehearsal/store"
)

// openData opens the database and sees that its accounts are of the kind that is served.
func (s *Server) openData(ctx context.Context, o Options) (err error) {
	where := "data directory " + o.Data
	if o.Database == "" {
		s.DB, err = store.Open(ctx, o.Data)
	} else if s.DB, err = store.Connect(ctx, o.Database); err == nil {
		where = s.DB.String()
	}
	if err != nil {
		return err
	}
	if o.Demo {
		err = people.SeedDemo(ctx, s.DB, o.Now())
	} else {
		err = people.CheckReal(ctx, s.DB)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

// secrets reads the keys and the CA, or makes them, one process at a time; and sees that
// all processes of a database have the same ones.
func (s *Server) secrets(ctx context.Context, o Options, host string) (ring *keys.Ring, authority *ca.Authority, err error) {
	making, err := lockFile(ctx, filepath.Join(o.Data, "making"))
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, making.Close()) }()
	if ring, err = keys.Load(filepath.Join(o.Data, "keys")); err != nil {
		return nil, nil, err
	}
	if authority, err = ca.Open(filepath.Join(o.Data, "ca"), o.Now, host); err != nil || !s.DB.Shared() {
		return ring, authority, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		for name, mine := range map[string]string{"keys": ring.ID(), "ca": authority.Pin()} {
			theirs, err := tx.Meta(name)
			if err == nil && theirs == "" {
				err = tx.SetMeta(name, mine)
			} else if err == nil && theirs != mine {
				err = fmt.Errorf("data directory %s: %w", o.Data, ErrOtherKeys)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return ring, authority, err
}

// lockData makes the data directory, closes it to others and takes it for this process, or
// for all processes that keep their database elsewhere.
func lockData(dir string, shared bool) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	return lock(filepath.Join(dir, "lock"), how)
}

func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrDataInUse
		}
		return nil, errors.Join(fmt.Errorf("%s: %w", filepath.Dir(path), err), f.Close())
	}
	return f, nil
}

// lockFile takes a file for this process as soon as others let go of it.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		f, err := lock(path, unix.LOCK_EX)
		if !errors.Is(err, ErrDataInUse) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}
