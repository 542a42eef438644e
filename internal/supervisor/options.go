package supervisor

import (
	"log/slog"
	"net"
	"os"

	"portillon/internal/config"
)

// Options is what Run needs. Config and StateDir are required.
type Options struct {
	Config *config.Config
	// StateDir is $STATE_DIRECTORY, else $XDG_STATE_HOME/portillon. Run makes it,
	// device/ (0700, kept for ever) and session/ (0700, wiped between candidates).
	StateDir string
	// Exe is the screen process's program; empty: /proc/self/exe.
	Exe string
	// Args are the screen process's arguments, without the program's name. Nothing
	// secret: every user of the machine can read them.
	Args []string
	// Env is added to the minimal environment of the screen process and wins over
	// it: FYNE_SCALE=1, for one. Nothing secret.
	Env []string
	// Stderr takes the screen process's log; nil: os.Stderr.
	Stderr *os.File
	// PlayerOutput takes the player's stdout and stderr. Nil: they are discarded, since
	// what a player prints may be a candidate's.
	PlayerOutput *os.File
	// Log is the supervisor's own log; nil: none.
	Log *slog.Logger
	// Resolver resolves the hosts to dial; nil: Go's own, so that no NSS module is
	// loaded into this process.
	Resolver *net.Resolver
	// Hosts ("host:port") may be dialled beside the identity service's.
	Hosts []string
	// ConfigKey is the public key (PEM) that configurations are signed with. It is looked at
	// where lockdown is required.
	ConfigKey string
	// Sealed is asked once, after SealParent and SealChildren and beside the first screen process's
	// start, from a goroutine of its own: what holds of the seals of this
	// process and of what it starts, as findings. Without it one finding says that nothing is known
	// to seal it. One that is not OK is shown by the screen process, which lets nobody log in where
	// lockdown is required.
	Sealed func() []Finding
	// SealParent, when set, is called once: after the state directories and the
	// device key are there, before the first child is started. An error ends Run: what may
	// be shown on the screen instead belongs in Sealed. What it
	// forbids, the screen process and the player inherit.
	SealParent func() error
	// SealChildren, when set, is called after SealParent on the one thread that will start
	// every child; what it forbids, the children inherit and this process keeps. An error ends Run.
	SealChildren func() error
	// Soft leaves this process as dumpable as it is: for builds of the escape suite's self-test
	// alone. Where lockdown is required Run refuses it with ErrSoft.
	Soft bool
}
