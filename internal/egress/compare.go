package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// ErrDiffers: the ruleset in force is another than it should be.
var ErrDiffers = errors.New("the ruleset in force differs from the configuration's")

// ErrNone: there is none.
var ErrNone = errors.New("no ruleset is in force")

// Compare holds the table in force against a script, as nft itself reads it in a network
// namespace that lasts as long as that. Open addresses, counts and handles are no difference. It
// needs root and fails with ErrNone, ErrDiffers, ErrRights or ErrNft.
func (n Nft) Compare(ctx context.Context, script, table string) error {
	want, err := n.scratch(ctx, script, table)
	if err != nil {
		return err
	}
	have, err := n.List(ctx, table)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNone, err)
	}
	a, err := essence(want)
	if err != nil {
		return err
	}
	b, err := essence(have)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return ErrDiffers
	}
	return nil
}

// scratch loads a script in a network namespace of its own and lists the table. A thread that
// has left its namespace is no use to anybody else: it ends with its goroutine.
func (n Nft) scratch(ctx context.Context, script, table string) ([]byte, error) {
	type listing struct {
		out []byte
		err error
	}
	done := make(chan listing, 1)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if errors.Is(err, unix.EPERM) {
			err = ErrRights
		}
		if err == nil {
			err = n.Load(ctx, script)
		}
		if err != nil {
			done <- listing{nil, err}
			return
		}
		out, err := n.List(ctx, table)
		done <- listing{out, err}
	}()
	l := <-done
	return l.out, l.err
}

// essence is nft's JSON without what changes while a ruleset works.
func essence(listing []byte) ([]byte, error) {
	var doc struct {
		Nftables []map[string]map[string]any `json:"nftables"`
	}
	if err := json.Unmarshal(listing, &doc); err != nil {
		return nil, fmt.Errorf("%w: its JSON: %w", ErrNft, err)
	}
	var out []map[string]map[string]any
	for _, object := range doc.Nftables {
		if object["metainfo"] != nil {
			continue
		}
		for kind, members := range object {
			delete(members, "handle")
			switch kind {
			case "counter":
				delete(members, "packets")
				delete(members, "bytes")
			case "set":
				delete(members, "elem")
			}
		}
		out = append(out, object)
	}
	return json.Marshal(out) // keys in order
}
