package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"portillon/internal/procedure"
	"portillon/internal/rehearsal"
	"portillon/internal/rehearsal/demouniversity"
	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/oauth"
	"portillon/internal/rehearsal/people"
)

// shutdownTimeout bounds how long requests under way may take to finish.
const shutdownTimeout = 10 * time.Second

type serveFlags struct {
	options      rehearsal.Options
	smtp         mail.SMTP
	tls          string
	passwordFile string
}

func serve(ctx context.Context, args []string, env Env) error {
	f := serveFlags{options: rehearsal.Options{Policy: oauth.DefaultPolicy()}}
	fs := f.set()
	if _, err := parse(fs, args, 0, env); err != nil {
		return err
	}
	if err := f.settle(fs); err != nil {
		return err
	}
	collectRarely()
	f.options.Log = slog.New(rehearsal.CorrelationHandler{Handler: slog.NewJSONHandler(env.Stderr, nil)})
	srv, err := rehearsal.Start(ctx, f.options)
	if err != nil {
		return ofFlag(err)
	}
	defer func() { _ = srv.Close(context.WithoutCancel(ctx)) }() // closed below; again on an early return
	if u, err := url.Parse(f.options.Database); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			f.options.Log.Warn("the database's password stands in the command line, where others on this machine can read it: a passfile keeps it (PGPASSFILE)")
		}
	}
	if f.options.Demo {
		if err := people.PrintDemo(env.Stderr); err != nil {
			return err
		}
		fmt.Fprintf(env.Stderr, "universités de démonstration : %s, ou à une autre prenom.nom ; mot de passe %s\n",
			people.Demos()[0].Login(), demouniversity.Password)
	}
	line := struct {
		Issuer  string `json:"issuer"`
		Cockpit string `json:"cockpit"`
		Portal  string `json:"portal"`
		Mailbox string `json:"mailbox"`
		CAFile  string `json:"ca_file"`
		CAPin   string `json:"ca_pin"`
		Listen  string `json:"listen"`
	}{srv.Issuer, srv.CockpitURL, srv.PortalURL, srv.MailboxURL, srv.CAFile, srv.CAPin, srv.Addr}
	if err := json.NewEncoder(env.Stdout).Encode(line); err != nil {
		return err
	}
	select {
	case err = <-srv.Failed():
	case <-ctx.Done():
		f.options.Log.Info("stopping")
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return errors.Join(err, srv.Close(stop))
}

const localRelay = "127.0.0.1:25"

func given(fs *flag.FlagSet, name string) bool {
	found := false
	fs.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

func (f *serveFlags) set() *flag.FlagSet {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	o, p := &f.options, &f.options.Policy
	fs.StringVar(&o.Listen, "listen", "127.0.0.1:0", "`HOST:PORT` to serve HTTPS on; port 0: any free one")
	fs.StringVar(&o.IssuerHost, "issuer-host", "", "`NAME` by which tablets reach the service, where --listen is 0.0.0.0")
	fs.StringVar(&o.CockpitListen, "cockpit-listen", "", "`HOST:PORT` of the cockpit; default: any free port of --listen's host")
	fs.DurationVar(&o.Every, "every", procedure.Slot, "how often the cockpit's changes of addresses take effect; shorter for demonstrations")
	fs.StringVar(&o.Metrics, "metrics", "", "`HOST:PORT` for an operator: /metrics, /healthz, /readyz over plain HTTP; default: nowhere")
	fs.StringVar(&o.Data, "data", "", "`DIR` for database, keys and CA; made when missing; with --database: for keys and CA, default $STATE_DIRECTORY, else $XDG_STATE_HOME/rehearsal")
	fs.StringVar(&o.Database, "database", "", "`postgres://USER@HOST:PORT/NAME`, for several processes; a password belongs into a passfile (PGPASSFILE)")
	fs.StringVar(&o.Issuer, "issuer", "", "`https://NAME[:PORT]` by which tablets reach all processes, where that is not this one's own address")
	fs.BoolVar(&o.Demo, "demo", false, "demonstration: accounts with public passwords, a mailbox, tablets from loopback enrol themselves")
	fs.StringVar(&o.ClientID, "client-id", "portillon", "the client's `ID`")
	fs.StringVar(&o.SetupURI, "setup-uri", "", "`URL` where a password is created; default: the portal, else https://portail.uness.fr")
	fs.StringVar(&o.PortalListen, "portal-listen", "", "`HOST:PORT` to serve the portal on; default: --listen's host, any free port")
	fs.StringVar(&o.Universities, "universities", "", "`FILE` (JSON) of the universities the portal is registered with; --demo plays them all")
	fs.DurationVar(&p.CodeValid, "code-valid", p.CodeValid, "how long a one-time code lives; at most 10m")
	fs.DurationVar(&p.CodeGrace, "code-grace", p.CodeGrace, "silent grace after that")
	fs.DurationVar(&p.CodeResend, "code-resend", p.CodeResend, "least time between two codes")
	fs.BoolVar(&p.RequireNonce, "require-dpop-nonce", true, "demand a DPoP nonce of the service (RFC 9449 §8)")
	fs.StringVar(&f.smtp.Addr, "smtp", "", "mail relay, `HOST:PORT`; default: the machine's own, with --demo the mailbox")
	fs.StringVar(&f.tls, "smtp-tls", string(mail.TLSStart), "starttls, implicit or none")
	fs.StringVar(&f.smtp.User, "smtp-user", "", "`NAME` to authenticate with")
	fs.StringVar(&f.passwordFile, "smtp-password-file", "", "`FILE` with the password on its first line")
	fs.StringVar(&f.smtp.From, "mail-from", "ne-pas-repondre@univ-uness.fr", "sender's `ADDRESS`")
	return fs
}

// stateDirectory is where keys and CA are kept when nobody says where.
func stateDirectory() (string, error) {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "rehearsal"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &usageError{"serve: --data DIR is needed: " + err.Error()}
	}
	return filepath.Join(home, ".local", "state", "rehearsal"), nil
}

// settle turns flags into options and says what is missing.
func (f *serveFlags) settle(fs *flag.FlagSet) error {
	o := &f.options
	switch {
	case o.Data == "" && o.Database == "":
		return &usageError{"serve: --data DIR or --database postgres://… is needed"}
	case f.smtp.Addr == "" && !o.Demo:
		// The machine's own mail server, as sendmail would.
		f.smtp.Addr = localRelay
		if !given(fs, "smtp-tls") {
			f.tls = string(mail.TLSNone)
		}
	}
	if o.Data == "" {
		var err error
		if o.Data, err = stateDirectory(); err != nil {
			return err
		}
	}
	o.Policy.EnrolLoopback = o.Demo
	if f.smtp.Addr == "" {
		return nil
	}
	f.smtp.TLS = mail.TLSMode(f.tls)
	if (f.smtp.User == "") != (f.passwordFile == "") {
		return &usageError{"serve: --smtp-user and --smtp-password-file go together"}
	}
	if f.passwordFile != "" {
		b, err := os.ReadFile(f.passwordFile)
		if err != nil {
			return fmt.Errorf("--smtp-password-file: %w", err)
		}
		f.smtp.Password, _, _ = strings.Cut(string(b), "\n")
		f.smtp.Password = strings.TrimSuffix(f.smtp.Password, "\r")
	}
	o.SMTP = &f.smtp
	return nil
}
