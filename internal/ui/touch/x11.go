package touch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// ErrUnsupported: there is no local X server to ask, or it has no multi-touch.
var ErrUnsupported = errors.New("no multi-touch")

// ServerError is an error the X server answered with.
type ServerError struct {
	Code   byte // X11 protocol, appendix B; 3 is Window
	Opcode byte // of the request
	Minor  uint16
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("X error %d for request %d.%d", e.Code, e.Opcode, e.Minor)
}

// The requests and messages used; X11 protocol, appendix B, and XI2proto.h.
const (
	opCreateWindow    = 1
	opMapWindow       = 8
	opUnmapWindow     = 10
	opConfigureWindow = 12
	opGetInputFocus   = 43
	opQueryExtension  = 98
	xiSelectEvents    = 46
	xiQueryVersion    = 47

	msgError   = 0
	msgReply   = 1
	msgGeneric = 35

	sentEvent = 0x80 // bit of an event's type that another client sent

	messageSize = 32
	maxMessage  = 1 << 20 // no answer to the above comes near
)

var le = binary.LittleEndian

// conn is a connection to an X server: requests out, messages in. It is used by one
// goroutine at a time for each direction.
type conn struct {
	net.Conn
	in     *bufio.Reader
	nextID uint32
	roots  []uint32
}

// dial connects to a local display (":0", ":0.0", "unix:0") and introduces itself.
func dial(display string, deadline time.Time) (*conn, error) {
	host, number, ok := strings.Cut(display, ":")
	number, _, _ = strings.Cut(number, ".")
	if _, err := strconv.ParseUint(number, 10, 16); !ok || err != nil || host != "" && host != "unix" {
		return nil, fmt.Errorf("%w: %q is no local X display", ErrUnsupported, display)
	}
	path := "/tmp/.X11-unix/X" + number
	nc, err := net.Dial("unix", path)
	if err != nil {
		var abstract error
		if nc, abstract = net.Dial("unix", "@"+path); abstract != nil {
			return nil, fmt.Errorf("X display %s: %w", number, err)
		}
	}
	c := &conn{Conn: nc, in: bufio.NewReader(nc)}
	if err = c.SetDeadline(deadline); err == nil {
		err = c.introduce(number)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("X display %s: %w", number, err), nc.Close())
	}
	return c, nil
}

// introduce is the connection setup (X11 protocol, section 8).
func (c *conn) introduce(number string) error {
	name, cookie, err := authority(number)
	if err != nil {
		return err
	}
	req := []byte{'l', 0, 11, 0, 0, 0}
	req = le.AppendUint16(req, uint16(len(name)))
	req = le.AppendUint16(req, uint16(len(cookie)))
	req = append(req, 0, 0)
	req = pad(append(req, name...))
	req = pad(append(req, cookie...))
	if _, err := c.Write(req); err != nil {
		return err
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(c.in, head); err != nil {
		return err
	}
	body := make([]byte, 4*int(le.Uint16(head[6:])))
	if _, err := io.ReadFull(c.in, body); err != nil {
		return err
	}
	if head[0] != 1 || len(body) < 12 {
		return fmt.Errorf("%w: the server refuses the connection", ErrUnsupported)
	}
	c.nextID = le.Uint32(body[4:]) // the mask is ones below the base: counting is enough for us
	c.roots, err = rootsOf(body)
	return err
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// authority is this display's entry in the X authority file; empty where there is
// no file or no entry, as with a server that asks for none.
func authority(number string) (name string, cookie []byte, err error) {
	path := os.Getenv("XAUTHORITY")
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", nil, nil //nolint:nilerr // no home, no file
		}
		path = home + "/.Xauthority"
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil, nil
	} else if err != nil {
		return "", nil, err
	}
	const wild, local = 0xffff, 0x100
	for len(b) >= 2 {
		family := binary.BigEndian.Uint16(b)
		b = b[2:]
		var part [4][]byte // address, number, name, data
		for i := range part {
			if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
				return "", nil, nil // cut short: what is missing is not for us
			}
			n := 2 + int(binary.BigEndian.Uint16(b))
			part[i], b = b[2:n], b[n:]
		}
		forUs := len(part[1]) == 0 || string(part[1]) == number
		if (family == wild || family == local) && forUs && string(part[2]) == "MIT-MAGIC-COOKIE-1" {
			return string(part[2]), part[3], nil
		}
	}
	return "", nil, nil
}

// id is a new resource id.
func (c *conn) id() uint32 {
	c.nextID++
	return c.nextID
}

// send writes one request: its code, the byte beside it and its words.
func (c *conn) send(opcode, detail byte, words ...uint32) error {
	b := []byte{opcode, detail}
	b = le.AppendUint16(b, uint16(1+len(words)))
	for _, w := range words {
		b = le.AppendUint32(b, w)
	}
	_, err := c.Write(b)
	return err
}

// read is the next message, whole. An error message is a *ServerError.
func (c *conn) read() ([]byte, error) {
	b := make([]byte, messageSize)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, err
	}
	switch b[0] &^ sentEvent {
	case msgError:
		return nil, &ServerError{Code: b[1], Opcode: b[10], Minor: le.Uint16(b[8:])}
	case msgReply, msgGeneric:
		more := int64(le.Uint32(b[4:])) * 4
		if more > maxMessage {
			return nil, fmt.Errorf("X message of %d bytes", more)
		}
		b = append(b, make([]byte, more)...)
		if _, err := io.ReadFull(c.in, b[messageSize:]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// reply is the next reply; events before it are dropped, as none is selected yet.
func (c *conn) reply() ([]byte, error) {
	for {
		b, err := c.read()
		if err != nil || b[0] == msgReply {
			return b, err
		}
	}
}

// extension is the major opcode of an extension; ErrUnsupported where the server has none such.
func (c *conn) extension(name string) (byte, error) {
	req := []byte{opQueryExtension, 0, byte(2 + (len(name)+3)/4), 0, byte(len(name)), 0, 0, 0}
	if _, err := c.Write(pad(append(req, name...))); err != nil {
		return 0, err
	}
	b, err := c.reply()
	if err != nil {
		return 0, err
	}
	if b[8] == 0 {
		return 0, fmt.Errorf("%w: the server has no %s", ErrUnsupported, name)
	}
	return b[9], nil
}

// xinput is the major opcode of XInput, at version 2.2 at least.
func (c *conn) xinput() (byte, error) {
	xi, err := c.extension("XInputExtension")
	if err != nil {
		return 0, err
	}
	var b []byte
	if err := c.send(xi, xiQueryVersion, 2|2<<16); err != nil {
		return 0, err
	}
	if b, err = c.reply(); err != nil {
		return 0, err
	}
	if major, minor := le.Uint16(b[8:]), le.Uint16(b[10:]); major < 2 || major == 2 && minor < 2 {
		return 0, fmt.Errorf("%w: XInput %d.%d", ErrUnsupported, major, minor)
	}
	return xi, nil
}

// sync waits until the server has done everything sent so far.
func (c *conn) sync() error {
	if err := c.send(opGetInputFocus, 0); err != nil {
		return err
	}
	_, err := c.reply()
	return err
}
