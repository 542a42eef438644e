package vm

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ErrQMP: the machine's monitor refused, or is gone.
var ErrQMP = errors.New("vm: monitor")

// qmp is QEMU's machine protocol (docs/interop/qmp-spec), one command at a time.
type qmp struct {
	mu   sync.Mutex
	conn net.Conn
	in   *bufio.Reader
}

const qmpLimit = 60 * time.Second

func dialQMP(socket string) (*qmp, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	q := &qmp{conn: conn, in: bufio.NewReaderSize(conn, 1<<20)}
	if err := conn.SetReadDeadline(time.Now().Add(qmpLimit)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if _, err := q.in.ReadBytes('\n'); err != nil { // the greeting
		return nil, errors.Join(err, conn.Close())
	}
	if err := q.do("qmp_capabilities", nil, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return q, nil
}

// do runs a command and reads its answer into out, which may be nil.
func (q *qmp) do(command string, args, out any) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.conn.SetDeadline(time.Now().Add(qmpLimit)); err != nil {
		return err
	}
	m := map[string]any{"execute": command}
	if args != nil {
		m["arguments"] = args
	}
	if err := json.NewEncoder(q.conn).Encode(m); err != nil {
		return fmt.Errorf("%w: %w", ErrQMP, err)
	}
	for {
		line, err := q.in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrQMP, command, err)
		}
		var a struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		if err := json.Unmarshal(line, &a); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrQMP, command, err)
		}
		switch {
		case a.Error != nil:
			return fmt.Errorf("%w: %s: %s", ErrQMP, command, a.Error.Desc)
		case a.Return != nil && out != nil:
			return json.Unmarshal(a.Return, out)
		case a.Return != nil:
			return nil
		} // else an event
	}
}
