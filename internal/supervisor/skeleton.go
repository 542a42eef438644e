package supervisor

import (
	"context"
	"errors"
	"net"
	"time"

	"portillon/internal/dpop"
)

// RenewalLimit is how long a player waits for a renewed token.
const RenewalLimit = 30 * time.Second

// MaxHandoff bounds a hand-off and a renewed token, in bytes.
const MaxHandoff = 64 << 10

// Errors of the Client, told apart with errors.Is.
var (
	ErrNotAllowed     = errors.New("supervisor: host is not on the allow-list")
	ErrNoSupervisor   = errors.New("supervisor: descriptor 3 is not a supervisor's socket")
	ErrGone           = errors.New("supervisor: connection closed")
	ErrPlayerRunning  = errors.New("supervisor: the player is running already")
	ErrPlayerNotFound = errors.New("supervisor: the player cannot be started")
	ErrNoHandoff      = errors.New("supervisor: nothing to hand off")
	errTODO           = errors.New("supervisor: not implemented yet")
)

// Run supervises until ctx ends or SIGTERM comes (then nil).
func Run(ctx context.Context, o Options) error { return errTODO }

// Hello is what a screen process must know when it starts.
type Hello struct {
	// Restarted: the previous screen process died in the middle of a candidate,
	// in this boot.
	Restarted bool
	// PlayerRunning: the candidate is in the exam. The player runs, or has ended and
	// PlayerExited follows.
	PlayerRunning bool
	// Thumbprint is the device key's (RFC 7638, base64url).
	Thumbprint string
	// StateDir holds SessionDir, which is wiped at the end of each candidate.
	StateDir, SessionDir string
	// BootID names this boot of the machine.
	BootID string
}

// Client is the screen process's side. Safe for concurrent use.
type Client struct{}

var _ dpop.Prover = (*Client)(nil)

// Connect takes the socket the supervisor left on descriptor 3.
func Connect() (*Client, error) { return nil, errTODO }

// Hello must be the first call. Events begin to come after it.
func (c *Client) Hello(ctx context.Context) (Hello, error) { return Hello{}, errTODO }

// Dial has the supervisor resolve and dial; network is "tcp", "tcp4" or "tcp6".
func (c *Client) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return nil, errTODO
}

// Prove implements dpop.Prover with the device key.
func (c *Client) Prove(ctx context.Context, p dpop.Params) (string, error) { return "", errTODO }

// StartPlayer starts the player with this hand-off, and keeps it for RelaunchPlayer.
func (c *Client) StartPlayer(ctx context.Context, handoff []byte) error { return errTODO }

// RelaunchPlayer starts the player again with the hand-off it was given.
func (c *Client) RelaunchPlayer(ctx context.Context) error { return errTODO }

// StopPlayer stops the player, if it runs, and wipes its hand-off.
func (c *Client) StopPlayer(ctx context.Context) error { return errTODO }

// Events gives the supervisor's events; closed when the supervisor is gone.
func (c *Client) Events() <-chan Event { return nil }

// AnswerRenewal answers RenewRequested with one JSON object on one line; nil: there is no renewed token.
func (c *Client) AnswerRenewal(ctx context.Context, id uint64, token []byte) error { return errTODO }

// EndCandidate stops the player, wipes the hand-off and the session directory. The
// screen process must exit then; a fresh one starts.
func (c *Client) EndCandidate(ctx context.Context) error { return errTODO }

// Done is closed when the supervisor is gone: the screen process must exit.
func (c *Client) Done() <-chan struct{} { return nil }
