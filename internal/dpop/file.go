package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Why LoadOrCreate refuses a key file; wrapped in an *fs.PathError that names it.
var (
	// ErrTooOpen: someone beside the owner may read or write the file or its directory.
	ErrTooOpen = errors.New("accessible to others; wanted 0600 in a directory of 0700")
	// ErrBroken: the file is not one PKCS#8 PEM block with a P-256 key.
	ErrBroken = errors.New("not a P-256 private key in PKCS#8 PEM")
)

const (
	pemType      = "PRIVATE KEY"
	maxKeyFile   = 4096
	othersAccess = 0o077
)

// LoadOrCreate reads the key at path, or makes one there when there is none: PKCS#8
// PEM, mode 0600, complete or absent even after a power cut. A missing
// directory is made with mode 0700. A file or directory open to others gives
// ErrTooOpen, a file that is no key ErrBroken; neither is repaired or replaced,
// because a new key is a tablet that no service has enrolled.
func LoadOrCreate(path string) (*Key, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("dpop: key directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("dpop: key directory: %w", err)
	}
	if info.Mode().Perm()&othersAccess != 0 {
		return nil, fmt.Errorf("dpop: %w", &fs.PathError{Op: "use key directory", Path: dir, Err: ErrTooOpen})
	}
	key, err := load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	return load(path)
}

func load(path string) (*Key, error) {
	// A link could point to where others may write.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("dpop: key: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	bad := func(why error) (*Key, error) {
		return nil, fmt.Errorf("dpop: %w", &fs.PathError{Op: "read key", Path: path, Err: why})
	}
	info, err := f.Stat()
	if err != nil {
		return bad(err)
	}
	if !info.Mode().IsRegular() {
		return bad(ErrBroken)
	}
	if info.Mode().Perm()&othersAccess != 0 {
		return bad(ErrTooOpen)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	defer clear(text)
	if err != nil {
		return bad(err)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType || len(rest) != 0 || len(text) > maxKeyFile {
		return bad(ErrBroken)
	}
	defer clear(block.Bytes)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return bad(ErrBroken) // the cause says no more to a technician
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return bad(ErrBroken)
	}
	return wrap(private)
}

// create writes a new key under another name and links it into place, so that of
// two processes starting at once both end with the same key.
func create(path string) (err error) {
	key, err := NewKey()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.private)
	if err != nil {
		return fmt.Errorf("dpop: encode key: %w", err)
	}
	defer clear(der)
	text := pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})
	defer clear(text)

	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("dpop: new key: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, werr := f.Write(text)
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("dpop: write key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("dpop: place key: %w", err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("dpop: key directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("dpop: key directory: %w", err)
	}
	return nil
}
