package storm

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"portillon/internal/backoff"
	"portillon/internal/identity"
)

// student is one student at one tablet.
type student struct {
	*storm
	dice     *rand.Rand
	account  Account
	provider identity.Provider
	flow     identity.Flow
	failures backoff.Failures // without an answer
}

// result is how one login ended.
type result struct {
	took time.Duration // from arrival to session
	err  error         // nil: logged in
}

// errPatience ends a student's tries.
var errPatience = errors.New("gave up waiting")

func (s *storm) student(ctx context.Context, i int, dice *rand.Rand) result {
	if err := wait(ctx, time.Duration(dice.Float64()*float64(s.Arrival))); err != nil {
		return result{err: err}
	}
	s.tally.arrive()
	came := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, s.Patience, errPatience)
	defer cancel()
	p, err := s.Provider(i)
	if err != nil {
		return result{err: err}
	}
	one := &student{storm: s, dice: dice, account: s.Account(i), provider: p}
	defer one.leave()
	err = one.logIn(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return result{took: time.Since(came), err: err}
}

// logIn tries until there is a session, as the login machine would let a student.
func (s *student) logIn(ctx context.Context) error {
	byCode := s.dice.Float64() < s.Codes
	wrong := !byCode && s.dice.Float64() < s.Wrong
	for {
		err := s.try(ctx, byCode, &wrong)
		if err == nil || !again(identity.KindOf(err)) {
			return err
		}
		// The service no longer knows the login, or the answer to a secret was lost: from
		// the start, as the kiosk does.
		s.leave()
		s.tally.retry()
	}
}

// again reports whether a login is begun anew.
func again(k identity.Kind) bool {
	return slices.Contains([]identity.Kind{identity.SessionExpired, identity.CodeExpired, identity.CodeUsed, identity.CodeSuperseded}, k)
}

func (s *student) try(ctx context.Context, byCode bool, wrong *bool) error {
	err := s.patiently(ctx, func() (err error) {
		s.flow, _, err = s.provider.Begin(ctx, s.account.Email)
		return err
	})
	if err != nil {
		return err
	}
	if byCode {
		return s.byCode(ctx)
	}
	if *wrong {
		err := s.answerSecret(ctx, s.account.Password+"?", password)
		if identity.KindOf(err) != identity.WrongPassword {
			if err == nil {
				err = errors.New("a wrong password was accepted")
			}
			return err
		}
		*wrong = false
		s.tally.wrong()
	}
	return s.answerSecret(ctx, s.account.Password, password)
}

func (s *student) byCode(ctx context.Context) error {
	asked := time.Now()
	err := s.patiently(ctx, func() error {
		_, err := s.flow.Answer(ctx, identity.CodeRequest{})
		return err
	})
	if err != nil {
		return err
	}
	s.tally.sent()
	code, err := s.Mail(ctx, s.account.Email, asked)
	if err != nil {
		return err
	}
	return s.answerSecret(ctx, code, code6)
}

func password(s *identity.Secret) identity.Answer { return identity.PasswordAnswer{Password: s} }
func code6(s *identity.Secret) identity.Answer    { return identity.CodeAnswer{Code: s} }

func (s *student) answerSecret(ctx context.Context, text string, answer func(*identity.Secret) identity.Answer) error {
	return s.patiently(ctx, func() error {
		secret, err := identity.NewSecret()
		if err != nil {
			return err
		}
		defer secret.Close()
		for i, r := range []rune(text) {
			if err := secret.Insert(i, r); err != nil {
				return err
			}
		}
		out, err := s.flow.Answer(ctx, answer(secret))
		if out.Session != nil {
			out.Session.Wipe()
		}
		return err
	})
}

// patiently repeats f while it fails for a reason that passes.
func (s *student) patiently(ctx context.Context, f func() error) error {
	for {
		err := f()
		var e *identity.Error
		if err == nil || !errors.As(err, &e) || !passes(e.Kind) {
			s.failures.End()
			return err
		}
		delay := e.RetryAfter
		if delay == 0 {
			delay = s.failures.Next(s.Backoff, time.Since(s.begin), s.dice.Float64)
		} else {
			s.failures.End() // it answered
		}
		if err := wait(ctx, delay); err != nil {
			return err
		}
		s.tally.retry()
	}
}

// passes reports whether a failure is one that a student waits out.
func passes(k identity.Kind) bool {
	return slices.Contains([]identity.Kind{
		identity.Busy, identity.TooManyAttempts, identity.ServiceUnavailable, identity.NoNetwork, identity.NoRoute,
		identity.NameNotFound, identity.Refused, identity.TimedOut, identity.ConnectionLost,
	}, k)
}

func (s *student) leave() {
	if s.flow != nil {
		s.flow.Close()
		s.flow = nil
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
