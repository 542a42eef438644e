// Package postgrestest starts a PostgreSQL of a test's own: a cluster below the directory
// for temporary files, on a Unix socket there and on no port, without a durable disk and
// as an unprivileged user. Tests of the rehearsal service's store and of real identity
// servers use it; no program does.
//
//	Lazy.Server(t) ─→ the test binary's one server, made when a test first asks
//	                   └ Create(template), URL ─→ a database of the test's
//	Lazy.End(code)     ends it: TestMain calls it once the tests have run
//
// Where PostgreSQL is not installed (Debian's package postgresql) a test says NOT RUN and
// passes; REQUIRE_POSTGRES=1 makes it fail.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Bounds of waiting for the server.
const (
	readyWithin = 2 * time.Minute
	stopWithin  = 30 * time.Second
	pollEvery   = 20 * time.Millisecond
)

// User is the server's one user, its superuser, who needs no password.
const User = "test"

// ErrMissing: PostgreSQL's programs are not on this machine.
var ErrMissing = errors.New("no initdb below /usr/lib/postgresql (package postgresql)")

// Server is a PostgreSQL. Make it with Start or Lazy.
type Server struct {
	bin, dir string // of the programs; of cluster and socket
	as       *syscall.Credential

	mu    sync.Mutex
	made  int
	cmd   *exec.Cmd
	ended chan struct{} // closed once cmd has
}

// Start makes a cluster and serves it until Close. The programs refuse to be root: for root
// they run as nobody. It fails with ErrMissing.
func Start(ctx context.Context) (*Server, error) {
	s, err := start(ctx)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s, nil
}

func start(ctx context.Context) (_ *Server, err error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return nil, errors.Join(ErrMissing, err)
	}
	// Not below a test's own directory: there nobody may not go, and a socket's path is short.
	s := &Server{bin: filepath.Dir(slices.Max(found))}
	if s.dir, err = os.MkdirTemp("", "postgres-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if os.Geteuid() == 0 {
		if s.as, err = nobody(); err != nil {
			return nil, err
		}
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	if err := s.program(ctx, "initdb", "-D", s.cluster(), "-U", User, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"); err != nil {
		return nil, err
	}
	return s, s.Begin(ctx)
}

func nobody() (*syscall.Credential, error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

func (s *Server) cluster() string { return filepath.Join(s.dir, "data") }

// program runs one of PostgreSQL's own.
func (s *Server) program(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: s.as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out[max(0, len(out)-2000):])
	}
	return nil
}

// Begin serves the cluster, again after Kill or End, at the same address.
func (s *Server) Begin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own
	// Its end is Close's to bring about, not ctx's; a test binary that is killed takes it along.
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.cluster(), "-k", s.dir, "-c", "listen_addresses=", //nolint:noctx // see above
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum_naptime=5s", "-c", "max_connections=200")
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Pdeathsig: syscall.SIGQUIT}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how is in its log
		close(ended)
	}()
	s.cmd, s.ended = cmd, ended
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := s.program(ctx, "pg_isready", "-q", "-h", s.dir)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			said, _ := os.ReadFile(log.Name()) // what there is
			return fmt.Errorf("postgres ended at once: %s", said)
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// Kill ends the server as a crash would: no goodbye to anybody. Begin brings it back.
func (s *Server) Kill() error { return s.end(syscall.SIGQUIT) }

// End ends the server as its operator would, cutting all connections.
func (s *Server) End() error { return s.end(syscall.SIGINT) }

func (s *Server) end(how syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	limit := time.NewTimer(stopWithin)
	defer limit.Stop()
	select {
	case <-s.ended:
	case <-limit.C:
		err := s.cmd.Process.Kill()
		<-s.ended
		return errors.Join(errors.New("postgres had to be killed"), err)
	}
	s.cmd = nil
	return nil
}

// Close ends the server and removes its data.
func (s *Server) Close() error {
	return errors.Join(s.Kill(), os.RemoveAll(s.dir))
}

// URL is the address of one of the server's databases.
func (s *Server) URL(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(User), Path: "/" + database, RawQuery: url.Values{"host": {s.dir}}.Encode()}).String()
}

// Create makes a database, a copy of another where template is not "", and returns its
// name. Nobody may be connected to the template.
func (s *Server) Create(ctx context.Context, template string) (name string, err error) {
	s.mu.Lock()
	s.made++
	name = "t" + strconv.Itoa(s.made)
	s.mu.Unlock()
	args := []string{"-h", s.dir, "-U", User, name}
	if template != "" {
		args = append(args, "-T", template)
	}
	return name, s.program(ctx, "createdb", args...)
}

// Run executes SQL as the superuser, for a test that arranges something.
func (s *Server) Run(ctx context.Context, database, statements string) error {
	return s.program(ctx, "psql", "-h", s.dir, "-U", User, "-d", database, "-q", "-v", "ON_ERROR_STOP=1", "-c", statements)
}

// Hba replaces who may connect how (pg_hba.conf), from now on.
func (s *Server) Hba(ctx context.Context, lines ...string) error {
	text := strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(s.cluster(), "pg_hba.conf"), []byte(text), 0o644); err != nil {
		return err
	}
	return s.Run(ctx, "postgres", "SELECT pg_reload_conf()")
}

// Lazy is a test binary's one server, which is made when a test first asks for it. The zero
// value is ready.
type Lazy struct {
	mu     sync.Mutex
	server *Server
	err    error
}

// Server is the server; nil where PostgreSQL is missing and need not be there, which the
// test's log then says.
func (l *Lazy) Server(t testing.TB) *Server {
	t.Helper()
	switch err := l.Begin(context.WithoutCancel(t.Context())); {
	case errors.Is(err, ErrMissing) && os.Getenv("REQUIRE_POSTGRES") == "":
		t.Logf("NOT RUN on PostgreSQL: %v", err)
		return nil
	case err != nil:
		t.Fatal(err)
	}
	return l.Running()
}

// Begin starts the server, once. It fails with ErrMissing.
func (l *Lazy) Begin(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server == nil && l.err == nil {
		l.server, l.err = Start(ctx)
	}
	return l.err
}

// Running is the server; nil where nobody has begun it.
func (l *Lazy) Running() *Server {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server
}

// End ends the server, where there is one, and returns the tests' exit code: 1, once it was said why, where
// the server does not end well. It is the last thing that TestMain does.
func (l *Lazy) End(code int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server == nil {
		return code
	}
	if err := l.server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
