package oauth

import (
	"context"
	"time"

	"portillon/internal/rehearsal/store"
	"portillon/internal/wire"
)

// settleTimeout bounds what is written after a client has gone.
const settleTimeout = 10 * time.Second

// guess is one password between the two transactions of its check.
type guess struct {
	sess  store.Session
	phc   string
	event int64 // the failure counted in advance
}

// password checks a password. The place in the hasher's queue is taken before the
// session moves: a client told to come back later keeps its session.
func (s *Service) password(r *request) (reply, error) {
	ticket, err := s.Hasher.Enter(string(hashOf(r.get(wire.FieldAuthSession))))
	if err != nil {
		return reply{}, err
	}
	var g guess
	next := newToken()
	early, err := s.rotate(r, next, func(_ *request, tx *store.Tx, sess store.Session, next token) (out reply, err error) {
		g, out, err = s.countGuess(tx, sess, next)
		return out, err
	})
	if err != nil || g.event == 0 {
		ticket.Leave()
		return early, err
	}
	right, checkErr := ticket.Check(r.ctx, g.phc, r.get(wire.FieldPassword))
	// A client that hung up must find its failures as they are: settle all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), settleTimeout)
	defer cancel()
	var out reply
	err = s.DB.Step(ctx, func(tx *store.Tx) (err error) {
		if checkErr != nil {
			return tx.DeleteEvent(g.event) // nothing was compared: nothing counts
		}
		out, err = s.settleGuess(tx, g, right, next)
		return err
	})
	if checkErr != nil {
		return reply{}, errWrap("check password", checkErr)
	}
	return out, err
}

// countGuess counts a wrong password in advance; a guess without an event was
// answered already.
func (s *Service) countGuess(tx *store.Tx, sess store.Session, next token) (guess, reply, error) {
	account, _, err := tx.AccountByID(sess.AccountID) // nobody has ID 0: the same query for a phantom
	wait := s.barred(account)
	if err == nil && wait == 0 {
		_, wait, err = s.limit(tx, sess, store.WrongPassword, s.Policy.Passwords)
	}
	if err != nil {
		return guess{}, reply{}, err
	}
	if wait > 0 {
		return guess{}, tooMany(next, wait), nil
	}
	event, err := tx.AddEvent(sess, store.WrongPassword, s.Now())
	return guess{sess, account.Password, event}, reply{}, err
}

func (s *Service) settleGuess(tx *store.Tx, g guess, right bool, next token) (reply, error) {
	if right {
		return s.grant(tx, g.sess, next)
	}
	left, wait, err := s.limit(tx, g.sess, store.WrongPassword, s.Policy.Passwords)
	if err != nil {
		return reply{}, err
	}
	if wait > 0 {
		return tooMany(next, wait), nil
	}
	a := insufficient(next, wire.SubInvalidCredentials)
	a.RemainingAttempts = &left
	return say(a), nil
}
