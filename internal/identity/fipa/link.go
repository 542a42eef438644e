package fipa

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/wire"
)

const (
	// writeBuffer holds the largest request in one piece: conn needs it whole.
	writeBuffer    = 48 << 10
	maxHeader      = 32 << 10
	maxAuthSession = 4 << 10
	// idleFor is shorter than what servers keep an idle connection for, so that a
	// password does not meet one that is just being closed.
	idleFor   = 15 * time.Second
	formType  = "application/x-www-form-urlencoded"
	userAgent = "portillon"
)

// link is a way to the service: connections of its own, one secret at a time, and
// the newest auth_session. A flow has one to itself.
type link struct {
	p         *Provider
	transport *http.Transport
	slot      slot
	// authSession is the newest; flows send it, and are not concurrent.
	authSession string
}

func newLink(p *Provider) *link {
	l := &link{p: p}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	l.transport = &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := p.cfg.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c, slot: &l.slot}, nil
		},
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, cork, err := p.dialTLS(ctx, network, addr)
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

// close drops the connections nobody uses, and with them their buffers and keys.
func (l *link) close() { l.transport.CloseIdleConnections() }

// call is one request to an endpoint.
type call struct {
	op, url string
	// form gives the encoded body. It is asked again for a repetition, because the
	// refusal may have brought another auth_session.
	form func() string
	// field is added last, with secret as its value; "" for none.
	field  string
	secret *identity.Secret
}

// post sends c, with a DPoP proof, and once more where the service asks for a
// nonce (RFC 9449 §8). The error is an *identity.Error.
func (l *link) post(ctx context.Context, c call) (*answer, error) {
	for try := 0; ; try++ {
		nonce := l.p.lastNonce()
		a, err := l.postOnce(ctx, c, nonce)
		if err != nil {
			return nil, err
		}
		if a.w.Error != wire.ErrorUseDPoPNonce || try > 0 || l.p.lastNonce() == nonce {
			return a, nil
		}
	}
}

func (l *link) postOnce(ctx context.Context, c call, nonce string) (*answer, error) {
	proof, err := l.p.cfg.Prover.Prove(ctx, dpop.Params{Method: http.MethodPost, URL: c.url, Nonce: nonce})
	if err != nil {
		if ctx.Err() != nil {
			return nil, l.p.networkError(ctx, c.op, ctx.Err())
		}
		return nil, identity.Fail(c.op, identity.Misconfigured, "no proof from the tablet's key")
	}
	body := []byte(c.form())
	if c.secret != nil {
		width := escaped(c.secret)
		body = fmt.Appendf(body, "&%s=%s", c.field, strings.Repeat(string(placeholder), width))
		l.slot.arm(body, width, c.secret)
		defer l.slot.disarm()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, identity.Fail(c.op, identity.Misconfigured, "endpoint is not a URL")
	}
	// net/http sends a body again only if it can rewind it; and it writes a head and a body in
	// one piece only if the body is one of bytes or strings.
	req.GetBody = nil
	req.Header.Set("Content-Type", formType)
	req.Header.Set(wire.HeaderDPoP, proof)
	return l.once(req, c.op)
}

// get fetches url, which needs no proof.
func (l *link) get(ctx context.Context, op, url string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, identity.Fail(op, identity.Misconfigured, "not a URL")
	}
	return l.once(req, op)
}

// once sends req once and reads its answer. The transport follows no redirect.
func (l *link) once(req *http.Request, op string) (*answer, error) {
	parent := req.Context()
	ctx, cancel := context.WithTimeout(parent, l.p.timeout)
	defer cancel()
	req = req.WithContext(ctx)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)

	resp, err := l.transport.RoundTrip(req)
	if err != nil {
		return nil, l.p.networkError(parent, op, err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing to lose: the body was read, or is refused
	l.p.learnNonce(resp.Header.Get(wire.HeaderDPoPNonce))
	body, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxAnswerBytes+1))
	if err != nil {
		return nil, l.p.networkError(parent, op, err)
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: body, now: l.p.cfg.Now()}
	a.parse()
	if s := a.w.AuthSession; s != "" && len(s) <= maxAuthSession {
		l.authSession = s
	}
	return a, nil
}

// tripper lends a link to x/oauth2 and go-oidc. They see a good JSON object with
// status 200, or an *identity.Error.
type tripper struct {
	l  *link
	op string
}

// RoundTrip implements http.RoundTripper.
func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	a, err := t.send(req)
	if err != nil {
		return nil, err
	}
	if err := a.object(t.op); err != nil {
		return nil, err
	}
	if a.w.Error != "" {
		return nil, a.failure(t.op)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(a.body)),
		ContentLength: int64(len(a.body)),
		Request:       req,
	}, nil
}

func (t tripper) send(req *http.Request) (*answer, error) {
	url := req.URL.String()
	if req.Method == http.MethodGet {
		return t.l.get(req.Context(), t.op, url)
	}
	body, err := io.ReadAll(req.Body)
	if err := errors.Join(err, req.Body.Close()); err != nil {
		return nil, identity.Fail(t.op, identity.UnexpectedAnswer, "request has no body")
	}
	return t.l.post(req.Context(), call{op: t.op, url: url, form: func() string { return string(body) }})
}

func (l *link) client(op string) *http.Client {
	return &http.Client{Transport: tripper{l, op}}
}

// unmarshal is strict where encoding/json is not: names match by case, and
// none may come twice.
func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v) }
