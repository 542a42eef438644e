package image

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// On a tablet two processes share an update: one speaks with the network and may change nothing, the other
// writes the disk and has no network. Between them is a connection:
//
//	Send:    length, image.json, length, image.json.sig
//	Receive: "go", or "no" and why
//	Send:    the files' bytes, one after the other, as long as image.json says
//	Receive: "done", or "no" and why
//
// Lengths are two bytes, the high one first; words end with a line.

// ErrDeclined: the side that writes does not, or could not; wrapped with its words.
var ErrDeclined = errors.New("declined")

// The receiving side's words.
const (
	wordGo   = "go"
	wordDone = "done"
	wordNo   = "no "
)

// Send offers an image over a connection and sends its files, which open gives by name. It fails with
// ErrDeclined, or as open and the connection do.
func (o Offer) Send(conn io.ReadWriter, offer, sig []byte, open func(file string) (io.ReadCloser, error)) error {
	var begin []byte
	for _, b := range [][]byte{offer, sig} {
		if len(b) > MaxOffer {
			return fmt.Errorf("%w: longer than %d bytes", ErrOffer, MaxOffer)
		}
		begin = binary.BigEndian.AppendUint16(begin, uint16(len(b)))
		begin = append(begin, b...)
	}
	if _, err := conn.Write(begin); err != nil {
		return err
	}
	answers := bufio.NewReader(conn)
	if err := hear(answers, wordGo); err != nil {
		return err
	}
	for _, p := range o.named() {
		r, err := open(p.File)
		if err != nil {
			return err
		}
		_, err = io.CopyN(conn, r, p.Bytes)
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("%s: %w", p.File, err)
		}
	}
	return hear(answers, wordDone)
}

// hear reads one word of the receiving side's.
func hear(r *bufio.Reader, want string) error {
	line, err := r.ReadString('\n')
	line = strings.TrimSuffix(line, "\n")
	why, no := strings.CutPrefix(line, wordNo)
	switch {
	case no:
		return fmt.Errorf("%w: %s", ErrDeclined, why)
	case err != nil:
		return fmt.Errorf("%w: it ended: %w", ErrDeclined, err)
	case line != want:
		return fmt.Errorf("%w: it said %q", ErrDeclined, line)
	}
	return nil
}

// Receiver is the side that writes. All are required.
type Receiver struct {
	Key     ed25519.PublicKey // the centre's
	Now     func() time.Time
	Disk    Disk
	Kernels Kernels
	Running string // the root hash of the system that runs
	Say     func(done float64)
}

// Receive verifies what is offered over a connection, and installs it. It fails as VerifyOffer, Prepare and
// Run do, and says so to the other side.
func (r Receiver) Receive(ctx context.Context, conn io.ReadWriter) (o Offer, err error) {
	defer func() {
		word := wordDone
		if err != nil {
			word = wordNo + strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		if _, unheard := io.WriteString(conn, word+"\n"); unheard != nil && err == nil {
			err = unheard
		}
	}()
	var begin [2][]byte
	for n := range begin {
		if begin[n], err = frame(conn); err != nil {
			return Offer{}, err
		}
	}
	if o, err = VerifyOffer(begin[0], begin[1], r.Key, r.Now()); err != nil {
		return Offer{}, err
	}
	i, err := o.Prepare(ctx, r.Disk, r.Kernels, r.Running)
	if err != nil {
		return o, err
	}
	if _, err := io.WriteString(conn, wordGo+"\n"); err != nil {
		return o, err
	}
	return o, i.Run(ctx, func(string) (io.Reader, error) { return conn, nil }, r.Say)
}

func frame(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, fmt.Errorf("what is offered: %w", err)
	}
	n := binary.BigEndian.Uint16(length[:])
	if n > MaxOffer {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrOffer, MaxOffer)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("what is offered: %w", err)
	}
	return b, nil
}
