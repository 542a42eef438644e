package realidp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"portillon/internal/rehearsal/mailbox"
)

// Kratos is an Ory Kratos of the test's own. Make it with StartKratos; its methods but
// Codes and Requests must not be called at once.
type Kratos struct {
	// URL is the public API's address; CAFile holds its certificate's authority, and Pin is
	// that authority's key, as a tablet is configured with it.
	URL, CAFile, Pin string

	binary, dir           string
	publicPort, adminPort int
	box                   *mailbox.Box
	mail                  *mailbox.Servers
	dsn                   string
	process               *process // nil while stopped
}

// StartKratos runs the binary on loopback with everything it keeps in dir, an empty
// directory of the caller's. Close ends it.
func StartKratos(ctx context.Context, binary, dir string, o KratosOptions) (*Kratos, error) {
	k := &Kratos{binary: binary, dir: dir, box: mailbox.New(time.Now)}
	err := k.setUp(ctx, o)
	if err == nil {
		err = k.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("realidp: start Kratos: %w", err), k.Close(ctx))
	}
	return k, nil
}

func (k *Kratos) setUp(ctx context.Context, o KratosOptions) (err error) {
	if k.mail, err = k.box.Serve(ctx, nil, time.UTC); err != nil {
		return err
	}
	if k.publicPort, err = freePort(ctx); err != nil {
		return err
	}
	if k.adminPort, err = freePort(ctx); err != nil {
		return err
	}
	if k.dsn = o.Database; k.dsn == "" {
		k.dsn = "sqlite://" + filepath.Join(k.dir, "kratos.sqlite") + "?_fk=true&mode=rwc"
	}
	k.URL = "https://127.0.0.1:" + strconv.Itoa(k.publicPort)
	if err := k.write(o); err != nil {
		return err
	}
	migrate := exec.CommandContext(ctx, k.binary, "migrate", "sql", "--yes", k.dsn)
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate: %w\n%s", err, tail(out, 2000))
	}
	return nil
}

// freePort finds a port that nobody listens on. Another process may take it before Kratos
// does; then Kratos does not start, and says so.
func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (k *Kratos) logFile() string { return filepath.Join(k.dir, "kratos.log") }

// Start runs the server again after Stop, with the same data, and waits until it is
// ready.
func (k *Kratos) Start(ctx context.Context) error {
	log, err := os.OpenFile(k.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	// Its end is Stop's to bring about, not ctx's.
	cmd := exec.Command(k.binary, "serve", "--watch-courier", "--sqa-opt-out", "-c", k.settingsFile())
	cmd.Dir, cmd.Stdout, cmd.Stderr = k.dir, log, log
	p, err := begin(cmd)
	if err != nil {
		return err
	}
	k.process = p
	if err := p.ready(ctx, func(ctx context.Context) error {
		return k.admin(ctx, http.MethodGet, "/health/ready", nil, http.StatusOK, nil)
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, lastWords(k.logFile()))
	}
	return nil
}

func lastWords(log string) []byte {
	text, err := os.ReadFile(log)
	if err != nil {
		return []byte(err.Error())
	}
	return tail(text, 2000)
}

// Stop ends the server and keeps its data. A server that is not running is left alone.
func (k *Kratos) Stop() error {
	p := k.process
	k.process = nil
	return p.stop()
}

// Close ends the server and its mailbox. What is in the directory is the caller's.
func (k *Kratos) Close(ctx context.Context) error {
	err := k.Stop()
	if k.mail != nil {
		err = errors.Join(err, k.mail.Close(ctx))
	}
	return err
}
