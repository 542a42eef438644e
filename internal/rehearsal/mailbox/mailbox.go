// Package mailbox plays the students' phones in a demonstration: an SMTP server
// that takes every message for everyone, and a page that shows them. Only the
// service's --demo starts it, only on loopback, and it keeps messages in memory
// alone: what is in them are live codes.
//
//	relay ─SMTP, STARTTLS─→ session.Data → Box.add → GET /api/messages   JSON, newest first
//	                                              → GET /                a page for people
package mailbox

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"encoding/base64"

	"github.com/emersion/go-smtp"
)

// Bounds of what is kept and taken.
const (
	keep            = 5000
	maxMessageBytes = 256 << 10
	maxRecipients   = 16
)

// Message is one mail as a phone shows it.
type Message struct {
	ID         string    `json:"id"`
	To         string    `json:"to"`
	From       string    `json:"from"`
	Subject    string    `json:"subject"`
	ReceivedAt time.Time `json:"received_at"`
	Text       string    `json:"text"`
}

// Box keeps the newest messages. It is safe for concurrent use.
type Box struct {
	now func() time.Time

	mu       sync.Mutex
	messages []Message // oldest first
	serial   int
}

// New returns an empty box.
func New(now func() time.Time) *Box { return &Box{now: now} }

// Messages lists, newest first, the messages to an address, or all for "".
func (b *Box) Messages(to string) []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Message{} // an empty JSON array, never null
	for _, m := range slices.Backward(b.messages) {
		if to == "" || strings.EqualFold(m.To, to) {
			out = append(out, m)
		}
	}
	return out
}

func (b *Box) add(m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serial++
	m.ID, m.ReceivedAt = strconv.Itoa(b.serial), b.now()
	if len(b.messages) >= keep {
		b.messages = slices.Delete(b.messages, 0, keep/10)
	}
	b.messages = append(b.messages, m)
}

// NewSession makes Box a smtp.Backend.
func (b *Box) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{box: b}, nil }

// session is one SMTP connection.
type session struct {
	box  *Box
	from string
	to   []string
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	m, err := parse(r)
	if err != nil {
		if _, drain := io.Copy(io.Discard, r); drain != nil {
			return drain
		}
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "unreadable message"}
	}
	if m.From == "" {
		m.From = s.from
	}
	for _, to := range s.to {
		m.To = to
		s.box.add(m)
	}
	return nil
}

// parse reads what a phone shows: sender, subject and the plain text.
func parse(r io.Reader) (Message, error) {
	msg, err := mail.ReadMessage(r)
	if err != nil {
		return Message{}, err
	}
	words := new(mime.WordDecoder)
	header := func(name string) string {
		v := msg.Header.Get(name)
		if dec, err := words.DecodeHeader(v); err == nil {
			return dec
		}
		return v // shown as it came: an unknown character set
	}
	text, err := plain(msg.Header.Get("Content-Type"), msg.Header.Get("Content-Transfer-Encoding"), msg.Body)
	if err != nil {
		return Message{}, err
	}
	return Message{From: header("From"), Subject: header("Subject"), Text: text}, nil
}

var errNoText = errors.New("no plain text part")

func plain(contentType, encoding string, body io.Reader) (string, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if contentType == "" {
		media, err = "text/plain", nil
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("content type: %w", err)
	case strings.HasPrefix(media, "multipart/"):
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return "", errNoText
			}
			if err != nil {
				return "", err
			}
			text, err := plain(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
			if !errors.Is(err, errNoText) {
				return text, err
			}
		}
	case media != "text/plain":
		return "", errNoText
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(body)
	return strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\r\n", "\n"), err
}
