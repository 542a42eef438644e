package cas

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// try is what one way through CAS is recognised by at its end (ModeOAuth).
type try struct{ state, verifier string }

func newTry() try { return try{state: rand.Text(), verifier: oauth2.GenerateVerifier()} }

// start is the address that a login begins at.
func (p *Provider) start(t try) *url.URL {
	if p.cfg.Mode == ModeService {
		return p.address("/login", url.Values{"service": {p.cfg.Service}})
	}
	u, err := url.Parse(p.oauth().AuthCodeURL(t.state, oauth2.S256ChallengeOption(t.verifier)))
	if err != nil {
		return p.address("/oauth2.0/authorize", nil) // New has parsed all there is in it
	}
	return u
}

// oauth is x/oauth2 set up for this CAS. The style of authentication is fixed, because
// finding it out sends a code twice.
func (p *Provider) oauth() *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.cfg.ClientID, RedirectURL: p.cfg.RedirectURI, Scopes: strings.Fields(p.cfg.Scope),
		Endpoint: oauth2.Endpoint{
			AuthURL:  p.address("/oauth2.0/authorize", nil).String(),
			TokenURL: p.address("/oauth2.0/accessToken", nil).String(), AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// Bounds on what CAS gives.
const (
	maxTicket = 2 << 10
	maxCookie = 8 << 10
	maxToken  = 16 << 10
	maxName   = 256
	maxLife   = 7 * 24 * 60 * 60 * 1e9 // of a token: a week; an exam is hours
)

// grant makes a session of where a login has ended.
func (p *Provider) grant(ctx context.Context, op string, b *browser, t try, s *stop) (*identity.Session, error) {
	now := p.http.Now()
	session := &identity.Session{Cookie: keepsake(s.cookies), GrantedAt: now}
	q := s.target.Query()
	if p.cfg.Mode == ModeService {
		if ticket := q.Get("ticket"); ticket == "" || len(ticket) > maxTicket || len(q["ticket"]) != 1 {
			return nil, s.answer.Fail(op, identity.UnexpectedAnswer, "the service without a ticket")
		}
		session.ServiceURL = s.target.String()
		return session, nil
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(t.state)) != 1:
		return nil, s.answer.Fail(op, identity.UnexpectedAnswer, "the state is another one's")
	case q.Has("error"):
		return nil, s.answer.Fail(op, refusedBy(q.Get("error")), "CAS refuses this client")
	case q.Get("code") == "" || len(q.Get("code")) > maxTicket:
		return nil, s.answer.Fail(op, identity.UnexpectedAnswer, "no code")
	}
	tok, err := p.oauth().Exchange(p.client(ctx, b.link, opToken), q.Get("code"), oauth2.VerifierOption(t.verifier))
	if err != nil {
		return nil, tokenError(ctx, opToken, err)
	}
	if err := p.take(session, tok); err != nil {
		return nil, err
	}
	if err := p.profile(ctx, b.link, session); err != nil {
		return nil, err
	}
	return session, nil
}

// refusedBy sorts RFC 6749 §4.1.2.1.
func refusedBy(code string) identity.Kind {
	switch code {
	case "server_error", "temporarily_unavailable":
		return identity.ServiceUnavailable
	case "access_denied":
		return identity.WebRequired
	}
	return identity.Misconfigured
}

// keepsake are the cookies that CAS gave with the grant, its session's among them whatever it
// is called. Those of the servlet container are of no use later.
func keepsake(cookies []*http.Cookie) string {
	var out []string
	for _, c := range cookies {
		if c.Value != "" && c.MaxAge >= 0 && !strings.HasPrefix(strings.ToUpper(c.Name), "JSESSION") {
			out = append(out, c.Name+"="+c.Value)
		}
	}
	s := strings.Join(out, "; ")
	if len(s) > maxCookie {
		return ""
	}
	return s
}

// take puts a token answer into a session.
func (p *Provider) take(s *identity.Session, tok *oauth2.Token) error {
	if !strings.EqualFold(tok.TokenType, "bearer") || len(tok.AccessToken) > maxToken || len(tok.RefreshToken) > maxToken {
		return identity.Fail(opToken, identity.UnexpectedAnswer, "not a bearer token")
	}
	s.AccessToken, s.RefreshToken, s.TokenType = tok.AccessToken, tok.RefreshToken, "Bearer"
	if tok.ExpiresIn > 0 {
		s.ExpiresAt = p.http.Now().Add(httpwire.Seconds(int(tok.ExpiresIn), maxLife))
	}
	return nil
}

// profile asks who the token is for.
func (p *Provider) profile(ctx context.Context, l *httpwire.Link, s *identity.Session) error {
	a, err := l.Send(ctx, httpwire.Request{
		Op: opToken, Method: http.MethodGet, URL: p.address("/oauth2.0/profile", nil).String(),
		Header: http.Header{"Authorization": {"Bearer " + s.AccessToken}},
	})
	if err != nil {
		return err
	}
	var who struct {
		ID         string         `json:"id"`
		Subject    string         `json:"sub"`
		Attributes map[string]any `json:"attributes"`
	}
	var flat map[string]any // cas.authn.oauth.core.user-profile-view-type = FLAT
	if a.Status != http.StatusOK || !a.Object(&who) || !a.Object(&flat) || who.ID == "" && who.Subject == "" {
		return a.Fail(opToken, identity.UnexpectedAnswer, "no profile")
	}
	if s.Subject = who.ID; s.Subject == "" {
		s.Subject = who.Subject
	}
	if s.Name = fullName(who.Attributes); s.Name == "" {
		s.Name = fullName(flat)
	}
	return nil
}

// fullName is what eduPerson, OpenID Connect and LDAP call it.
func fullName(attributes map[string]any) string {
	for _, names := range [][]string{{"displayName"}, {"name"}, {"cn"}, {"givenName", "sn"}, {"given_name", "family_name"}} {
		var parts []string
		for _, n := range names {
			if s := first(attributes[n]); s != "" {
				parts = append(parts, s)
			}
		}
		if s := httpwire.Display(strings.Join(parts, " "), maxName); s != "" && len(parts) == len(names) {
			return s
		}
	}
	return ""
}

// first is an attribute's first value, which CAS gives alone or in a list.
func first(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case []any:
		if len(v) > 0 {
			s, _ := v[0].(string)
			return strings.TrimSpace(s)
		}
	}
	return ""
}

// client lends a link to x/oauth2.
func (p *Provider) client(ctx context.Context, l *httpwire.Link, op string) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: tripper{l, op}})
}

// tripper gives x/oauth2 a good JSON object with status 200, or an *identity.Error.
type tripper struct {
	l  *httpwire.Link
	op string
}

// RoundTrip implements http.RoundTripper.
func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err := errors.Join(err, req.Body.Close()); err != nil {
		return nil, identity.Fail(t.op, identity.UnexpectedAnswer, "request has no body")
	}
	a, err := t.l.Send(req.Context(), httpwire.Request{Op: t.op, Method: http.MethodPost, URL: req.URL.String(), Body: string(body)})
	if err != nil {
		return nil, err
	}
	if err := tokenAnswer(t.op, a); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: req,
	}, nil
}

// tokenAnswer says what is wrong with an answer of the token endpoint; nil for nothing.
func tokenAnswer(op string, a *httpwire.Answer) error {
	var refused struct {
		Error string `json:"error"`
	}
	switch {
	case a.Busy():
		return a.Wait(op)
	case !a.Object(&refused):
		return a.Foreign(op)
	case refused.Error == "invalid_grant" && op == opRenew:
		return a.Fail(op, identity.SessionExpired, "CAS no longer knows the session")
	case refused.Error != "":
		return a.Fail(op, refusedBy(refused.Error), "CAS refuses the exchange")
	case a.Status != http.StatusOK:
		return a.Foreign(op)
	}
	return nil
}

// tokenError finds this package's own error in what x/oauth2 and net/http wrapped
// around it. Theirs quote the answer.
func tokenError(ctx context.Context, op string, err error) error {
	var e *identity.Error
	if errors.As(err, &e) {
		return e
	}
	if ctx.Err() != nil {
		return httpwire.NetworkError(ctx, op, ctx.Err())
	}
	return identity.Fail(op, identity.UnexpectedAnswer, "not a token answer")
}

// surprise: a login has ended where none was given anything yet.
func (s *stop) surprise(op string) *identity.Error {
	return unexpected(s.answer, op, identity.UnexpectedAnswer, &UnexpectedPage{Status: s.answer.Status, Reason: ReasonOutOfOrder, Fingerprint: fingerprint(nil)})
}
