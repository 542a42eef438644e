package command_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"portillon/internal/postgrestest"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/command"
)

// server is this test binary's PostgreSQL.
var server postgrestest.Lazy

// withServer ends the server once the tests have run.
type withServer struct{ *testing.M }

func (m withServer) Run() int { return server.End(m.M.Run()) }

func TestMain(m *testing.M) {
	testscript.Main(withServer{m}, map[string]func(){"rehearsal": func() {
		command.IgnoreFileSizeSignal()
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(command.Run(ctx, os.Args[1:], command.Env{Stdout: os.Stdout, Stderr: os.Stderr}))
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = l.Close() }) // the test is over
			env.Setenv("BUSY", l.Addr().String())
			free, err := net.Listen("tcp", "127.0.0.1:0") // nobody listens there from now on
			if err != nil {
				return err
			}
			env.Setenv("FREE", free.Addr().String())
			if err := free.Close(); err != nil {
				return err
			}
			// A data directory as a service leaves it.
			s, err := rehearsal.Start(context.Background(), rehearsal.Options{Data: filepath.Join(env.WorkDir, "made"), Demo: true})
			if err != nil {
				return err
			}
			return s.Close(context.Background())
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"oneline": oneLine},
	})
}

// TestScriptsOnPostgres: the commands beside a service do on PostgreSQL what they do on a
// data directory.
func TestScriptsOnPostgres(t *testing.T) {
	s := server.Server(t)
	if s == nil {
		return
	}
	name, err := s.Create(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, "exec rehearsal serve --demo --data "+t.TempDir()+" --database '"+s.URL(name)+"'").stop(t)
	dir := t.TempDir()
	for _, script := range []string{"tablets.txtar", "people.txtar", "staff.txtar"} {
		b, err := os.ReadFile(filepath.Join("testdata", script))
		if err != nil {
			t.Fatal(err)
		}
		if b = bytes.ReplaceAll(b, []byte("--data made"), []byte("--database $DATABASE")); !bytes.Contains(b, []byte("$DATABASE")) {
			t.Fatalf("%s asks no database", script)
		}
		if err := os.WriteFile(filepath.Join(dir, script), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			copied, err := s.Create(context.Background(), name)
			env.Setenv("DATABASE", s.URL(copied))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"oneline": oneLine},
	})
}

// oneLine checks that the last command said exactly one line on stderr.
func oneLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: oneline")
	}
	if s := ts.ReadFile("stderr"); strings.Count(s, "\n") != 1 || !strings.HasPrefix(s, "rehearsal: ") {
		ts.Fatalf("wanted one line on stderr, got %q", s)
	}
}

// process is the program as an operator runs it.
type process struct {
	cmd  *exec.Cmd
	line map[string]string
	err  *os.File
}

func serve(t *testing.T, shell string) *process {
	t.Helper()
	errFile, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", shell)
	cmd.Stderr = errFile
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, err: errFile}
	r := bufio.NewReader(out)
	first, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("no line on stdout (%v): %s", err, p.stderr(t))
	}
	if err := json.Unmarshal([]byte(first), &p.line); err != nil {
		t.Fatalf("%q: %v", first, err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }() // ends with the process
	return p
}

func (p *process) stderr(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(p.err.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, p.stderr(t))
	}
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, "exec rehearsal serve --demo --data "+dir)
	for _, name := range []string{"issuer", "cockpit", "portal", "mailbox", "ca_file"} {
		if _, ok := p.line[name]; !ok {
			t.Errorf("the line on stdout has no %s: %v", name, p.line)
		}
	}
	if !filepath.IsAbs(p.line["ca_file"]) || !strings.HasPrefix(p.line["issuer"], "https://127.0.0.1:") {
		t.Errorf("%v", p.line)
	}
	if s := p.stderr(t); !strings.Contains(s, "camille.durand@etu.univ-uness.fr") {
		t.Errorf("no table of accounts on stderr: %s", s)
	}
	p.stop(t)
}

// TestFileSizeLimit lets the service's files grow to a limit while it works: as on a
// full disk, requests fail with server_error and the service stays. (A file-size
// limit needs no privilege and no small file system.)
func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	serve(t, "exec rehearsal serve --demo --data "+dir).stop(t)
	info, err := os.Stat(filepath.Join(dir, "rehearsal.db"))
	if err != nil {
		t.Fatal(err)
	}
	limit := strconv.FormatInt(info.Size()/512/8, 10) // the log file beside it reaches this soon
	p := serve(t, "ulimit -f "+limit+"; exec rehearsal serve --demo --code-resend 0s --require-dpop-nonce=false --data "+dir)
	defer p.stop(t)
	tab := newTablet(t, p)
	deadline := time.Now().Add(60 * time.Second)
	for tab.identify(t) != http.StatusInternalServerError {
		if time.Now().After(deadline) {
			t.Fatal("the limit was never met")
		}
	}
	res, err := tab.web.Get(p.line["issuer"] + "/.well-known/oauth-authorization-server")
	if err != nil {
		t.Fatalf("the service is gone: %v", err)
	}
	_ = res.Body.Close()
	if s := p.stderr(t); !strings.Contains(s, "request failed") || strings.Contains(s, "goroutine ") {
		t.Errorf("the log does not say what failed, or has a crash: %.2000s", s)
	}
}
