package httpwire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"portillon/internal/identity"
)

const (
	// writeBuffer holds the largest request in one piece: conn needs it whole.
	writeBuffer = 48 << 10
	maxHeader   = 32 << 10
	// idleFor is shorter than what servers keep an idle connection for, so that a
	// password does not meet one that is just being closed.
	idleFor   = 15 * time.Second
	userAgent = "portillon"

	// FormType is the content type of a Request with a secret: conn writes the secret
	// percent-encoded.
	FormType = "application/x-www-form-urlencoded"
)

// Link is a way to the service: connections of its own, and one secret at a time. A login
// has one to itself.
type Link struct {
	s         *Service
	transport *http.Transport
	slot      slot
}

// NewLink opens nothing yet.
func (s *Service) NewLink() *Link {
	l := &Link{s: s}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	l.transport = &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := s.cfg.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c, slot: &l.slot}, nil
		},
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, cork, err := s.dialTLS(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c, slot: &l.slot, cork: cork}, nil
		},
		Protocols:              protocols,
		DisableCompression:     true,
		MaxConnsPerHost:        2,
		IdleConnTimeout:        idleFor,
		MaxResponseHeaderBytes: maxHeader,
		WriteBufferSize:        writeBuffer,
	}
	return l
}

// Close drops the connections nobody uses, and with them their buffers and keys. The
// link can be used again.
func (l *Link) Close() { l.transport.CloseIdleConnections() }

// Request is one request of an adapter.
type Request struct {
	// Op names the step in errors.
	Op string
	// Method and URL, which must be of the service's own origin. No secret is in a URL.
	Method, URL string
	// Header is added to; Accept is JSON unless it says otherwise.
	Header http.Header
	// Body is sent as it is; with a Secret it is a form (FormType).
	Body string
	// Field is added to the form, last, with Secret as its value; "" for none.
	Field  string
	Secret *identity.Secret
}

// Send sends r once and reads its answer. It follows no redirect. The error is an
// *identity.Error: no answer came, or not in time.
func (l *Link) Send(ctx context.Context, r Request) (*Answer, error) {
	if !l.s.SameOrigin(r.URL) {
		return nil, identity.Fail(r.Op, identity.Misconfigured, "an address of another service")
	}
	body := []byte(r.Body)
	if r.Secret != nil {
		width := escaped(r.Secret)
		if len(body) > 0 {
			body = append(body, '&')
		}
		body = fmt.Appendf(body, "%s=%s", r.Field, strings.Repeat(string(placeholder), width))
		l.slot.arm(body, width, r.Secret)
		defer l.slot.disarm()
	}
	var reader io.Reader // none, and no Content-Length, for a GET
	if r.Method != http.MethodGet {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, reader)
	if err != nil {
		return nil, identity.Fail(r.Op, identity.Misconfigured, "not an address")
	}
	// net/http sends a body again only if it can rewind it; and it writes a head and a body in
	// one piece only if the body is one of bytes or strings.
	req.GetBody = nil
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if len(body) > 0 {
		req.Header.Set("Content-Type", FormType)
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	return l.once(req, r.Op)
}

func (l *Link) once(req *http.Request, op string) (*Answer, error) {
	parent := req.Context()
	ctx, cancel := context.WithTimeout(parent, l.s.cfg.Timeout)
	defer cancel()
	resp, err := l.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, NetworkError(parent, op, err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing to lose: the body was read, or is refused
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(l.s.cfg.MaxAnswer)+1))
	if err != nil {
		return nil, NetworkError(parent, op, err)
	}
	return &Answer{
		Status: resp.StatusCode, Header: resp.Header, Body: body, Now: l.s.cfg.Now(),
		TooLong: len(body) > l.s.cfg.MaxAnswer, CorrelationHeader: l.s.cfg.CorrelationHeader,
	}, nil
}

// Keep clones a secret that holds something, so that its owner may wipe it at any time. Where
// nothing was typed, nothing is sent: it fails with empty.
func Keep(op string, s *identity.Secret, empty identity.Kind) (*identity.Secret, error) {
	if s == nil || s.Len() == 0 {
		return nil, identity.Fail(op, empty, "nothing was typed, nothing was sent")
	}
	c, err := s.Clone()
	if err != nil {
		return nil, identity.Fail(op, identity.Misconfigured, "no locked memory for the secret")
	}
	return c, nil
}
