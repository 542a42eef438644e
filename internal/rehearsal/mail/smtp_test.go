package mail_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"portillon/internal/rehearsal/ca"
	"portillon/internal/rehearsal/mail"
)

// server is a relay that wants a name and a password.
type server struct {
	mu    sync.Mutex
	texts []string
}

type conn struct {
	*server
	known bool
}

func (s *server) NewSession(*smtp.Conn) (smtp.Session, error) { return &conn{server: s}, nil }

func (c *conn) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *conn) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "relais" || password != "secret du relais" {
			return smtp.ErrAuthFailed
		}
		c.known = true
		return nil
	}), nil
}

func (c *conn) Reset()        {}
func (c *conn) Logout() error { return nil }

func (c *conn) Mail(string, *smtp.MailOptions) error {
	if !c.known {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (c *conn) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (c *conn) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, string(b))
	return err
}

func (s *server) serve(t *testing.T, a *ca.Authority, implicit bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(s)
	srv.Domain, srv.TLSConfig = "localhost", a.Config()
	addr := l.Addr().String()
	if implicit {
		l = tls.NewListener(l, a.Config())
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return addr
}

func TestRelays(t *testing.T) {
	authority, err := ca.Open(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ca.Open(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	message := mail.Message{To: "etudiante@example.fr", Subject: "Votre code", Text: "Bonjour,\n\n012345\n"}
	for name, c := range map[string]struct {
		implicit bool
		change   func(*mail.SMTP)
		want     string // "" for sent
	}{
		"STARTTLS":     {false, func(*mail.SMTP) {}, ""},
		"implicit TLS": {true, func(s *mail.SMTP) { s.TLS = mail.TLSImplicit }, ""},
		// Settings can be mended while the mail waits: none of these is for good.
		"another CA":     {false, func(s *mail.SMTP) { s.Roots = other.Pool() }, "certificate is not trusted"},
		"wrong password": {false, func(s *mail.SMTP) { s.Password = "perdu" }, "authentication failed"},
		"nobody there":   {false, func(s *mail.SMTP) { s.Addr = "127.0.0.1:1" }, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := new(server)
			relay := &mail.SMTP{
				Addr: srv.serve(t, authority, c.implicit), TLS: mail.TLSStart, Roots: authority.Pool(),
				User: "relais", Password: "secret du relais", From: "uness@example.fr", FromName: "Compte UNESS", Now: time.Now,
			}
			c.change(relay)
			err := relay.Send(t.Context(), message)
			if c.want == "" {
				if err != nil || len(srv.texts) != 1 || !strings.Contains(srv.texts[0], "\r\n012345\r\n") {
					t.Errorf("%v, %q", err, srv.texts)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, mail.ErrRefused) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			for _, secret := range []string{"etudiante", "secret du relais", "perdu", "012345"} {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells %q: %v", secret, err)
				}
			}
		})
	}
}
