package rehearsal

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"portillon/internal/procedure"
	"portillon/internal/rehearsal/demouniversity"
	"portillon/internal/rehearsal/mail"
	"portillon/internal/rehearsal/metrics"
	"portillon/internal/rehearsal/oauth"
)

// MaxCodeValid is the longest a one-time code may live (ASVS 5 §6.5, NIST SP
// 800-63B §3.1.3.2).
const MaxCodeValid = 10 * time.Minute

// defaultSetupURI is where students of the real UNESS create their password.
const defaultSetupURI = "https://portail.uness.fr"

// ErrOptions: the options contradict each other or leave something out.
var ErrOptions = errors.New("options")

// Options is how to serve. The zero value of a member is its default.
type Options struct {
	Listen     string // host:port; default 127.0.0.1:0
	IssuerHost string // the name clients use; default: Listen's host
	Data       string // directory of keys, CA and, without Database, the database; needed
	Database   string // postgres://…, for several processes; "": SQLite in Data
	Issuer     string // https://NAME[:PORT] by which tablets reach all processes; "": IssuerHost and Listen's port
	Demo       bool

	ClientID string       // default "portillon"
	SetupURI string       // where a password is created; default the portal, else https://portail.uness.fr
	Policy   oauth.Policy // default oauth.DefaultPolicy()

	// PortalListen is where the portal listens, host:port; default: any free port of
	// Listen's host. Universities is the file of university.Registrations; without it
	// there is a portal in the demonstration alone.
	PortalListen string
	Universities string

	// SMTP is the relay; nil is allowed with Demo, whose mailbox is the relay then.
	SMTP *mail.SMTP

	CockpitListen string // host:port of the cockpit; default: any free port of Listen's host

	// Every is how often the cockpit's changes of addresses take effect; default 15 min
	// (procedure.Slot). It divides an hour.
	Every time.Duration

	// PasswordQueue bounds the passwords that wait to be checked; 0: by the cores.
	PasswordQueue int

	// Metrics is where an operator's figures are served, host:port, over plain HTTP; "": nowhere.
	Metrics string

	Now func() time.Time // default time.Now
	Log *slog.Logger     // default: nowhere

	meter *metrics.Metrics // nil: nobody counts

	// For tests of what universities do wrong: more students, and what comes between the
	// portal and them. nil: none.
	students []demouniversity.Student
	between  func(http.RoundTripper) http.RoundTripper
}

func (o Options) complete() (Options, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.ClientID == "" {
		o.ClientID = "portillon"
	}
	if o.Policy == (oauth.Policy{}) {
		o.Policy = oauth.DefaultPolicy()
		o.Policy.EnrolLoopback = o.Demo
	}
	if o.Every == 0 {
		o.Every = procedure.Slot
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, o.check()
}

func (o Options) check() error {
	if err := o.checkListen(); err != nil {
		return err
	}
	switch {
	case o.Every < time.Second || time.Hour%o.Every != 0:
		return bad("changes of addresses every %s: wanted what divides an hour", o.Every)
	case o.Data == "":
		return bad("no data directory")
	case o.SMTP == nil && !o.Demo:
		return bad("no mail relay: codes could not be sent")
	case o.Policy.EnrolLoopback && !o.Demo:
		return bad("tablets enrol themselves in the demonstration alone")
	}
	if o.SMTP != nil {
		if err := o.SMTP.Check(); err != nil {
			return err
		}
	}
	return checkPolicy(o.Policy)
}

// issuerName is the host name in Issuer; "": there is none, or no plain https address.
func (o Options) issuerName() string {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Hostname() == "" || (&url.URL{Scheme: "https", Host: u.Host}).String() != o.Issuer {
		return ""
	}
	return u.Hostname()
}

func (o Options) checkListen() error {
	host, _, err := net.SplitHostPort(o.Listen)
	switch {
	case err != nil:
		return bad("listen %q: wanted HOST:PORT", o.Listen)
	case o.Issuer != "" && o.issuerName() == "":
		return bad("issuer %q: wanted https://NAME or https://NAME:PORT", o.Issuer)
	case o.IssuerHost == "" && o.Issuer == "" && (host == "" || net.ParseIP(host).IsUnspecified()):
		return bad("listen %q names no host for the issuer: give the name that tablets use", o.Listen)
	case o.PortalListen == "":
		return nil
	}
	if _, _, err := net.SplitHostPort(o.PortalListen); err != nil {
		return bad("portal listen %q: wanted HOST:PORT", o.PortalListen)
	}
	return nil
}

func checkPolicy(p oauth.Policy) error {
	for _, c := range []struct {
		what          string
		got, min, max time.Duration
	}{
		{"code validity", p.CodeValid, time.Second, MaxCodeValid},
		{"code grace", p.CodeGrace, 0, time.Minute},
		{"code resend", p.CodeResend, 0, MaxCodeValid},
		{"window of limits", p.Window, time.Minute, 24 * time.Hour},
	} {
		if c.got < c.min || c.got > c.max {
			return bad("%s %s: wanted %s to %s", c.what, c.got, c.min, c.max)
		}
	}
	if p.CodeTries < 1 || p.CodeFailures < 1 || p.Passwords < 1 || p.Sends < 1 {
		return bad("a limit below 1: start from oauth.DefaultPolicy")
	}
	return nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrOptions}, args...)...)
}
