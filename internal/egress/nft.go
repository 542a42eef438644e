package egress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Why the firewall could not be asked.
var (
	// ErrNoNft: nft(8) is not installed.
	ErrNoNft = errors.New("nft is not there (Debian: apt install nftables)")
	// ErrRights: neither root nor CAP_NET_ADMIN.
	ErrRights = errors.New("the firewall is root's to change: run as root, or with CAP_NET_ADMIN")
	// ErrNft: nft said no.
	ErrNft = errors.New("nft refused")
)

// Nft is the program nft(8).
type Nft struct{ path string }

// FindNft looks where Debian has it, whatever PATH says. It fails with ErrNoNft.
func FindNft() (Nft, error) {
	for _, path := range []string{"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"} {
		if unix.Access(path, unix.X_OK) == nil {
			return Nft{path}, nil
		}
	}
	return Nft{}, ErrNoNft
}

// MayAdminister reports whether this process may change the firewall of its network namespace;
// ErrRights where not.
func MayAdminister() error {
	var data [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("egress: capabilities: %w", err)
	}
	if data[0].Effective&(1<<unix.CAP_NET_ADMIN) == 0 {
		return ErrRights
	}
	return nil
}

// Load runs a script, whole or not at all. It fails with ErrNft and what nft said.
func (n Nft) Load(ctx context.Context, script string) error {
	_, err := n.run(ctx, script, "-f", "-")
	return err
}

// Check has nft read a script without loading it. Users must exist here. It fails as Load.
func (n Nft) Check(ctx context.Context, script string) error {
	_, err := n.run(ctx, script, "-c", "-f", "-")
	return err
}

// List is a table in force, as nft's JSON; users stay numbers.
func (n Nft) List(ctx context.Context, table string) ([]byte, error) {
	return n.run(ctx, "", "-j", "-n", "list", "table", "inet", table)
}

func (n Nft) run(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, n.path, args...) //nolint:gosec // one of FindNft's three paths, and flags of this file
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Dir = "/"
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	switch err := cmd.Run(); {
	case errors.Is(err, os.ErrNotExist):
		return nil, ErrNoNft
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrNft, ctx.Err())
	case err != nil:
		// Its words quote our own script, which holds no secret.
		return nil, fmt.Errorf("%w: %s (%w)", ErrNft, strings.TrimSpace(errs.String()), err)
	}
	return out.Bytes(), nil
}
