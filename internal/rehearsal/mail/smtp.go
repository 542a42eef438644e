package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// TLSMode is how a connection to the relay is protected.
type TLSMode string

// The modes.
const (
	TLSStart    TLSMode = "starttls" // STARTTLS or nothing is sent
	TLSImplicit TLSMode = "implicit" // TLS from the first byte (RFC 8314)
	TLSNone     TLSMode = "none"     // plain text; for a relay on loopback
)

// ErrTLSMode: not one of the three modes.
var ErrTLSMode = errors.New("wanted starttls, implicit or none")

// SMTP is a mail relay.
type SMTP struct {
	Addr           string // host:port
	TLS            TLSMode
	Roots          *x509.CertPool // nil: the system's
	User, Password string         // no authentication without User
	From           string         // the sender's address
	FromName       string
	Timeout        time.Duration // of connecting and of each command; 0: 10 s
	Now            func() time.Time
}

// Check reports what is wrong with the settings, without connecting.
func (s *SMTP) Check() error {
	_, err := s.client()
	return err
}

func (s *SMTP) client() (*gomail.Client, error) {
	host, portText, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, fmt.Errorf("mail relay: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("mail relay %s: port is not a number from 1 to 65535", s.Addr)
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	opts := []gomail.Option{
		gomail.WithPort(int(port)), gomail.WithTimeout(timeout), gomail.WithHELO("localhost"),
		gomail.WithTLSConfig(&tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12, Time: s.Now}),
	}
	switch s.TLS {
	case TLSStart:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case TLSImplicit:
		opts = append(opts, gomail.WithSSL())
	case TLSNone:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("mail relay: TLS mode %q: %w", s.TLS, ErrTLSMode)
	}
	if s.User != "" {
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	}
	c, err := gomail.NewClient(host, opts...)
	if err != nil {
		return nil, fmt.Errorf("mail relay: %w", err)
	}
	return c, nil
}

// Send hands m to the relay over a connection of its own.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg := gomail.NewMsg()
	if err := msg.FromFormat(s.FromName, s.From); err != nil {
		return fmt.Errorf("%w: sender's address", ErrRefused)
	}
	if err := msg.To(m.To); err != nil {
		return fmt.Errorf("%w: recipient's address", ErrRefused) // the cause would quote it
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(s.Now())
	if m.ID == "" {
		msg.SetMessageID()
	} else {
		_, domain, _ := strings.Cut(s.From, "@") // checked by FromFormat
		msg.SetMessageIDWithValue(m.ID + "@" + domain)
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no vacation answers
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	client, err := s.client()
	if err != nil {
		return err
	}
	return classify(client.DialAndSendWithContext(ctx, msg))
}

// classify keeps of a relay's error what is safe to log: replies of mail servers
// like to quote the recipient.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var send *gomail.SendError
	if errors.As(err, &send) {
		if code := send.ErrorCode(); code >= 500 {
			return fmt.Errorf("%w: %d", ErrRefused, code)
		} else if code > 0 {
			return fmt.Errorf("relay: temporary refusal %d", code)
		}
		return errors.New("relay: the connection broke while sending")
	}
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errors.New("relay: timed out")
	case errors.As(err, &cert):
		return errors.New("relay: its certificate is not trusted")
	case errors.As(err, &op):
		return fmt.Errorf("relay: %w", op) // addresses of hosts, not of people
	}
	return errors.New("relay: greeting, TLS or authentication failed")
}
