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

type staffFlags struct {
	at               place
	name, role, file string
	login            string
}

// staff adds, lists and disables those who may use the cockpit.
func staff(ctx context.Context, args []string, env Env) error {
	verb, rest := head(args)
	set := flag.NewFlagSet("staff "+verb, flag.ContinueOnError)
	var f staffFlags
	f.at.flags(set)
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
		return with(ctx, f.at, func(db *store.DB) error { return listStaff(ctx, db, env.Stdout) })
	}
	return changeStaff(ctx, verb, f, env)
}

func changeStaff(ctx context.Context, verb string, f staffFlags, env Env) error {
	if verb == "add" && (f.name == "" || !slices.Contains(store.Roles(), store.Role(f.role))) {
		return &usageError{"staff add: --name NAME and --role reader, manager or admin are needed"}
	}
	text := ""
	if verb != "disable" {
		var err error
		if text, err = readPassword(f.file); err != nil {
			return err
		}
	}
	return with(ctx, f.at, func(db *store.DB) error {
		return db.Write(ctx, func(tx *store.Tx) error {
			now := time.Now()
			if err := oneStaff(tx, verb, f, text, now); err != nil {
				return err
			}
			return tx.AddAudit(now, store.Entry{Actor: "rehearsal", Action: "staff." + verb, After: store.Normalise(f.login)})
		})
	})
}

// errNoStaff: the login is nobody's.
var errNoStaff = errors.New("staff: no such login; nothing was changed")

// oneStaff changes one member of staff; text is the new password, where there is one.
func oneStaff(tx *store.Tx, verb string, f staffFlags, text string, now time.Time) error {
	found, err := true, error(nil)
	switch verb {
	case "add":
		if err := judge(text, f.login, f.name); err != nil {
			return err
		}
		err = tx.AddStaff(store.Staff{Login: f.login, Name: f.name, Role: store.Role(f.role), Password: password.Hash(text)}, now)
	case "password":
		var s store.Staff
		if s, found, err = tx.StaffByLogin(f.login); err != nil || !found {
			break
		}
		if err := judge(text, s.Login, s.Name); err != nil {
			return err
		}
		_, err = tx.SetStaffPassword(f.login, password.Hash(text))
	default:
		found, err = tx.DisableStaff(f.login, now)
	}
	if err == nil && !found {
		return errNoStaff
	}
	return err
}

// errPassword: the portal would not take the password either.
var errPassword = errors.New("--password-file")

// judge holds a password of staff to what students' are held to (password.Judge). The
// error quotes none of it.
func judge(text string, about ...string) error {
	why := ""
	switch v := password.Judge(text, about...); v.Fault {
	case password.FaultNone:
		return nil
	case password.FaultEmpty, password.FaultShort:
		why = fmt.Sprintf("a password has %d characters at least", password.MinLength)
	case password.FaultLong:
		why = fmt.Sprintf("a password has %d characters at most", password.MaxLength)
	case password.FaultCharacter:
		why = "a password has letters of French, digits and these characters alone: " + password.Specials
	case password.FaultEdges:
		why = "a password neither begins nor ends with a space"
	case password.FaultCommon:
		why = "this password is guessed too soon: add a word or two that have nothing to do with it"
	}
	return fmt.Errorf("%w: %s", errPassword, why)
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
		return "", fmt.Errorf("%w: %w", errPassword, err)
	}
	text, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(text, "\r"), nil
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
