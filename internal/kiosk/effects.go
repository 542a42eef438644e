package kiosk

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"time"

	"portillon/internal/identity"
	"portillon/internal/login"
	"portillon/internal/preflight"
	"portillon/internal/vault"
)

// perform carries effects out in order. What takes time goes to a goroutine and
// comes back as an event.
func (k *Kiosk) perform(effects []login.Effect) {
	for _, e := range effects {
		k.effect(e)
	}
}

func (k *Kiosk) effect(e login.Effect) {
	switch e := e.(type) {
	case login.Begin, login.AskCode, login.SendPassword, login.SendCode, login.Resume, login.Seal, login.HandOff:
		k.ask(e)
	case login.Outcome:
		k.Log.Info("outcome", "kind", e.Kind)
	case login.WipeSecret:
		e.Secret.Close()
	case login.Discard:
		k.discard(e.Attempt)
	case login.Reset:
		k.reset()
	case login.Preflight:
		if !k.done {
			go k.preflight(e.Ref)
		}
	case login.Relaunch:
		go k.relaunch()
	case login.Power:
		go k.power(e.Action)
	}
}

// preflight runs the checks, and logs how they stand when that has changed.
func (k *Kiosk) preflight(ref login.Ref) {
	began := time.Now()
	preflight.Run(k.ctx, k.Checks(), func(list []preflight.Result, done bool) {
		if done {
			k.logChecks(list, time.Since(began))
		}
		k.Post(login.Checked{Ref: ref, Checks: preflight.Lines(list), Done: done})
	})
}

// logChecks tells a technician what was found; details hold no person.
func (k *Kiosk) logChecks(list []preflight.Result, took time.Duration) {
	var wrong []any
	for _, r := range list {
		if r.Status != login.CheckOK {
			wrong = append(wrong, slog.Group(r.ID, "code", r.Code, "grade", string(r.Grade), "status", string(r.Status), "detail", r.Detail))
		}
	}
	k.mu.Lock()
	same := reflect.DeepEqual(wrong, k.wrong) && k.checked
	k.wrong, k.checked = wrong, true
	k.mu.Unlock()
	if !same {
		k.Log.Info("preflight", append([]any{"ms", took.Milliseconds()}, wrong...)...)
	}
}

// ask starts a request whose answer is an event.
func (k *Kiosk) ask(e login.Effect) {
	switch e := e.(type) {
	case login.Begin:
		k.request(e.Ref, func(ctx context.Context, a *attempt) login.Event { return k.open(ctx, e, a) })
	case login.AskCode:
		k.answer(e.Ref, identity.CodeRequest{}, nil)
	case login.SendPassword:
		k.answer(e.Ref, identity.PasswordAnswer{Password: e.Secret}, e.Secret)
	case login.SendCode:
		k.answer(e.Ref, identity.CodeAnswer{Code: e.Secret}, e.Secret)
	case login.Resume:
		k.request(e.Ref, func(ctx context.Context, a *attempt) login.Event { return k.resume(ctx, e, a) })
	case login.Seal:
		k.request(e.Ref, func(ctx context.Context, a *attempt) login.Event { return k.seal(ctx, e, a) })
	case login.HandOff:
		k.request(e.Ref, func(ctx context.Context, a *attempt) login.Event { return k.handOff(ctx, e, a) })
	case login.Preflight, login.Power, login.Relaunch, login.Discard, login.WipeSecret, login.Reset, login.Outcome: // done by effect
	}
}

// attempt finds or makes what is held of attempt n.
func (k *Kiosk) attempt(n int) *attempt {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.attempts[n]
	if a == nil {
		a = &attempt{}
		a.ctx, a.cancel = context.WithCancel(k.ctx)
		k.attempts[n] = a
	}
	return a
}

// request runs do off the loop, under the attempt's context, and posts what it returns.
func (k *Kiosk) request(ref login.Ref, do func(context.Context, *attempt) login.Event) {
	a := k.attempt(ref.Attempt)
	go func() {
		ctx, cancel := context.WithTimeout(a.ctx, requestLimit)
		defer cancel()
		k.Post(do(ctx, a))
	}()
}

func (k *Kiosk) open(ctx context.Context, e login.Begin, a *attempt) login.Event {
	flow, challenge, err := k.Provider.Begin(ctx, e.Email)
	if err != nil {
		return k.failed(e.Ref, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if a.ctx.Err() != nil { // discarded meanwhile
		flow.Close()
		return k.failed(e.Ref, identity.Fail("identify", identity.Canceled, ""))
	}
	if a.flow != nil {
		a.flow.Close()
	}
	a.flow = flow
	return login.Challenged{Ref: e.Ref, Challenge: challenge}
}

// answer gives the service one answer and closes the secret whatever comes of it.
func (k *Kiosk) answer(ref login.Ref, answer identity.Answer, secret *identity.Secret) {
	k.request(ref, func(ctx context.Context, a *attempt) login.Event {
		defer secret.Close()
		k.mu.Lock()
		flow := a.flow
		k.mu.Unlock()
		if flow == nil {
			return k.failed(ref, identity.Fail("", identity.SessionExpired, "no login is open"))
		}
		outcome, err := flow.Answer(ctx, answer)
		switch {
		case err != nil:
			return k.failed(ref, err)
		case outcome.Session != nil:
			granted := login.Granted{Ref: ref, Name: outcome.Session.Name}
			k.hold(a, outcome.Session, nil)
			return granted
		case outcome.Challenge != nil:
			return login.Challenged{Ref: ref, Challenge: *outcome.Challenge}
		}
		return k.failed(ref, identity.Fail("", identity.UnexpectedAnswer, "neither challenge nor session"))
	})
}

// hold keeps a session, and what the vault has of it, with its attempt; one that was
// discarded meanwhile is revoked at once. The caller does not use s afterwards.
func (k *Kiosk) hold(a *attempt, s *identity.Session, record *vault.Record) {
	k.mu.Lock()
	if a.ctx.Err() == nil {
		a.session, a.record = s, record
		if a.flow != nil { // it has done its work, and its connection must not be kept
			a.flow.Close()
			a.flow = nil
		}
		k.mu.Unlock()
		return
	}
	k.mu.Unlock()
	var wiped <-chan struct{}
	if record != nil {
		wiped = k.wipeVault()
	}
	k.revoke(s, wiped)
}

// failed turns an error into the machine's event.
func (k *Kiosk) failed(ref login.Ref, err error) login.Event {
	f := login.Failure{Kind: identity.ServiceUnavailable, Remaining: -1}
	var e *identity.Error
	if errors.As(err, &e) {
		f = login.Failure{Kind: e.Kind, Remaining: -1, RetryAfter: e.RetryAfter, SetupURI: e.SetupURI, Correlation: e.Correlation}
		if e.Remaining != nil {
			f.Remaining = *e.Remaining
		}
		// Its text holds no personal data (identity.Provider); the kind is logged by Outcome.
		k.Log.Debug("failure", "op", e.Op, "error", e.Error())
	}
	f.Backoff = k.wait(f.Kind)
	return login.Failed{Ref: ref, Failure: f}
}
