package image

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
	"strings"
	"syscall"
	"time"
)

// Why a build cannot begin.
var (
	ErrNotRoot = errors.New("this needs root: package managers and mounts are at work")
	ErrSpace   = errors.New("not enough space")
	ErrTool    = errors.New("a tool is missing")
)

// Tree is a Debian of its own in a directory of the cache, in which tools run: made once for
// each list of packages.
type Tree struct {
	Name     string // what for, the beginning of the directory's name
	Packages []string
}

// dir is where the tree is in a cache. A list that changed is another tree.
func (t Tree) dir(cache string) string {
	sum := sha256.Sum256([]byte(Release + "\n" + strings.Join(sorted(t.Packages), "\n")))
	return filepath.Join(cache, t.Name+"-"+hex.EncodeToString(sum[:6]))
}

// Ensure makes the tree where there is none, and returns its directory. An interrupted one
// leaves nothing that would be taken for whole. Packages are verified by Debian's
// signatures.
func (t Tree) Ensure(ctx context.Context, cache string, m Mirror, log io.Writer) (string, error) {
	dir := t.dir(cache)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := canBuild("mmdebstrap", "unshare"); err != nil {
		return "", err
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--mode=root", "--variant=apt", "--components=main",
		"--include="+strings.Join(sorted(t.Packages), ","), Release, partial, m.Debian)
	cmd.Stdout, cmd.Stderr = log, log
	if err := runGroup(cmd); err != nil {
		return "", errors.Join(fmt.Errorf("a tree of Debian %s: %w (is %s reached? its log says more)", Release, err, m.Debian), os.RemoveAll(partial))
	}
	return dir, os.Rename(partial, dir)
}

// canBuild looks for what a build needs of the machine.
func canBuild(tools ...string) error {
	if os.Getuid() != 0 {
		return ErrNotRoot
	}
	for _, t := range tools {
		if _, err := exec.LookPath(t); err != nil {
			return fmt.Errorf("%w: %s (on Debian: apt install %s)", ErrTool, t, debianPackage(t))
		}
	}
	return nil
}

func debianPackage(tool string) string {
	if tool == "unshare" {
		return "util-linux"
	}
	return tool
}

// needSpace fails with ErrSpace where a directory's file system has less than want bytes free.
func needSpace(dir string, want uint64) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < want {
		return fmt.Errorf("%w: %s has %d MiB free, %d are needed", ErrSpace, dir, free>>20, want>>20)
	}
	return nil
}

// Mount is a directory of the machine as a tree's programs see it.
type Mount struct{ From, To string }

// enterText runs "$@" with a tree as its root, in a mount namespace of its own: a plain chroot
// will not do, mkosi wants / to be a mount point. The mounts end with the process.
const enterText = `tree=$1; shift
mount --rbind "$tree" "$tree"
while [ "$1" != -- ]; do
	mkdir -p "$tree$2"; mount --bind "$1" "$tree$2"; shift 2
done
shift
mount --rbind /dev "$tree/dev"; mount -t proc proc "$tree/proc"; mount --rbind /sys "$tree/sys"
mount -t tmpfs tmpfs "$tree/run"; mount -t tmpfs tmpfs "$tree/tmp"
if [ -e /etc/resolv.conf ]; then touch "$tree/etc/resolv.conf"; mount --bind "$(readlink -f /etc/resolv.conf)" "$tree/etc/resolv.conf"; fi
cd "$tree"; mkdir -p mnt; pivot_root . mnt; umount -l /mnt
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
`

// Command is a command in a tree that Ensure returned, its working directory the first
// mount. It and all its children end when ctx does.
func Command(ctx context.Context, tree string, mounts []Mount, argv ...string) *exec.Cmd {
	args := []string{"--mount", "--propagation", "private", "sh", "-euc", enterText + "\n", "enter", tree}
	for _, m := range mounts {
		args = append(args, m.From, m.To)
	}
	args = append(args, "--")
	if len(mounts) > 0 {
		args = append(args, "sh", "-c", `cd "$0" && exec "$@"`, mounts[0].To)
	}
	cmd := exec.CommandContext(ctx, "unshare", append(args, argv...)...)
	group(cmd)
	return cmd
}

// group makes cancelling cmd end its children too.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.WaitDelay = 10 * time.Second
}

func runGroup(cmd *exec.Cmd) error {
	group(cmd)
	return cmd.Run()
}

// lockCache keeps two builds from one cache.
func lockCache(cache string) (unlock func() error, err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // Debian's own packages
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another build is under way: %w", cache, err), f.Close())
	}
	return f.Close, nil
}

// copyFile copies a regular file; holes stay holes where cp knows how.
func copyFile(from, to string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
