package realidp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// KratosVersion is the version of Ory Kratos that the tests run against.
const KratosVersion = "v1.3.1"

// kratosModule builds Kratos as its own go.mod does, but for the one replacement that
// names a folder of its repository: that one concerns its command line alone.
const kratosModule = `module kratos.invalid/build

go 1.23

require github.com/ory/kratos ` + KratosVersion + `

replace (
	github.com/gobuffalo/pop/v6 => github.com/ory/pop/v6 v6.2.0
	github.com/gorilla/sessions => github.com/ory/sessions v1.2.2-0.20220110165800-b09c17334dc2
	github.com/mattn/go-sqlite3 => github.com/mattn/go-sqlite3 v1.14.22
)
`

// BuildKratos gives the path of a Kratos binary. The first call of a machine builds it with
// the go command and a C compiler, some minutes at the lowest priority, and says so on
// progress; later ones find it in the user's cache directory. Several processes may call it at
// once: one builds.
func BuildKratos(ctx context.Context, progress io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("realidp: %w", err)
	}
	key := sha256.Sum256([]byte(kratosModule + runtime.Version() + runtime.GOARCH))
	dir := filepath.Join(cache, "portillon", "realidp", "kratos-"+KratosVersion+"-"+hex.EncodeToString(key[:6]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("realidp: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", fmt.Errorf("realidp: %w", err)
	}
	defer unlock()
	binary := filepath.Join(dir, "kratos")
	if _, err := os.Stat(binary); !errors.Is(err, fs.ErrNotExist) {
		return binary, err
	}
	if _, err := fmt.Fprintf(progress, "building Ory Kratos %s (once, about three minutes)\n", KratosVersion); err != nil {
		return "", err
	}
	if err := build(ctx, dir, binary); err != nil {
		return "", fmt.Errorf("realidp: build Kratos %s: %w", KratosVersion, err)
	}
	return binary, nil
}

// lock waits for an exclusive lock on a file.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing unlocks
}

func build(ctx context.Context, dir, binary string) error {
	src, err := os.MkdirTemp(dir, "module-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(src) }() // a cache: what is left costs a few bytes
	if err := os.WriteFile(filepath.Join(src, "go.mod"), []byte(kratosModule), 0o600); err != nil {
		return err
	}
	fresh := binary + ".new"
	cmd := exec.CommandContext(ctx, "nice", "-n", "19", "go", "build", "-trimpath", "-tags", "sqlite,json1",
		"-ldflags", "-s -w -X github.com/ory/kratos/driver/config.Version="+KratosVersion,
		"-o", fresh, "github.com/ory/kratos")
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(out, 2000))
	}
	return os.Rename(fresh, binary)
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
