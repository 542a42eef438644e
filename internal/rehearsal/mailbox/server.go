package mailbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/emersion/go-smtp"
)

// Servers are a box's two doors, on loopback ports of their own.
type Servers struct {
	SMTPAddr string // host:port
	URL      string // http://127.0.0.1:PORT: loopback never leaves the machine, and no browser warns
	smtp     *smtp.Server
	web      *http.Server
}

// Serve opens both doors. TLS is offered for STARTTLS with tlsConfig.
func (b *Box) Serve(ctx context.Context, tlsConfig *tls.Config, zone *time.Location) (*Servers, error) {
	handler, err := b.Handler(zone)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	mailDoor, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	webDoor, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("mailbox: %w", errors.Join(err, mailDoor.Close()))
	}
	s := &Servers{SMTPAddr: mailDoor.Addr().String(), URL: "http://" + webDoor.Addr().String()}
	s.smtp = smtp.NewServer(b)
	s.smtp.Domain = "localhost"
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.TLSConfig = tlsConfig
	s.smtp.MaxMessageBytes = maxMessageBytes
	s.smtp.MaxRecipients = maxRecipients
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = 30*time.Second, 30*time.Second
	s.smtp.ErrorLog = log.New(io.Discard, "", 0) // it quotes what clients send
	s.web = &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	// Both return when Close is called, with an error that says so.
	go func() { _ = s.smtp.Serve(mailDoor) }()
	go func() { _ = s.web.Serve(webDoor) }()
	return s, nil
}

// Close shuts both doors; what is under way may finish until ctx ends.
func (s *Servers) Close(ctx context.Context) error {
	return errors.Join(s.web.Shutdown(ctx), s.smtp.Shutdown(ctx))
}
