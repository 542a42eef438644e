package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"

	"portillon/internal/config"
)

// finding is an error or a warning about a configuration, for --json.
type finding struct {
	Line    int    `json:"line,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

// report is the JSON answer of config check. The lists are never null.
type report struct {
	File     string    `json:"file"`
	OK       bool      `json:"ok"`
	Errors   []finding `json:"errors"`
	Warnings []finding `json:"warnings"`
}

func configCheck(_ context.Context, r run, args []string) error {
	file, asJSON, err := fileArg(args)
	if err != nil {
		return err
	}
	var errs, warnings config.Errors
	c, err := config.Load(file)
	switch {
	case errors.As(err, &errs):
	case err != nil: // there is no file to speak of
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			err = path.Err // the rest names the file again
		}
		errs = config.Errors{{File: file, Msg: err.Error()}}
	default:
		warnings = c.Warnings()
	}
	if asJSON {
		err = json.NewEncoder(r.out).Encode(report{file, len(errs) == 0, findings(errs), findings(warnings)})
	} else {
		err = r.sayFindings(file, errs, warnings)
	}
	if err == nil && len(errs) > 0 {
		err = errSaid
	}
	return err
}

func (r run) sayFindings(file string, errs, warnings config.Errors) error {
	var err error
	say := func(w io.Writer, format string, args ...any) {
		_, werr := fmt.Fprintf(w, format, args...)
		err = errors.Join(err, werr)
	}
	for _, e := range errs {
		say(r.err, "%v\n", e)
	}
	for _, w := range warnings {
		say(r.err, "%v (warning)\n", w)
	}
	if len(errs) == 0 {
		say(r.out, "%s: valid\n", file)
	}
	return err
}

func findings(errs config.Errors) []finding {
	out := make([]finding, len(errs))
	for i, e := range errs {
		out[i] = finding{e.Line, e.Key, e.Msg}
	}
	return out
}

// fileArg reads "FILE [--json]" in either order.
func fileArg(args []string) (file string, asJSON bool, err error) {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Main says it
	flags.BoolVar(&asJSON, "json", false, "")
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return "", false, fmt.Errorf("%w: %w", errUsage, err)
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		if file != "" {
			return "", false, fmt.Errorf("%w: one FILE at a time", errUsage)
		}
		file, args = args[0], args[1:]
	}
	if file == "" {
		return "", false, fmt.Errorf("%w: which FILE?", errUsage)
	}
	return file, asJSON, nil
}
