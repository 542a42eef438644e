package supervisor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sendLimit is how long a packet may wait for the other side to read.
const sendLimit = 2 * time.Second

// packetConn is a SOCK_SEQPACKET socket that carries packets and descriptors. send
// may be called from several goroutines, recv from one.
type packetConn struct{ conn *net.UnixConn }

// newPacketPair makes both ends: ours, and the other process's as a file to inherit.
func newPacketPair() (*packetConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("supervisor: socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "screen process's end")
	ours, err := newPacketConn(os.NewFile(uintptr(fds[0]), "supervisor's end"))
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return ours, theirs, nil
}

// newPacketConn takes f over.
func newPacketConn(f *os.File) (*packetConn, error) {
	c, err := net.FileConn(f)
	err = errors.Join(err, f.Close())
	if err != nil {
		return nil, fmt.Errorf("supervisor: socket: %w", err)
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(ErrNoSupervisor, c.Close())
	}
	return &packetConn{conn}, nil
}

// Close may be called again.
func (p *packetConn) Close() error {
	if err := p.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("supervisor: close: %w", err)
	}
	return nil
}

// send writes one packet; fds, if any, travel with it and stay open here. What it
// copied of body is wiped again.
func (p *packetConn) send(head any, body []byte, fds ...int) error {
	buf := make([]byte, 0, headLenSize+1024+len(body))
	if len(body) > 0 { // the head must not make it grow: that would leave a copy
		buf = make([]byte, 0, headLenSize+maxHead+len(body))
	}
	packet, err := encode(buf, head, body)
	if err != nil {
		return err
	}
	defer clear(packet)
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
		return fmt.Errorf("supervisor: send: %w", err)
	}
	if _, _, err := p.conn.WriteMsgUnix(packet, oob, nil); err != nil {
		return fmt.Errorf("supervisor: send: %w", err)
	}
	return nil
}

// recv reads one packet into buf. With descriptors true it may bring one
// file, which is the caller's; without, a packet that brings any is an error: given no room, the
// kernel closes them and says so. The end of the connection is io.EOF.
func (p *packetConn) recv(buf []byte, descriptors bool) (int, *os.File, error) {
	var room []byte
	if descriptors {
		room = make([]byte, unix.CmsgSpace(4))
	}
	n, oobn, flags, _, err := p.conn.ReadMsgUnix(buf, room)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return 0, nil, io.EOF
		}
		return 0, nil, fmt.Errorf("supervisor: receive: %w", err)
	}
	file, err := received(room[:oobn])
	if err != nil {
		return 0, nil, err
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		if file != nil {
			_ = file.Close() // it is refused with its packet
		}
		return 0, nil, fmt.Errorf("%w: truncated packet", errProtocol)
	}
	return n, file, nil
}

// received is the one file of a control message, or nil.
func received(oob []byte) (*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("%w: control message", errProtocol)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("%w: descriptors", errProtocol)
	}
	return os.NewFile(uintptr(fds[0]), "received socket"), nil
}
