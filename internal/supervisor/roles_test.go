package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"portillon/internal/config"
	"portillon/internal/dpop"
)

// The test binary plays all the processes: with one of these words as its first argument it
// is a supervisor, a screen process or a player, of which the last two do what the test tells
// them over a socket.
const (
	roleSupervisor = "role-supervisor"
	roleScreen     = "role-screen"
	rolePlayer     = "role-player"
	roleStray      = "role-stray"
)

func TestMain(m *testing.M) {
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[1], "role-") {
		os.Exit(m.Run())
	}
	var err error
	switch os.Args[1] {
	case roleSupervisor:
		err = supervisorRole()
	case roleScreen:
		err = screenRole(os.Args[2])
	case rolePlayer:
		err = playerRole(os.Args[2])
	case roleStray:
		select {} // until it is killed
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, os.Args[1], err)
		os.Exit(3)
	}
	os.Exit(0)
}

// settings reach the supervisor on its standard input.
type settings struct {
	State, Control, Issuer string
	ExamHosts, Command     []string
	SealFails              bool
}

func supervisorRole() error {
	var s settings
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			entries, _ := os.ReadDir("/proc/self/fd")
			fmt.Fprintf(os.Stderr, "%s\ndescriptors %d\n", limits(), len(entries))
		}
	}()
	return Run(ctx, Options{
		Config: &config.Config{Identity: config.Identity{Issuer: s.Issuer},
			Exam: config.Exam{Command: s.Command, Hosts: s.ExamHosts}},
		StateDir: s.State, Args: []string{roleScreen, s.Control},
		SealParent: func() error {
			if _, err := os.Stat(filepath.Join(s.State, "device", "key.pem")); err != nil || s.SealFails {
				return errors.Join(errors.New("not to be had"), err)
			}
			return nil
		},
		Resolver: resolver(), Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
}

// order is what the test tells a process to do; result is what came of it.
type order struct {
	Do    string
	Text  string
	ID    uint64
	Bytes []byte
	FD    int
	Limit time.Duration
}

type result struct {
	Err   []string // what errors.Is and As find; nil: no error
	Text  string
	List  []string
	Code  int
	ID    uint64
	Hello Hello
}

// obey connects to the test, says who it is, and does what it is told.
func obey(control, role string, do func(order) result) error {
	conn, err := net.Dial("unix", control)
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	if err := out.Encode(result{Text: role, Code: os.Getpid()}); err != nil {
		return err
	}
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			return err
		}
		if err := out.Encode(common(o, do)); err != nil {
			return err
		}
	}
}

// common does what every process can.
func common(o order, do func(order) result) result {
	switch o.Do {
	case "exit":
		os.Exit(o.FD)
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.Signal(o.FD))
		select {}
	case "limits":
		return result{Text: limits()}
	case "environ":
		return result{List: os.Environ()}
	case "descriptors":
		entries, err := os.ReadDir("/proc/self/fd")
		r := result{Err: traits(err)}
		for _, e := range entries {
			target, err := os.Readlink("/proc/self/fd/" + e.Name())
			if err == nil { // gone: the one that listed them
				r.List = append(r.List, e.Name()+" "+target)
			}
		}
		return r
	case "stray": // a process that leaves the group
		cmd := exec.Command("/proc/self/exe", roleStray)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		err := cmd.Start()
		if err != nil {
			return result{Err: traits(err)}
		}
		return result{Code: cmd.Process.Pid}
	}
	return do(o)
}

// limits says what harden should have done.
func limits() string {
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var core unix.Rlimit
	err = errors.Join(err, unix.Getrlimit(unix.RLIMIT_CORE, &core))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("dumpable %d, core %d", dumpable, core.Max)
}

// traits names what a caller can find out about err.
func traits(err error) []string {
	if err == nil {
		return nil
	}
	found := []string{"error"}
	for _, t := range []struct {
		name string
		err  error
	}{
		{"not allowed", ErrNotAllowed}, {"running", ErrPlayerRunning}, {"player start", ErrPlayerStart},
		{"no hand-off", ErrNoHandoff}, {"no renewal", ErrNoRenewal}, {"gone", ErrGone}, {"too large", ErrTooLarge},
		{"params", dpop.ErrParams}, {"internal", ErrInternal}, {"protocol", errProtocol},
		{"refused", syscall.ECONNREFUSED}, {"does not exist", fs.ErrNotExist}, {"permission", fs.ErrPermission},
		{"deadline", os.ErrDeadlineExceeded}, {"context deadline", context.DeadlineExceeded}, {"canceled", context.Canceled},
	} {
		if errors.Is(err, t.err) {
			found = append(found, t.name)
		}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		found = append(found, "dns", fmt.Sprintf("not found %v", dns.IsNotFound))
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		found = append(found, "timeout")
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		found = append(found, "op")
	}
	return found
}

func screenRole(control string) error {
	c, err := Connect()
	if err != nil {
		return err
	}
	return obey(control, roleScreen, func(o order) result { return screenOrder(c, o) })
}

func screenOrder(c *Client, o order) (r result) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if o.Limit != 0 {
		ctx, cancel = context.WithTimeout(ctx, o.Limit)
		defer cancel()
	}
	var err error
	switch o.Do {
	case "hello":
		r.Hello, err = c.Hello(ctx)
	case "dial":
		r.Text, err = dialAndEcho(ctx, c, o.Text)
	case "dials":
		err = dialsAtOnce(ctx, c, o.Text)
	case "dial, then cancel":
		time.AfterFunc(5*time.Millisecond, cancel)
		_, err = c.Dial(ctx, "tcp", o.Text)
	case "dial and cancel":
		cancel()
		_, err = c.Dial(ctx, "tcp", o.Text)
	case "prove":
		r.Text, err = c.Prove(ctx, dpop.Params{Method: "POST", URL: o.Text})
	case "start":
		err = c.StartPlayer(ctx, o.Bytes)
	case "relaunch":
		err = c.RelaunchPlayer(ctx)
	case "stop":
		err = c.StopPlayer(ctx)
	case "end":
		err = c.EndCandidate(ctx)
	case "renewed":
		err = c.AnswerRenewal(ctx, o.ID, o.Bytes)
	case "packet": // anything at all, past the Client
		_, err = c.conn.conn.Write(o.Bytes)
	case "packet with descriptor":
		_, _, err = c.conn.conn.WriteMsgUnix(o.Bytes, unix.UnixRights(0), nil)
	case "event":
		select {
		case e, ok := <-c.Events():
			r = eventResult(e, ok)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	r.Err = traits(err)
	return r
}

func eventResult(e Event, ok bool) result {
	if !ok {
		return result{Text: "closed"}
	}
	switch e := e.(type) {
	case PlayerExited:
		return result{Text: "exited", Code: e.Code}
	case RenewRequested:
		return result{Text: "renew", ID: e.ID}
	}
	return result{Text: "unknown"}
}

const dialsTogether = 32

// dialsAtOnce has several dials and proofs under way together.
func dialsAtOnce(ctx context.Context, c *Client, addr string) error {
	group, ctx := errgroup.WithContext(ctx)
	for range dialsTogether {
		group.Go(func() error {
			_, err := dialAndEcho(ctx, c, addr)
			return err
		})
		group.Go(func() error {
			_, err := c.Prove(ctx, dpop.Params{Method: "POST", URL: "http://" + addr})
			return err
		})
	}
	return group.Wait()
}

// slowName is a name the tests' resolver takes for ever to resolve; it knows no other.
const slowName = "slow.example"

// resolver is a name service in a pipe.
func resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			for { // a stream: each message after its length
				length := make([]byte, 2)
				if _, err := io.ReadFull(ours, length); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(length))
				if _, err := io.ReadFull(ours, query); err != nil || bytes.Contains(query, []byte("slow")) {
					return
				}
				query[2], query[3] = query[2]|0x80, 0x83 // an answer: no such name
				if _, err := ours.Write(append(length, query...)); err != nil {
					return
				}
			}
		}()
		return theirs, nil
	}}
}

// dialAndEcho shows that the socket works in this process.
func dialAndEcho(ctx context.Context, c *Client, addr string) (string, error) {
	conn, err := c.Dial(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "bonjour\n"); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

func playerRole(control string) error {
	given := os.NewFile(3, "hand-off")
	lines := os.NewFile(4, "lines")
	r := bufio.NewReader(lines)
	return obey(control, rolePlayer, func(o order) result {
		switch o.Do {
		case "hand-off":
			b, err := io.ReadAll(given)
			return result{Text: string(b), Err: traits(err)}
		case "write":
			_, err := io.WriteString(lines, o.Text)
			return result{Err: traits(err)}
		case "read":
			line, err := r.ReadString('\n')
			return result{Text: line, Err: traits(err)}
		}
		return result{Err: []string{"unknown order"}}
	})
}
