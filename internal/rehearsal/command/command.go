// Package command is rehearsal's command line: it reads flags, calls the service
// and says in one line what went wrong. cmd/rehearsal alone calls it.
//
//	rehearsal serve             rehearsal.Start until SIGTERM
//	rehearsal tablets …         enrol, list, revoke: beside a running service or without one
//	rehearsal people import     accounts from a CSV file
//	rehearsal staff …           who may use the cockpit
//	rehearsal purge             forget what has expired
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Env is what a command may touch.
type Env struct {
	Stdout, Stderr io.Writer
}

const usage = `usage:
  rehearsal serve --data DIR | --database postgres://… [--listen 127.0.0.1:0] [--smtp HOST:PORT] [--demo] …
  rehearsal tablets enrol --data DIR [--label TEXT] [--csv FILE] [THUMBPRINT]
  rehearsal tablets list --data DIR [--json]
  rehearsal tablets revoke --data DIR [--csv FILE] [THUMBPRINT]
  rehearsal people import --data DIR --csv FILE
  rehearsal staff add --data DIR --name NAME --role reader|manager|admin --password-file FILE LOGIN
  rehearsal staff password --data DIR --password-file FILE LOGIN
  rehearsal staff disable --data DIR LOGIN
  rehearsal staff list --data DIR
  rehearsal purge --data DIR
With a service on PostgreSQL it is --database postgres://… in place of --data DIR.
"rehearsal COMMAND -h" lists a command's flags.
`

// errHelp: help was asked for and given.
var errHelp = errors.New("help")

// Run runs one command line, without the program's name, and returns the exit
// code: 0 done, 1 failed, 2 not understood.
func Run(ctx context.Context, args []string, env Env) int {
	err := dispatch(ctx, args, env)
	var u *usageError
	switch {
	case err == nil, errors.Is(err, errHelp):
		return 0
	case errors.As(err, &u):
		fmt.Fprintln(env.Stderr, "rehearsal: "+oneLine(err))
		return 2
	}
	fmt.Fprintln(env.Stderr, "rehearsal: "+oneLine(err))
	return 1
}

// oneLine makes one line of joined errors.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// usageError: the command line was not understood.
type usageError struct{ why string }

func (e *usageError) Error() string { return e.why + " (see rehearsal -h)" }

func dispatch(ctx context.Context, args []string, env Env) error {
	name, rest := head(args)
	switch name {
	case "serve":
		return serve(ctx, rest, env)
	case "tablets":
		return tablets(ctx, rest, env)
	case "people":
		return importPeople(ctx, rest, env)
	case "staff":
		return staff(ctx, rest, env)
	case "purge":
		return purge(ctx, rest, env)
	case "-h", "--help", "help":
		_, err := io.WriteString(env.Stdout, usage)
		return errors.Join(err, errHelp)
	case "":
		return &usageError{"no command"}
	}
	return &usageError{fmt.Sprintf("unknown command %q", name)}
}

func head(args []string) (string, []string) {
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}

// parse reads flags and at most most operands, in any order, and returns the operands.
func parse(fs *flag.FlagSet, args []string, most int, env Env) (operands []string, err error) {
	fs.SetOutput(io.Discard)
	for {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fs.SetOutput(env.Stdout)
			fmt.Fprintf(env.Stdout, "flags of %s:\n", fs.Name())
			fs.PrintDefaults()
			return nil, errHelp
		}
		if err != nil {
			return nil, &usageError{fs.Name() + ": " + err.Error()}
		}
		if fs.NArg() == 0 {
			return operands, nil
		}
		if len(operands) == most {
			return nil, &usageError{fmt.Sprintf("%s: unexpected %q", fs.Name(), fs.Arg(0))}
		}
		operands, args = append(operands, fs.Arg(0)), fs.Args()[1:]
	}
}
