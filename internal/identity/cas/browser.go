package cas

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// browser is what CAS takes for one: cookies, a constant User-Agent (httpwire's), and a
// way from page to page. It never leaves the CAS.
type browser struct {
	p    *Provider
	link *httpwire.Link
	jar  http.CookieJar
}

func (p *Provider) newBrowser(l *httpwire.Link) (*browser, error) {
	jar, err := cookiejar.New(nil) // one host: no list of public suffixes is needed
	if err != nil {
		return nil, identity.Fail(opDiscover, identity.Misconfigured, "no cookies")
	}
	return &browser{p: p, link: l, jar: jar}, nil
}

// stop is where a request led to: a page, or the address that a login ends at.
type stop struct {
	answer *httpwire.Answer
	page   *page
	target *url.URL // the service with its ticket, or the redirect_uri with its code; nil: a page
	moved  bool     // by a redirect
	// cookies are those that came with the first answer, before any redirect.
	cookies []*http.Cookie
}

const maxRedirects = 10

// get fetches an address of the CAS's.
func (b *browser) get(ctx context.Context, op string, at *url.URL) (*stop, error) {
	return b.visit(ctx, httpwire.Request{Op: op, Method: http.MethodGet}, at)
}

// submit sends a form of a page, some of its fields set anew, and secret last as field. Each
// call sends one POST, whatever comes back.
func (b *browser) submit(ctx context.Context, op string, f *form, set map[string]string, name string, secret *identity.Secret) (*stop, error) {
	return b.visit(ctx, httpwire.Request{
		Op: op, Method: http.MethodPost, Body: f.fill(set, name).Encode(), Field: name, Secret: secret,
		Header: http.Header{"Content-Type": {httpwire.FormType}},
	}, f.action)
}

// visit sends r to an address and follows where it leads. Beside an error the stop is there if any
// answer came, be it a redirect alone.
func (b *browser) visit(ctx context.Context, r httpwire.Request, at *url.URL) (*stop, error) {
	s := &stop{}
	for hops := 0; ; hops++ {
		a, err := b.send(ctx, r, at)
		switch {
		case err != nil && hops == 0:
			return nil, err
		case err != nil:
			return s, err
		}
		s.answer = a
		if hops == 0 {
			s.cookies = cookies(a)
		}
		if a.Status < 300 || a.Status > 399 {
			s.page, err = b.read(a, at, r.Op)
			return s, err
		}
		next, why := b.redirect(a, at, r.Method)
		switch {
		case why == "" && hops >= maxRedirects:
			why = ReasonCircle
		case why == "" && b.p.target(next):
			s.target = next
			return s, nil
		case why == "" && !b.p.home(next):
			why = ReasonRedirect
		}
		if why != "" {
			return s, unexpected(a, r.Op, identity.UnexpectedAnswer, refusal(a.Status, why, nil))
		}
		at, s.moved = next, true
		r = httpwire.Request{Op: r.Op, Method: http.MethodGet}
	}
}

// redirect says where a redirect leads to.
func (b *browser) redirect(a *httpwire.Answer, at *url.URL, method string) (*url.URL, Reason) {
	switch a.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if method != http.MethodGet {
			return nil, ReasonReposts
		}
	default:
		return nil, ReasonRedirect
	}
	to := a.Header.Get("Location")
	u, err := url.Parse(to)
	if err != nil || to == "" {
		return nil, ReasonRedirect
	}
	return at.ResolveReference(u), ""
}

func (b *browser) send(ctx context.Context, r httpwire.Request, at *url.URL) (*httpwire.Answer, error) {
	r.URL = at.String()
	h := http.Header{}
	for name, values := range r.Header {
		h[name] = values
	}
	h.Set("Accept", "text/html,application/xhtml+xml")
	h.Set("Accept-Language", "fr")
	var sent []string
	for _, c := range b.jar.Cookies(at) {
		sent = append(sent, c.Name+"="+c.Value)
	}
	if len(sent) > 0 {
		h.Set("Cookie", strings.Join(sent, "; "))
	}
	r.Header = h
	a, err := b.link.Send(ctx, r)
	if err != nil {
		return nil, err
	}
	b.jar.SetCookies(at, cookies(a))
	return a, nil
}

func cookies(a *httpwire.Answer) []*http.Cookie { return (&http.Response{Header: a.Header}).Cookies() }

// read understands a page, or says what came instead of one.
func (b *browser) read(a *httpwire.Answer, at *url.URL, op string) (*page, error) {
	switch {
	case a.TooLong:
		return nil, unexpected(a, op, identity.UnexpectedAnswer, refusal(a.Status, ReasonTooLong, nil))
	case a.Busy():
		return nil, a.Wait(op)
	case a.Status == http.StatusLocked: // CAS's own: this address, or this person, tried too often
		e := a.Fail(op, identity.TooManyAttempts, "CAS wants no more tries for now")
		e.RetryAfter = a.RetryAfter()
		return nil, e
	case a.Status == http.StatusNetworkAuthenticationRequired, a.Status >= 500:
		return nil, a.Foreign(op)
	}
	p, err := readPage(a.Status, a.Header.Get("Content-Type"), a.Body, at, b.p.home)
	if err != nil {
		k := identity.UnexpectedAnswer
		if a.Status == http.StatusForbidden || a.Status == http.StatusNotFound {
			// What CAS says of a service, a client or an address that it does not know.
			k = identity.Misconfigured
		}
		return nil, unexpected(a, op, k, err)
	}
	return p, nil
}

// unexpected is the error for a page that was not taken; cause is an *UnexpectedPage.
func unexpected(a *httpwire.Answer, op string, k identity.Kind, cause error) *identity.Error {
	e := a.Fail(op, k, "")
	e.Err = cause
	return e
}

// outOfOrder: a page that is known, where another one should have come; or one for which there
// is no screen, where CAS asks for more than a password or a code.
func (s *stop) outOfOrder(op string) *identity.Error {
	cause := &UnexpectedPage{Status: s.answer.Status, Reason: ReasonOutOfOrder, Fingerprint: s.page.prints}
	if s.page.kind == pageOther {
		cause.Reason = ReasonOtherStep
		return unexpected(s.answer, op, identity.WebRequired, cause)
	}
	return unexpected(s.answer, op, identity.UnexpectedAnswer, cause)
}
