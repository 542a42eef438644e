package ctl

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"portillon/internal/demo"
)

// errNoDisplay: a tablet needs a screen.
var errNoDisplay = errors.New("no display (DISPLAY is empty); `make tour` plays a student without one")

// rehearse is a room on this machine: the service, its mailbox, and a tablet in a
// window that trusts them. It ends with the tablet or with ctx.
func rehearse(ctx context.Context, r run, args []string) (err error) {
	flags := flag.NewFlagSet("rehearse", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it in one line
	dir := flags.String("dir", "out/run", "where data, configuration and logs are kept")
	size := flags.String("size", "1280x800", "the tablet's window, WIDTHxHEIGHT")
	lang := flags.String("language", "fr", "the tablet's language, fr or en")
	listen := flags.String("listen", "127.0.0.1:0", "where the service listens")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return fmt.Errorf("%w: rehearse [--dir DIR] [--size WxH] [--language fr|en] [--listen ADDR]", errUsage)
	}
	if os.Getenv("DISPLAY") == "" {
		return errNoDisplay
	}
	bin, err := beside()
	if err != nil {
		return err
	}
	root, data, state, logs, err := prepare(*dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	service, err := demo.StartService(ctx, filepath.Join(bin, "rehearsal"), &sieve{people: r.err, machines: logs},
		"--listen", *listen, "--data", data, "--demo")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Stop()) }()
	file := filepath.Join(root, "portillon.toml")
	player := []string{filepath.Join(bin, "portillon"), "demo-player"}
	if err := service.WriteConfig(file, demo.Centre{Player: player, Language: *lang}); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(r.out, "\nLa messagerie de l’étudiant (son « téléphone ») : %s/\nLe portail : %s/\nConfiguration : %s\nJournaux : %s\n",
		service.Mailbox, service.Portal, file, logs.Name()); err != nil {
		return err
	}
	tablet, err := demo.StartTablet(demo.TabletOptions{Bin: filepath.Join(bin, "portillon"), Config: file,
		Size: *size, StateDir: state, Log: logs})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return tablet.Stop()
	case <-tablet.Done():
		return fmt.Errorf("the tablet has ended; %s says why", logs.Name())
	case <-service.Done():
		return errors.Join(fmt.Errorf("the service has ended; %s says why", logs.Name()), tablet.Stop())
	}
}

// prepare makes what a rehearsal writes to: its directory, the service's and the tablet's
// in it, and the log.
func prepare(dir string) (root, data, state string, logs *os.File, err error) {
	if root, err = filepath.Abs(dir); err != nil {
		return "", "", "", nil, err
	}
	data, state = filepath.Join(root, "data"), filepath.Join(root, "state")
	for _, d := range []string{data, state} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return "", "", "", nil, err
		}
	}
	logs, err = os.Create(filepath.Join(root, "log.jsonl"))
	return root, data, state, logs, err
}

// beside is the directory of this program, where the other two are.
func beside() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.Dir(exe), nil
}

// sieve sends log lines (JSON objects) to the log and everything else to people.
type sieve struct {
	people, machines io.Writer
	rest             []byte
}

func (s *sieve) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		end := bytes.IndexByte(s.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		to := s.people
		if s.rest[0] == '{' {
			to = s.machines
		}
		if _, err := to.Write(s.rest[:end+1]); err != nil {
			return 0, err
		}
		s.rest = s.rest[end+1:]
	}
}
