package cas

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"portillon/internal/identity"
	"portillon/internal/identity/httpwire"
)

// flow is one login under way. CAS's own flow is replaced by a fresh one whenever needed; the
// student sees nothing of it.
type flow struct {
	p     *Provider
	link  *httpwire.Link
	email identity.Email

	mu     sync.Mutex // Close may come while a cancelled Answer is on its way out
	b      *browser
	try    try
	page   *page     // the one CAS showed last; nil: none that is of use
	at     time.Time // when it did
	sent   bool      // a code was asked for
	offers identity.Challenge
	over   bool
}

// freshFor is how long a page is trusted to belong to a flow that CAS still knows, before
// a secret is given to it. CAS keeps a flow for minutes; a restart forgets it.
const freshFor = 5 * time.Second

// Begin implements identity.Provider.
func (p *Provider) Begin(ctx context.Context, email identity.Email) (identity.Flow, identity.Challenge, error) {
	f := &flow{p: p, link: p.http.NewLink(), email: email}
	if err := f.identify(ctx, opIdentify); err != nil {
		f.Close()
		return nil, identity.Challenge{}, err
	}
	f.offers.Password = f.page.kind == pagePassword || f.page.choices[choosePassword] != nil
	f.offers.EmailCode = f.page.kind == pageToken || f.page.choices[chooseToken] != nil
	if !f.offers.Password && !f.offers.EmailCode {
		f.Close()
		return nil, identity.Challenge{}, identity.Fail(opIdentify, identity.WebRequired, "neither password nor code is on offer")
	}
	if f.offers.EmailCode {
		f.offers.CodeValid = p.cfg.CodeValid
	}
	c := f.offers
	if f.page.kind == pageToken { // an account without a password: CAS has mailed a code unasked
		f.sent = true
		c = *f.challenge()
	}
	return f, c, nil
}

// identify opens a fresh flow of CAS's and says who it is for. It ends at what comes next.
func (f *flow) identify(ctx context.Context, op string) (err error) {
	if f.b, err = f.p.newBrowser(f.link); err != nil {
		return err
	}
	f.page, f.try = nil, newTry()
	s, err := f.p.first(ctx, f.b, op, f.try)
	switch {
	case err != nil:
		return err
	case s.page.kind == pagePassword: // it asks for both at once, and says nothing of who is known
		f.keep(s.page)
		return nil
	case s.page.kind != pageUsername:
		return s.outOfOrder(op)
	}
	s, err = f.b.submit(ctx, op, s.page.form, map[string]string{fieldUsername: f.email.Address()}, "", nil)
	switch {
	case err != nil:
		return err
	case s.page == nil:
		return s.surprise(op)
	case s.page.kind == pageUsername && s.moved:
		return s.answer.Fail(op, identity.SessionExpired, "CAS began anew")
	case s.page.kind == pageUsername:
		return s.answer.Fail(op, identity.AccountUnknown, "CAS asks who it is once more")
	case s.page.kind == pageOther:
		return s.outOfOrder(op)
	}
	f.keep(s.page)
	return nil
}

func (f *flow) keep(p *page) { f.page, f.at = p, f.p.http.Now() }

// fresh: the page can be trusted to be of use.
func (f *flow) fresh() bool {
	age := f.p.http.Now().Sub(f.at)
	return f.page != nil && age >= 0 && age < freshFor
}

// reach goes to the page of this kind: from the menu if it is at hand, else from the start.
func (f *flow) reach(ctx context.Context, op string, want kind, choice string) error {
	for again := false; ; again = true {
		if f.fresh() && f.page.kind == want && (want == pagePassword || again) {
			return nil
		}
		if f.fresh() && f.page.choices[choice] != nil {
			return f.choose(ctx, op, want, choice)
		}
		if again {
			return identity.Fail(op, identity.WebRequired, "this way to log in is not on offer")
		}
		if err := f.identify(ctx, op); err != nil {
			return err
		}
	}
}

func (f *flow) choose(ctx context.Context, op string, want kind, choice string) error {
	menu := f.page.choices[choice]
	f.page = nil
	s, err := f.b.submit(ctx, op, menu, nil, "", nil)
	switch {
	case err != nil:
		return err
	case s.page == nil:
		return s.surprise(op)
	case s.page.kind != want && s.moved:
		return s.answer.Fail(op, identity.SessionExpired, "CAS began anew")
	case s.page.kind != want:
		return s.outOfOrder(op)
	}
	f.keep(s.page)
	return nil
}

// Answer implements identity.Flow.
func (f *flow) Answer(ctx context.Context, a identity.Answer) (identity.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return httpwire.Turn{
		Over: f.over, Link: f.link, Password: f.password, Code: f.checkCode, Send: f.sendCode, End: f.end,
	}.Answer(ctx, a)
}

func (f *flow) password(ctx context.Context, secret *identity.Secret) (*identity.Session, error) {
	if err := f.reach(ctx, opPassword, pagePassword, choosePassword); err != nil {
		return nil, err
	}
	who := f.page.form.value(fieldUsername) // CAS's own name for the account, where it has looked it up
	if who == "" {
		who = f.email.Address()
	}
	set := map[string]string{}
	if f.page.form.count(fieldUsername) > 0 {
		set[fieldUsername] = who
	}
	return f.give(ctx, opPassword, set, fieldPassword, secret)
}

// sendCode asks for a code, in a flow of its own.
func (f *flow) sendCode(ctx context.Context) (*identity.Challenge, error) {
	if err := f.reach(ctx, opSendCode, pageToken, chooseToken); err != nil {
		return nil, err
	}
	f.sent = true
	return f.challenge(), nil
}

const (
	codeLength = 6 // cas.authn.passwordless.tokens.core.length there
	// resendAfter is this side's own patience: CAS mails at every request.
	resendAfter = 30 * time.Second
)

func (f *flow) challenge() *identity.Challenge {
	c := f.offers
	c.Sent = &identity.SentCode{Length: codeLength, ValidFor: f.p.cfg.CodeValid, ResendAfter: resendAfter}
	return &c
}

// checkCode gives a code to the page that CAS showed when it mailed one: no other flow can
// take it.
func (f *flow) checkCode(ctx context.Context, secret *identity.Secret) (*identity.Session, error) {
	switch {
	case !f.sent:
		return nil, identity.Fail(opCode, identity.WrongCode, "no code was asked for")
	case f.page == nil || f.page.kind != pageToken:
		return nil, identity.Fail(opCode, identity.CodeExpired, "CAS has begun anew since the code was sent")
	}
	return f.give(ctx, opCode, nil, fieldToken, secret)
}

// give submits a secret to the page at hand, once, and judges what comes.
func (f *flow) give(ctx context.Context, op string, set map[string]string, name string, secret *identity.Secret) (*identity.Session, error) {
	asked := f.page
	f.page = nil // an answer that is lost leaves no page to trust
	s, err := f.b.submit(ctx, op, asked.form, set, name, secret)
	if err != nil && !f.lost(s) {
		if op == opCode {
			err = f.codeLost(ctx, asked, s, err)
		}
		return nil, accountRefused(err)
	}
	if s.target == nil && f.grantedAll(s) {
		// CAS has let the student in, but lost where to on the way: it is asked once more, by
		// the session it has just given. The secret stays here.
		again, second := f.b.get(ctx, op, f.p.start(f.try))
		if second == nil && again.target != nil {
			again.cookies = s.cookies
			s, err = again, nil
		} else if more := (*UnexpectedPage)(nil); errors.As(second, &more) && more.Status == http.StatusOK && more.Reason == ReasonNoLogin {
			err = unexpected(again.answer, op, identity.WebRequired, more) // whether the client may, for one
		}
	}
	switch {
	case err != nil:
		return nil, err
	case s.target != nil:
		return f.p.grant(ctx, op, f.b, f.try, s)
	}
	return nil, f.refused(op, asked.kind, s)
}

// refused says what the page means that came instead of a grant.
func (f *flow) refused(op string, asked kind, s *stop) error {
	wrong := identity.WrongPassword
	if op == opCode {
		wrong = identity.WrongCode
	}
	switch {
	case s.page.kind == asked && !s.moved:
		f.keep(s.page)
		return s.answer.Fail(op, wrong, "CAS asks once more")
	case s.page.kind == pageOther || s.page.kind == pageToken && op == opPassword:
		return f.further(s, op)
	case op == opCode:
		return s.answer.Fail(op, identity.CodeExpired, "CAS began anew")
	case s.answer.Status == http.StatusUnauthorized:
		return s.answer.Fail(op, wrong, "CAS asks from the start")
	}
	return s.answer.Fail(op, identity.SessionExpired, "CAS began anew")
}

// codeLost says what becomes of a code that was given in vain. Where CAS has not judged it, its page
// is kept: no other takes this code. Of a page that it no longer knows, because it was restarted or
// the student took too long, CAS says what it says when it breaks (500): if another flow can be
// begun, that one is over, and only a new code is of use.
func (f *flow) codeLost(ctx context.Context, asked *page, s *stop, err error) error {
	switch {
	case s == nil, s.answer.Busy(), s.answer.Status == http.StatusLocked:
		f.page = asked
		return err
	case s.answer.Status < 500:
		return err
	}
	b, broken := f.p.newBrowser(f.link)
	if broken == nil {
		_, broken = f.p.first(ctx, b, opCode, newTry())
	}
	if broken != nil {
		return err
	}
	return s.answer.Fail(opCode, identity.CodeExpired, "CAS has begun anew since the code was sent")
}

// accountRefused: after a right password, CAS says of an account that is disabled, locked, has a
// password too old, or may not log in at this hour or place, what no form follows. Which of them it
// is stands in its words alone.
func accountRefused(err error) error {
	var e *identity.Error
	var u *UnexpectedPage
	if errors.As(err, &e) && errors.As(err, &u) && u.Status == http.StatusUnauthorized && u.Reason == ReasonNoLogin {
		return &identity.Error{Kind: identity.AccountBlocked, Op: e.Op, Err: u, Correlation: e.Correlation}
	}
	return err
}

// lost: a redirect led to something that is no page of CAS's login.
func (f *flow) lost(s *stop) bool { return s != nil && s.moved }

// grantedAll: the first answer was a redirect that set a cookie. Where CAS has only begun anew
// this is true as well, and asking once more finds that out.
func (f *flow) grantedAll(s *stop) bool { return s.moved && len(s.cookies) > 0 }

// further: the secret was right, and CAS wants more than that.
func (f *flow) further(s *stop, op string) *identity.Error {
	return unexpected(s.answer, op, identity.WebRequired,
		&UnexpectedPage{Status: s.answer.Status, Reason: ReasonOtherStep, Fingerprint: s.page.prints})
}

// end forgets the login's state; what follows answers SessionExpired.
func (f *flow) end() {
	f.over = true
	f.page, f.b, f.try, f.email = nil, nil, try{}, identity.Email{}
	f.link.Close()
}

// Close implements identity.Flow. It waits for an Answer under way, which the
// caller has cancelled.
func (f *flow) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
}
