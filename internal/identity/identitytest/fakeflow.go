package identitytest

import (
	"context"
	"fmt"
	"time"

	"portillon/internal/identity"
)

// fakeFlow is one login at a Fake; everything in it is guarded by the fake's mutex.
type fakeFlow struct {
	f       *Fake
	email   identity.Email
	account *fakeAccount
	known   bool
	codes   []fakeCode
	wrong   int
	over    bool
}

type fakeCode struct {
	digits string
	at     time.Time
}

// Answer implements identity.Flow.
func (fl *fakeFlow) Answer(ctx context.Context, a identity.Answer) (identity.Outcome, error) {
	var op, typed string
	var secret *identity.Secret
	switch a := a.(type) {
	case identity.PasswordAnswer:
		op, secret = "password", a.Password
	case identity.CodeAnswer:
		op, secret = "code", a.Code
	case identity.CodeRequest:
		op = "send_code"
	}
	if secret != nil {
		secret.Use(func(b []byte) { typed = string(b) }) // a fake, and made-up secrets
	}
	r, err := fl.f.enter(ctx, op, fl.email)
	fl.f.mu.Lock()
	defer fl.f.mu.Unlock()
	switch {
	case fl.over:
		return identity.Outcome{}, identity.Fail(op, identity.SessionExpired, "closed")
	case err != nil:
		return identity.Outcome{}, err
	case r != nil && (r.Challenge != nil || r.Session != nil):
		fl.over = r.Session != nil
		return identity.Outcome{Challenge: r.Challenge, Session: r.Session}, nil
	case op == "send_code":
		return fl.send()
	case op == "password":
		err = fl.checkPassword(typed)
	default:
		err = fl.checkCode(typed)
	}
	if err != nil {
		return identity.Outcome{}, err
	}
	fl.over = true
	return identity.Outcome{Session: fl.f.grant(fl.account)}, nil
}

// Close implements identity.Flow.
func (fl *fakeFlow) Close() {
	fl.f.mu.Lock()
	defer fl.f.mu.Unlock()
	fl.f.calls = append(fl.f.calls, Call{"close", fl.email})
	fl.over = true
}

// wrongly counts a wrong answer and tells what remains.
func (fl *fakeFlow) wrongly(op string, k identity.Kind, count *int) error {
	*count++
	if *count > fakeTries {
		e := identity.Fail(op, identity.TooManyAttempts, "")
		e.RetryAfter = time.Minute
		return e
	}
	e := identity.Fail(op, k, "")
	if left := fakeTries - *count; !fl.f.Limited.TellsRemaining {
		e.Remaining = &left
	}
	return e
}

func (fl *fakeFlow) checkPassword(typed string) error {
	free := len(fl.f.accounts) == 0
	if typed == "" || !fl.known || !free && typed != fl.account.Password {
		return fl.wrongly("password", identity.WrongPassword, &fl.account.wrong)
	}
	if fl.account.wrong >= fakeTries {
		return fl.wrongly("password", identity.TooManyAttempts, &fl.account.wrong)
	}
	fl.account.wrong = 0
	return nil
}

func (fl *fakeFlow) send() (identity.Outcome, error) {
	now := fl.f.now()
	if wait := fl.account.sentAt.Add(fakeResend).Sub(now); wait > 0 {
		e := identity.Fail("send_code", identity.TooManyAttempts, "")
		e.RetryAfter = wait.Round(time.Second)
		return identity.Outcome{}, e
	}
	fl.account.sentAt = now
	fl.f.serial++
	fl.codes = append(fl.codes, fakeCode{fmt.Sprintf("%06d", 7919*fl.f.serial%1e6), now})
	fl.wrong = 0
	if fl.known {
		if fl.f.mails == nil {
			fl.f.mails = map[string][]string{}
		}
		to := fl.email.Address()
		fl.f.mails[to] = append(fl.f.mails[to], fl.codes[len(fl.codes)-1].digits)
	}
	return identity.Outcome{Challenge: &identity.Challenge{
		Password: true, EmailCode: true, CodeValid: FakeCodeValid,
		Sent: &identity.SentCode{Length: 6, ValidFor: FakeCodeValid, ResendAfter: fakeResend, Target: "z••@••"},
	}}, nil
}

func (fl *fakeFlow) checkCode(typed string) error {
	tells := !fl.f.Limited.TellsExpiry
	for i, c := range fl.codes {
		newest := i == len(fl.codes)-1
		switch {
		case c.digits != typed || !fl.known:
			continue
		case fl.wrong >= fakeTries:
			return fl.wrongly("code", identity.TooManyAttempts, &fl.wrong)
		case !newest && tells:
			return identity.Fail("code", identity.CodeSuperseded, "")
		case newest && fl.f.now().Sub(c.at) < FakeCodeValid:
			return nil
		case newest && tells:
			return identity.Fail("code", identity.CodeExpired, "")
		}
	}
	return fl.wrongly("code", identity.WrongCode, &fl.wrong)
}
