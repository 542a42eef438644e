package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"portillon/internal/rehearsal/password"
	"portillon/internal/rehearsal/store"
)

// minStaffPassword is the least length of a password of staff, in characters (NIST SP
// 800-63B §3.1.1.2 for a password alone: 15; this one also has a limit of tries).
const minStaffPassword = 12

type staffFlags struct {
	dir, name, role, file string
	login                 string
}

// staff adds, lists and disables those who may use the cockpit.
func staff(ctx context.Context, args []string, env Env) error {
	verb, rest := head(args)
	set := flag.NewFlagSet("staff "+verb, flag.ContinueOnError)
	var f staffFlags
	set.StringVar(&f.dir, "data", "", "`DIR` of the service")
	operands := 1
	switch verb {
	case "add":
		set.StringVar(&f.name, "name", "", "the person's `NAME`, as pages and log show it")
		set.StringVar(&f.role, "role", string(store.RoleReader), "`ROLE`: reader, manager or admin")
		set.StringVar(&f.file, "password-file", "", "`FILE` with the password on its first line; -: standard input")
	case "password":
		set.StringVar(&f.file, "password-file", "", "`FILE` with the password on its first line; -: standard input")
	case "disable":
	case "list":
		operands = 0
	default:
		return &usageError{fmt.Sprintf("staff: unknown %q, wanted add, password, disable or list", verb)}
	}
	words, err := parse(set, rest, operands, env)
	if err != nil {
		return err
	}
	if f.login, _ = head(words); operands == 1 && f.login == "" {
		return &usageError{"staff " + verb + ": LOGIN is needed"}
	}
	if verb == "list" {
		return with(ctx, f.dir, func(db *store.DB) error { return listStaff(ctx, db, env.Stdout) })
	}
	return changeStaff(ctx, verb, f, env)
}

func changeStaff(ctx context.Context, verb string, f staffFlags, env Env) error {
	phc := ""
	if verb != "disable" {
		text, err := readPassword(f.file)
		if err != nil {
			return err
		}
		phc = password.Hash(text)
	}
	if verb == "add" && (f.name == "" || !slices.Contains(store.Roles(), store.Role(f.role))) {
		return &usageError{"staff add: --name NAME and --role reader, manager or admin are needed"}
	}
	return with(ctx, f.dir, func(db *store.DB) error {
		return db.Write(ctx, func(tx *store.Tx) error {
			now := time.Now()
			found, err := true, error(nil)
			switch verb {
			case "add":
				err = tx.AddStaff(store.Staff{Login: f.login, Name: f.name, Role: store.Role(f.role), Password: phc}, now)
			case "password":
				found, err = tx.SetStaffPassword(f.login, phc)
			default:
				found, err = tx.DisableStaff(f.login, now)
			}
			if err == nil && !found {
				err = errors.New("staff: no such login; nothing was changed")
			}
			if err != nil {
				return err
			}
			return tx.AddAudit(now, store.Entry{Actor: "rehearsal", Action: "staff." + verb, After: store.Normalise(f.login)})
		})
	})
}

// readPassword reads a file's first line; never an argument, which others can see.
func readPassword(file string) (string, error) {
	var b []byte
	var err error
	switch file {
	case "":
		return "", &usageError{"staff: --password-file FILE is needed"}
	case "-":
		b, err = io.ReadAll(io.LimitReader(os.Stdin, password.MaxBytes+2))
	default:
		b, err = os.ReadFile(file)
	}
	if err != nil {
		return "", fmt.Errorf("--password-file: %w", err)
	}
	text, _, _ := strings.Cut(string(b), "\n")
	text = strings.TrimSuffix(text, "\r")
	if n := len([]rune(text)); n < minStaffPassword || len(text) > password.MaxBytes {
		return "", fmt.Errorf("--password-file: a password has %d characters at least, %d bytes at most", minStaffPassword, password.MaxBytes)
	}
	return text, nil
}

func listStaff(ctx context.Context, db *store.DB, w io.Writer) error {
	var list []store.Staff
	err := db.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.ListStaff()
		return err
	})
	if err != nil {
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range list {
		state := "active"
		if !s.DisabledAt.IsZero() {
			state = "disabled"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", s.Login, s.Role, state, s.Name)
	}
	return tw.Flush()
}
