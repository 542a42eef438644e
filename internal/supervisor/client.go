package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"portillon/internal/dpop"
)

// Hello is what a screen process must know when it starts.
type Hello struct {
	// Restarted: the previous screen process, or the supervisor, died in the middle of a
	// candidate, in this boot.
	Restarted bool `json:"restarted"`
	// PlayerRunning: the candidate is in the exam. The player runs, or has ended and
	// PlayerExited follows.
	PlayerRunning bool `json:"player_running"`
	// Thumbprint is the device key's (RFC 7638, base64url).
	Thumbprint string `json:"thumbprint"`
	// StateDir holds SessionDir, which is wiped at the end of each candidate and at
	// the first start after a boot.
	StateDir   string `json:"state_dir"`
	SessionDir string `json:"session_dir"`
	// BootID names this boot of the machine.
	BootID string `json:"boot_id"`
	// Notes are what earlier screen processes kept with KeepNotes.
	Notes []Note `json:"notes,omitempty"`
	// ConfigSHA256 is the hash, in hex, of the configuration that the supervisor read and
	// checked: the screen process must have read the same.
	ConfigSHA256 string `json:"config_sha256"`
	// ConfigSerial is the configuration's serial, 0 where its signature was not found good.
	ConfigSerial uint64 `json:"config_serial,omitempty"`
}

// Client is the screen process's side. It may be used from several goroutines. Every
// method that waits returns when its context ends, or with ErrGone.
type Client struct {
	conn   *packetConn
	events chan Event
	done   chan struct{} // closed when the connection ends

	mu      sync.Mutex
	lastID  uint64
	pending map[uint64]chan answer // by request number
	cause   error                  // why the connection ended
}

// answer is a reply with the socket that came with it, if one did.
type answer struct {
	reply
	file *os.File
}

var _ dpop.Prover = (*Client)(nil)

// screenFD is the descriptor of the screen process's socket.
const screenFD = 3

// eventRoom is more events than can be unanswered at once.
const eventRoom = 64

// Connect takes the socket that the supervisor left on descriptor 3 and makes this
// process undumpable. The error wraps ErrNoSupervisor when there is no such socket, or it
// was not the parent process that made it.
func Connect() (*Client, error) { return connect(harden) }

// ConnectSoft is Connect for builds of the escape suite's self-test, which take one lock of two
// away: this process stays as dumpable as it is. See Options.Soft.
func ConnectSoft() (*Client, error) { return connect(func() error { return nil }) }

func connect(harden func() error) (*Client, error) {
	typ, err := unix.GetsockoptInt(screenFD, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSupervisor, err)
	}
	peer, err := unix.GetsockoptUcred(screenFD, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSupervisor, err)
	}
	if typ != unix.SOCK_SEQPACKET || int(peer.Pid) != os.Getppid() {
		return nil, ErrNoSupervisor
	}
	if err := harden(); err != nil {
		return nil, err
	}
	unix.CloseOnExec(screenFD)
	conn, err := newPacketConn(os.NewFile(screenFD, "supervisor"))
	if err != nil {
		return nil, err
	}
	return newClient(conn), nil
}

func newClient(conn *packetConn) *Client {
	c := &Client{conn: conn, events: make(chan Event, eventRoom), done: make(chan struct{}),
		pending: map[uint64]chan answer{}}
	go c.receive()
	return c
}

// Events gives what the supervisor tells unasked, from Hello on; closed with Done.
func (c *Client) Events() <-chan Event { return c.events }

// Done is closed when the supervisor is gone: this process must exit. (It is
// killed when the supervisor dies; this is for one that hung up.)
func (c *Client) Done() <-chan struct{} { return c.done }

// Close hangs up; the supervisor then ends this process.
func (c *Client) Close() error { return c.conn.Close() }

// Hello tells what was before. Call it first and once: events come after it.
func (c *Client) Hello(ctx context.Context) (Hello, error) {
	a, err := c.call(ctx, request{Op: opHello}, nil)
	if err != nil {
		return Hello{}, err
	}
	if a.Hello == nil {
		return Hello{}, fmt.Errorf("%w: hello without content", errProtocol)
	}
	return *a.Hello, nil
}

// Findings is what the supervisor itself checks, as it stands now: its own seal and its
// children's, and, where lockdown is required, the configuration's signature and expiry. Where a
// replaced configuration can only be judged by a new supervisor, this one ends after the answer
// (unless an exam is under way).
func (c *Client) Findings(ctx context.Context) ([]Finding, error) {
	a, err := c.call(ctx, request{Op: opFindings}, nil)
	return a.Findings, err
}

// SwitchPower has the machine switched off or started anew. ErrNoPower: nobody here does that, or
// not from here; ErrPlayerRunning: not during an exam. Nil means that it was asked for.
func (c *Client) SwitchPower(ctx context.Context, p Power) error {
	_, err := c.call(ctx, request{Op: opPower, Power: p}, nil)
	return err
}

// KeepNotes keeps at least one and at most MaxNotes notes, in the place of those kept before, for
// the Hello of the next screen process. They are gone when the machine is switched off.
func (c *Client) KeepNotes(ctx context.Context, notes []Note) error {
	_, err := c.call(ctx, request{Op: opNote, Notes: notes}, nil)
	return err
}

// Dial has the supervisor resolve addr ("host:port") and connect; network is "tcp",
// "tcp4" or "tcp6". Errors are *net.OpError as net.Dialer's are: errors.Is and As find
// *net.DNSError, syscall.ECONNREFUSED and the like, os.ErrDeadlineExceeded,
// context.Canceled; beside them ErrNotAllowed and ErrBusy.
func (c *Client) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	a, err := c.call(ctx, request{Op: opDial, Dial: &dialParams{network, addr}}, nil)
	if err != nil {
		return nil, dialError(network, err)
	}
	if a.file == nil {
		return nil, dialError(network, fmt.Errorf("%w: no socket", errProtocol))
	}
	conn, err := net.FileConn(a.file)
	if err = errors.Join(err, a.file.Close()); err != nil {
		return nil, dialError(network, err)
	}
	return conn, nil
}

// Prove implements dpop.Prover with the device key, for URLs of the hosts that may be
// dialled; others give ErrNotAllowed.
func (c *Client) Prove(ctx context.Context, p dpop.Params) (string, error) {
	proof := proofParams(p)
	a, err := c.call(ctx, request{Op: opProve, Proof: &proof}, nil)
	return a.Proof, err
}

// StartPlayer starts the player with this hand-off (the contract's JSON object, at
// most MaxHandoff bytes, which remain the caller's to wipe). The supervisor keeps it for
// RelaunchPlayer. Errors: ErrPlayerRunning, ErrPlayerStart with its syscall.Errno,
// ErrTooLarge.
func (c *Client) StartPlayer(ctx context.Context, handoff []byte) error {
	_, err := c.call(ctx, request{Op: opStart}, handoff)
	return err
}

// RelaunchPlayer starts the player again with the hand-off of StartPlayer. A token
// that was renewed since is not in it: the player asks again. Errors: as
// StartPlayer, and ErrNoHandoff.
func (c *Client) RelaunchPlayer(ctx context.Context) error {
	_, err := c.call(ctx, request{Op: opRelaunch}, nil)
	return err
}

// StopPlayer ends the player, if it runs (no PlayerExited follows), and wipes its
// hand-off.
func (c *Client) StopPlayer(ctx context.Context) error {
	_, err := c.call(ctx, request{Op: opStop}, nil)
	return err
}

// AnswerRenewal answers RenewRequested: a JSON object on one line, as the package
// says, or nil when no renewed token can be had. ErrNoRenewal: nobody waits any more.
func (c *Client) AnswerRenewal(ctx context.Context, id uint64, token []byte) error {
	if err := oneObject(token); err != nil { // the supervisor would end us for it
		return err
	}
	if id == 0 {
		return ErrNoRenewal
	}
	_, err := c.call(ctx, request{Op: opRenewed, Ref: id}, token)
	return err
}

// EndCandidate ends the player and wipes the hand-off and the session directory.
// Exit then, within 5 s: Dial and Prove still work for a revocation, and a fresh screen
// process starts when this one is gone, even where EndCandidate failed.
func (c *Client) EndCandidate(ctx context.Context) error {
	_, err := c.call(ctx, request{Op: opEnd}, nil)
	return err
}

// call sends a request and waits for its answer.
func (c *Client) call(ctx context.Context, r request, body []byte) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	got := make(chan answer, 1)
	c.mu.Lock()
	c.lastID++
	r.ID = c.lastID
	c.pending[r.ID] = got
	c.mu.Unlock()
	defer c.forget(r.ID, got)
	if err := c.conn.send(r, body); err != nil {
		if errors.Is(err, ErrTooLarge) {
			return answer{}, err
		}
		return answer{}, fmt.Errorf("%w: %w", ErrGone, err)
	}
	select {
	case a := <-got:
		if a.Failure != nil {
			a.drop()
			return answer{}, a.Failure.err()
		}
		return a, nil
	case <-ctx.Done():
		if r.Op == opDial { // others are quick, or must run to their end
			err := c.conn.send(request{ID: r.ID, Op: opCancel, Ref: r.ID}, nil)
			return answer{}, errors.Join(ctx.Err(), err)
		}
		return answer{}, ctx.Err()
	case <-c.done:
		return answer{}, c.gone()
	}
}

// forget drops a request, with the socket of an answer nobody took.
func (c *Client) forget(id uint64, got chan answer) {
	c.mu.Lock()
	delete(c.pending, id)
	c.mu.Unlock()
	select {
	case a := <-got:
		a.drop()
	default:
	}
}

// drop closes the socket that came with the answer.
func (a answer) drop() {
	if a.file != nil {
		_ = a.file.Close() // a socket nobody waits for
	}
}

// gone is ErrGone with its cause.
func (c *Client) gone() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Errorf("%w: %w", ErrGone, c.cause)
}

// receive hands out what comes until the connection ends.
func (c *Client) receive() {
	defer close(c.events)
	defer close(c.done)
	buf := make([]byte, maxPacket)
	for {
		n, file, err := c.conn.recv(buf, true)
		if err == nil {
			err = c.deliver(buf[:n], file)
		}
		if err != nil {
			c.mu.Lock()
			c.cause = err
			c.mu.Unlock()
			if !errors.Is(err, io.EOF) { // a broken supervisor: fail closed
				_ = c.conn.Close() // the cause is what callers are told
			}
			return
		}
	}
}

// deliver hands one packet, with its file, to whom it is for.
func (c *Client) deliver(packet []byte, file *os.File) error {
	a := answer{file: file}
	if _, err := decode(packet, &a.reply); err != nil {
		a.drop()
		return err
	}
	if a.ID != 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		if got := c.pending[a.ID]; got != nil {
			delete(c.pending, a.ID)
			got <- a
		} else {
			a.drop() // cancelled meanwhile
		}
		return nil
	}
	a.drop()
	var e Event
	switch {
	case a.Exited != nil:
		e = PlayerExited{Code: *a.Exited}
	case a.Renewal != 0:
		e = RenewRequested{ID: a.Renewal}
	default:
		return fmt.Errorf("%w: empty event", errProtocol)
	}
	select {
	case c.events <- e:
		return nil
	default:
		return fmt.Errorf("%w: events nobody reads", errProtocol)
	}
}
