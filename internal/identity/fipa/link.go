package fipa

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"portillon/internal/dpop"
	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
	"portillon/internal/wire"
)

const maxAuthSession = 4 << 10

// link is a way to the service and the newest auth_session. A flow has one to itself.
type link struct {
	*httpwire.Link
	p *Provider
	// authSession is the newest; flows send it, and are not concurrent.
	authSession string
}

func newLink(p *Provider) *link { return &link{Link: p.http.NewLink(), p: p} }

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
			return nil, httpwire.NetworkError(ctx, c.op, ctx.Err())
		}
		return nil, identity.Fail(c.op, identity.Misconfigured, "no proof from the tablet's key")
	}
	header := http.Header{}
	header.Set(wire.HeaderDPoP, proof)
	return l.once(ctx, httpwire.Request{
		Op: c.op, Method: http.MethodPost, URL: c.url, Header: header,
		Body: c.form(), Field: c.field, Secret: c.secret,
	})
}

// get fetches url, which needs no proof.
func (l *link) get(ctx context.Context, op, url string) (*answer, error) {
	return l.once(ctx, httpwire.Request{Op: op, Method: http.MethodGet, URL: url})
}

// once sends r once and learns what every answer may teach.
func (l *link) once(ctx context.Context, r httpwire.Request) (*answer, error) {
	raw, err := l.Send(ctx, r)
	if err != nil {
		return nil, err
	}
	l.p.learnNonce(raw.Header.Get(wire.HeaderDPoPNonce))
	a := read(raw)
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
		Body:          io.NopCloser(bytes.NewReader(a.Body)),
		ContentLength: int64(len(a.Body)),
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
