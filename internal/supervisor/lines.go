package supervisor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"portillon/internal/dpop"
)

// maxLine bounds a line from the player, its newline included.
const maxLine = 8 << 10

// lines is the player's descriptor 4, seen from here.
type lines struct {
	exam *exam
	conn net.Conn
	mu   sync.Mutex // one answer at a time
}

// newLines makes both ends: ours, and the player's as a file to inherit.
func newLines(e *exam) (*lines, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("supervisor: socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "player's end")
	f := os.NewFile(uintptr(fds[0]), "supervisor's end")
	conn, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("supervisor: socket: %w", err), theirs.Close())
	}
	return &lines{exam: e, conn: conn}, theirs, nil
}

// close may be called again.
func (l *lines) close() error {
	if err := l.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("supervisor: close: %w", err)
	}
	return nil
}

// lineRequest is what a player may ask for, one of the two.
type lineRequest struct {
	proofParams
	Renew bool `json:"renew"`
}

// lineAnswer is the answer to a request for a proof.
type lineAnswer struct {
	Proof string `json:"proof,omitempty"`
	Error string `json:"error,omitempty"`
}

// The words of lineAnswer.Error, and the answers to {"renew":true}.
const (
	lineMalformed  = "malformed"
	lineNotAllowed = "not allowed"
	lineFailed     = "failed"

	renewedHead = `{"renewed":`
	renewedTail = "}\n"
	notRenewed  = `null,"error":"unavailable"`
)

// serve answers until the player, or close, ends it.
func (l *lines) serve() {
	r := bufio.NewReaderSize(l.conn, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				l.exam.log.Warn("player's socket closed", "err", err)
			}
			break
		}
		if err := l.handle(line); err != nil {
			l.exam.log.Warn("player not answered", "err", err)
			break
		}
	}
	if err := l.close(); err != nil {
		l.exam.log.Warn("player's socket", "err", err)
	}
}

// handle answers one line.
func (l *lines) handle(line []byte) error {
	r, err := decodeLine(line)
	if err != nil {
		return l.answer(lineAnswer{Error: lineMalformed})
	}
	if r.Renew {
		l.exam.askRenewal(l)
		return nil
	}
	proof, err := l.exam.prove(r.params())
	switch {
	case err == nil:
		return l.answer(lineAnswer{Proof: proof})
	case errors.Is(err, ErrNotAllowed):
		return l.answer(lineAnswer{Error: lineNotAllowed})
	case errors.Is(err, dpop.ErrParams):
		return l.answer(lineAnswer{Error: lineMalformed})
	}
	l.exam.log.Error("no proof for the player", "err", err)
	return l.answer(lineAnswer{Error: lineFailed})
}

// decodeLine reads a request: for a proof or for a renewed token, not both.
func decodeLine(line []byte) (lineRequest, error) {
	var r lineRequest
	if err := strictJSON(line, &r); err != nil {
		return lineRequest{}, err
	}
	if r.Renew == (r.proofParams != proofParams{}) {
		return lineRequest{}, errJSON
	}
	return r, nil
}

func (l *lines) answer(a lineAnswer) error {
	b, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("supervisor: answer: %w", err)
	}
	return l.write(net.Buffers{b, []byte{'\n'}})
}

// renewed writes the token as it is, without a copy; none: there is none.
func (l *lines) renewed(token []byte) error {
	if len(token) == 0 {
		token = []byte(notRenewed)
	}
	return l.write(net.Buffers{[]byte(renewedHead), token, []byte(renewedTail)})
}

// write gives up on a player that does not read.
func (l *lines) write(b net.Buffers) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.conn.SetWriteDeadline(time.Now().Add(sendLimit))
	if err == nil {
		_, err = b.WriteTo(l.conn)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("supervisor: write to player: %w", err), l.close())
	}
	return nil
}

// oneObject checks that b, when there is any, can stand as an object on one line.
// Whether it is JSON is between the screen process and the player.
func oneObject(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if b[0] != '{' || b[len(b)-1] != '}' {
		return fmt.Errorf("%w: token is no JSON object", errProtocol)
	}
	for _, c := range b {
		if c < ' ' {
			return fmt.Errorf("%w: token with control characters", errProtocol)
		}
	}
	return nil
}
